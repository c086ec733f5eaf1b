//! Which firing alerts a channel was told of, and of which it was not because that was given up.

use jiff::Timestamp;
use model::alert::Fingerprint;
use rusqlite::{Connection, Transaction, params};

use super::outbox;
use crate::sqlite::micros;

/// The entry `id` was delivered: the channel knows of `firing`, and that `resolved` are over.
pub(super) fn delivered(
    transaction: &Transaction<'_>,
    id: u64,
    firing: &[Fingerprint],
    resolved: &[Fingerprint],
    at: Timestamp,
) -> rusqlite::Result<()> {
    let Some((receiver, channel, group)) = outbox::address(transaction, id)? else { return Ok(()) };
    let mut put = transaction.prepare_cached(
        "INSERT OR REPLACE INTO told (receiver, channel, group_key, fingerprint, is_told, at)
         VALUES (?, ?, ?, ?, 1, ?)",
    )?;
    for alert in firing {
        put.execute(params![receiver, channel, group, alert.to_string(), micros(at)])?;
    }
    let mut remove = transaction.prepare_cached(
        "DELETE FROM told
         WHERE receiver = ? AND channel = ? AND group_key = ? AND fingerprint = ?",
    )?;
    for alert in resolved {
        remove.execute(params![receiver, channel, group, alert.to_string()])?;
    }
    outbox::remove(transaction, id)
}

/// The entry `id` was given up: the channel does not know of `firing`, but for those that it was
/// told of before.
pub(super) fn given_up(
    transaction: &Transaction<'_>,
    id: u64,
    firing: &[Fingerprint],
    at: Timestamp,
) -> rusqlite::Result<()> {
    let Some((receiver, channel, group)) = outbox::address(transaction, id)? else { return Ok(()) };
    let mut put = transaction.prepare_cached(
        "INSERT INTO told (receiver, channel, group_key, fingerprint, is_told, at)
         VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
    )?;
    for alert in firing {
        put.execute(params![receiver, channel, group, alert.to_string(), micros(at)])?;
    }
    Ok(())
}

/// Alerts of the group that were given up and of which the channel never heard.
pub(super) fn untold(
    connection: &Connection,
    receiver: &str,
    channel: &str,
    group_key: &str,
) -> rusqlite::Result<Vec<Fingerprint>> {
    let mut query = connection.prepare_cached(
        "SELECT fingerprint FROM told
         WHERE receiver = ? AND channel = ? AND group_key = ? AND NOT is_told",
    )?;
    let mut rows = query.query([receiver, channel, group_key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(Fingerprint::parse(&row.get::<_, String>(0)?));
    }
    Ok(found)
}
