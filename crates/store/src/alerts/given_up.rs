//! Channels that notifications were given up for, until that is told in another way.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

/// Notifications that one channel did not take, and that nobody was told of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name.
    pub channel: String,
    /// How many.
    pub count: u64,
    /// When the first one was given up.
    pub first_at: Timestamp,
    /// When the last one was.
    pub last_at: Timestamp,
    /// The ID of the last one.
    pub notification: String,
    /// The class of its failure.
    pub class: String,
    /// What its failure said.
    pub message: String,
}

/// Adds what is in `more` to what is known of that channel.
pub(super) fn add(transaction: &Transaction<'_>, more: &GivenUp) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO given_up (receiver, channel, count, first_at, last_at, notification,
                class, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (receiver, channel) DO UPDATE SET
                count = count + excluded.count, last_at = excluded.last_at,
                notification = excluded.notification, class = excluded.class,
                message = excluded.message",
        )?
        .execute(params![
            more.receiver,
            more.channel,
            more.count as i64,
            micros(more.first_at),
            micros(more.last_at),
            more.notification,
            more.class,
            more.message,
        ])?;
    Ok(())
}

/// All up to the notification given up at `last_at` is told.
pub(super) fn told(
    transaction: &Transaction<'_>,
    receiver: &str,
    channel: &str,
    last_at: Timestamp,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM given_up WHERE receiver = ? AND channel = ? AND last_at <= ?")?
        .execute(params![receiver, channel, micros(last_at)])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<GivenUp>> {
    Select::new(
        "SELECT receiver, channel, count, first_at, last_at, notification, class, message
         FROM given_up",
    )
    .rows(connection, "receiver, channel", usize::MAX, read)
}

fn read(row: &Row<'_>) -> Option<GivenUp> {
    Some(GivenUp {
        receiver: row.get(0).ok()?,
        channel: row.get(1).ok()?,
        count: row.get::<_, i64>(2).ok()?.unsigned_abs(),
        first_at: time(row.get(3).ok()?)?,
        last_at: time(row.get(4).ok()?)?,
        notification: row.get(5).ok()?,
        class: row.get(6).ok()?,
        message: row.get(7).ok()?,
    })
}
