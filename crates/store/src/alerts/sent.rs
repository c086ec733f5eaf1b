//! What each channel was last told of each group, so that nothing is told twice.

use jiff::Timestamp;
use model::alert::Fingerprint;
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

/// What one channel of one receiver was last told of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name within it: `slack[0]`.
    pub channel: String,
    /// The group's identity.
    pub group_key: String,
    /// Alerts that were told as firing.
    pub firing: Vec<Fingerprint>,
    /// Alerts that were told as over.
    pub resolved: Vec<Fingerprint>,
    /// When.
    pub at: Timestamp,
    /// When it may be forgotten, once there is no such group any more.
    pub expires_at: Timestamp,
}

pub(super) fn put(transaction: &Transaction<'_>, sent: &Sent) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO sent (receiver, channel, group_key, firing, resolved, at,
                expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            sent.receiver,
            sent.channel,
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
    channel: &str,
    group_key: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM sent WHERE receiver = ? AND channel = ? AND group_key = ?")?
        .execute([receiver, channel, group_key])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Sent>> {
    Select::new("SELECT receiver, channel, group_key, firing, resolved, at, expires_at FROM sent")
        .rows(connection, "receiver, channel, group_key", usize::MAX, read)
}

fn read(row: &Row<'_>) -> Option<Sent> {
    let (firing, resolved): (String, String) = (row.get(3).ok()?, row.get(4).ok()?);
    Some(Sent {
        receiver: row.get(0).ok()?,
        channel: row.get(1).ok()?,
        group_key: row.get(2).ok()?,
        firing: text::read_fingerprints(&firing)?,
        resolved: text::read_fingerprints(&resolved)?,
        at: time(row.get(5).ok()?)?,
        expires_at: time(row.get(6).ok()?)?,
    })
}
