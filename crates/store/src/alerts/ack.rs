//! Acknowledgements, one for each alert.

use model::ack::Ack;
use model::alert::Fingerprint;
use rusqlite::{Connection, Row, Transaction, params};

use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

pub(super) fn put(transaction: &Transaction<'_>, ack: &Ack) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO ack (fingerprint, starts_at, at, by_whom, note)
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            ack.fingerprint.to_string(),
            micros(ack.starts_at),
            micros(ack.at),
            ack.by,
            ack.note,
        ])?;
    Ok(())
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    fingerprint: Fingerprint,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM ack WHERE fingerprint = ?")?
        .execute([fingerprint.to_string()])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Ack>> {
    Select::new("SELECT fingerprint, starts_at, at, by_whom, note FROM ack").rows(
        connection,
        "at, fingerprint",
        usize::MAX,
        read,
    )
}

fn read(row: &Row<'_>) -> Option<Ack> {
    let fingerprint: String = row.get(0).ok()?;
    Some(Ack {
        fingerprint: Fingerprint::parse(&fingerprint)?,
        starts_at: time(row.get(1).ok()?)?,
        at: time(row.get(2).ok()?)?,
        by: row.get(3).ok()?,
        note: row.get(4).ok()?,
    })
}
