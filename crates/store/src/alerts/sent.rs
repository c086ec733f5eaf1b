//! What each receiver was last told of each group, so that nothing is told twice.

use jiff::Timestamp;
use model::alert::Fingerprint;
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

/// What one receiver was last told of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentLog {
    /// The receiver's name.
    pub receiver: String,
    /// The group's identity.
    pub group_key: String,
    /// Alerts that were told as firing.
    pub firing: Vec<Fingerprint>,
    /// Alerts that were told as over.
    pub resolved: Vec<Fingerprint>,
    /// When.
    pub at: Timestamp,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
}

pub(super) fn put(transaction: &Transaction<'_>, sent: &SentLog) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO sent (receiver, group_key, firing, resolved, at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            sent.receiver,
            sent.group_key,
            text::fingerprints(&sent.firing),
            text::fingerprints(&sent.resolved),
            micros(sent.at),
            micros(sent.expires_at),
        ])?;
    Ok(())
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    receiver: &str,
    group_key: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM sent WHERE receiver = ? AND group_key = ?")?
        .execute([receiver, group_key])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<SentLog>> {
    Select::new("SELECT receiver, group_key, firing, resolved, at, expires_at FROM sent").rows(
        connection,
        "receiver, group_key",
        usize::MAX,
        read,
    )
}

fn read(row: &Row<'_>) -> Option<SentLog> {
    let (firing, resolved): (String, String) = (row.get(2).ok()?, row.get(3).ok()?);
    Some(SentLog {
        receiver: row.get(0).ok()?,
        group_key: row.get(1).ok()?,
        firing: text::read_fingerprints(&firing)?,
        resolved: text::read_fingerprints(&resolved)?,
        at: time(row.get(4).ok()?)?,
        expires_at: time(row.get(5).ok()?)?,
    })
}
