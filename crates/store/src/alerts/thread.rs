//! What a channel gave when a group was told, to be given back when it is told again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::sqlite::micros;

/// The thread of a group in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name.
    pub channel: String,
    /// The group's identity.
    pub group_key: String,
    /// What the channel gave; none: the group is over, the next message begins a thread.
    pub thread: Option<String>,
    /// When.
    pub at: Timestamp,
}

pub(super) fn put(transaction: &Transaction<'_>, thread: &Thread) -> rusqlite::Result<()> {
    let Thread { receiver, channel, group_key, thread: text, at } = thread;
    let Some(text) = text else {
        transaction
            .prepare_cached(
                "DELETE FROM thread WHERE receiver = ? AND channel = ? AND group_key = ?",
            )?
            .execute([receiver, channel, group_key])?;
        return Ok(());
    };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO thread (receiver, channel, group_key, thread, at)
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![receiver, channel, group_key, text, micros(*at)])?;
    Ok(())
}

pub(super) fn of(
    connection: &Connection,
    receiver: &str,
    channel: &str,
    group_key: &str,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT thread FROM thread WHERE receiver = ? AND channel = ? AND group_key = ?",
        )?
        .query_row([receiver, channel, group_key], |row| row.get(0))
        .optional()
}
