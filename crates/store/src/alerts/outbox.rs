//! The outbox: notifications that are to be delivered, one row for each channel.
//!
//! An entry leaves it when it was delivered or given up, and in no other way. Of one group of one
//! channel only the oldest entry is ever due.
//!
//! Queries name their index: left to itself SQLite takes another one that also begins with receiver
//! and channel, and reads the whole outbox for each entry.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::alert::Fingerprint;
use model::notification::Notification;
use model::severity::Severity;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{text, thread, told};
use crate::sqlite::{micros, time};

/// The longest that an entry is put off. One that is due later than this was put off before the
/// clock was set back, and is due now.
pub const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// A notification for one channel of its receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The channel's name within the receiver, as `slack[0]`.
    pub channel: String,
    /// What is more urgent is delivered first.
    pub urgency: Severity,
    /// What is told. For the same channel an ID is taken once; again it is ignored.
    pub notification: Arc<Notification>,
}

/// A notification that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// Its number: later ones have higher ones.
    pub id: u64,
    /// The channel's name.
    pub channel: String,
    /// That of the most urgent entry of its group, since that one waits for it.
    pub urgency: Severity,
    /// Since when it waits.
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// What is told.
    pub notification: Arc<Notification>,
    /// Alerts of its group whose firing never reached the channel: their end is no news there.
    pub untold: Vec<Fingerprint>,
    /// What the channel gave when the group was last told.
    pub thread: Option<String>,
    /// Whether the same group has another entry behind this one.
    pub has_later: bool,
}

/// What is due.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Due {
    /// The most urgent first, then the oldest.
    pub entries: Vec<OutboxEntry>,
    /// Numbers of entries that a later program wrote, or that are damaged.
    pub unreadable: Vec<u64>,
}

/// How much waits for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name.
    pub channel: String,
    /// How many.
    pub count: u64,
    /// Since when the oldest one does.
    pub oldest: Timestamp,
}

pub(super) fn insert(transaction: &Transaction<'_>, entry: &NewEntry) -> rusqlite::Result<()> {
    let notification = &entry.notification;
    let (receiver, group) = (&notification.receiver, &notification.group_key);
    let urgency = entry.urgency as i64;
    // Those before it have to go first, so they are as urgent.
    transaction
        .prepare_cached(
            "UPDATE outbox INDEXED BY outbox_of_group SET urgency = ?1
             WHERE receiver = ?2 AND channel = ?3 AND group_key = ?4 AND urgency < ?1",
        )?
        .execute(params![urgency, receiver, entry.channel, group])?;
    transaction
        .prepare_cached(
            "INSERT INTO outbox (notification, receiver, channel, group_key, urgency, since, tries,
                next_at, body) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)
             ON CONFLICT (notification, receiver, channel) DO NOTHING",
        )?
        .execute(params![
            notification.id,
            receiver,
            entry.channel,
            group,
            urgency,
            micros(notification.at),
            text::notification(notification),
        ])?;
    Ok(())
}

pub(super) fn remove(transaction: &Transaction<'_>, id: u64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM outbox WHERE id = ?")?.execute([id as i64])?;
    Ok(())
}

/// It was tried in vain, and is due again at `next_at`.
pub(super) fn put_off(
    transaction: &Transaction<'_>,
    id: u64,
    next_at: Timestamp,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE outbox SET tries = tries + 1, next_at = ? WHERE id = ?")?
        .execute([micros(next_at), id as i64])?;
    Ok(())
}

/// The channel works again: what was put off is due.
pub(super) fn hasten(
    transaction: &Transaction<'_>,
    receiver: &str,
    channel: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE outbox INDEXED BY outbox_put_off SET next_at = 0
             WHERE receiver = ? AND channel = ? AND next_at > 0",
        )?
        .execute([receiver, channel])?;
    Ok(())
}

/// The entry `by` stands for `id` too, and has waited as long.
pub(super) fn supersede(transaction: &Transaction<'_>, id: u64, by: u64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE outbox SET (since, tries, next_at) =
                (SELECT since, tries, next_at FROM outbox WHERE id = ?1)
             WHERE id = ?2 AND EXISTS (SELECT 1 FROM outbox WHERE id = ?1)",
        )?
        .execute([id as i64, by as i64])?;
    remove(transaction, id)
}

/// Receiver, channel and group of an entry.
pub(super) fn address(
    transaction: &Transaction<'_>,
    id: u64,
) -> rusqlite::Result<Option<(String, String, String)>> {
    transaction
        .prepare_cached("SELECT receiver, channel, group_key FROM outbox WHERE id = ?")?
        .query_row([id as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}

/// A query of the entries of a channel by one index, with `condition` beyond that.
fn entries_of_channel(index: &str, condition: &str) -> String {
    format!(
        "SELECT id, urgency, since, tries, body, EXISTS (
            SELECT 1 FROM outbox AS later INDEXED BY outbox_of_group
            WHERE later.receiver = outbox.receiver AND later.channel = outbox.channel
                AND later.group_key = outbox.group_key AND later.id > outbox.id)
         FROM outbox INDEXED BY {index} WHERE receiver = ?1 AND channel = ?2 AND {condition}"
    )
}

/// The first of each group, of those due at `now`.
pub(super) fn due(
    connection: &Connection,
    receiver: &str,
    channel: &str,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Due> {
    let mut query = connection.prepare_cached(&entries_of_channel(
        "outbox_by_urgency",
        "(next_at <= ?3 OR next_at > ?4) AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier INDEXED BY outbox_of_group
            WHERE earlier.receiver = outbox.receiver AND earlier.channel = outbox.channel
                AND earlier.group_key = outbox.group_key AND earlier.id < outbox.id)
         ORDER BY urgency DESC, id LIMIT ?5",
    ))?;
    let mut rows = query.query(params![
        receiver,
        channel,
        micros(now),
        micros(now.saturating_add(LONGEST_DELAY).unwrap_or(Timestamp::MAX)),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ])?;
    collect(connection, receiver, channel, &mut rows)
}

/// Those that wait since before `since`, the oldest first.
pub(super) fn waiting_since(
    connection: &Connection,
    receiver: &str,
    channel: &str,
    since: Timestamp,
    limit: usize,
) -> rusqlite::Result<Due> {
    let mut query = connection.prepare_cached(&entries_of_channel(
        "outbox_by_age",
        "since < ?3 ORDER BY since, id LIMIT ?4",
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = query.query(params![receiver, channel, micros(since), limit])?;
    collect(connection, receiver, channel, &mut rows)
}

/// The next entry of the same group and channel.
pub(super) fn after(
    connection: &Connection,
    entry: &OutboxEntry,
) -> rusqlite::Result<Option<OutboxEntry>> {
    let mut query = connection.prepare_cached(&entries_of_channel(
        "outbox_of_group",
        "group_key = ?3 AND id > ?4 ORDER BY id LIMIT 1",
    ))?;
    let receiver = &entry.notification.receiver;
    let mut rows = query.query(params![
        receiver,
        entry.channel,
        entry.notification.group_key,
        entry.id as i64
    ])?;
    Ok(collect(connection, receiver, &entry.channel, &mut rows)?.entries.pop())
}

/// When the next one that was put off is due.
pub(super) fn next_at(
    connection: &Connection,
    receiver: &str,
    channel: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let next: Option<i64> = connection
        .prepare_cached(
            "SELECT min(next_at) FROM outbox INDEXED BY outbox_put_off
             WHERE receiver = ? AND channel = ? AND next_at > 0 AND next_at > ?",
        )?
        .query_row(params![receiver, channel, micros(now)], |row| row.get(0))?;
    Ok(next.and_then(time))
}

/// The newest entry of a channel that is critical.
pub(super) fn newest_critical(
    connection: &Connection,
    receiver: &str,
    channel: &str,
) -> rusqlite::Result<Option<u64>> {
    let newest: Option<i64> = connection
        .prepare_cached(
            "SELECT max(id) FROM outbox INDEXED BY outbox_by_urgency
             WHERE receiver = ? AND channel = ? AND urgency = ?",
        )?
        .query_row(params![receiver, channel, Severity::Critical as i64], |row| row.get(0))?;
    Ok(newest.map(i64::unsigned_abs))
}

/// How much waits for each channel.
pub(super) fn waiting(connection: &Connection) -> rusqlite::Result<Vec<Waiting>> {
    let mut query = connection.prepare_cached(
        "SELECT receiver, channel, count(*), min(since) FROM outbox GROUP BY receiver, channel",
    )?;
    let rows = query.query_map((), |row| {
        Ok(Waiting {
            receiver: row.get(0)?,
            channel: row.get(1)?,
            count: row.get::<_, i64>(2)?.unsigned_abs(),
            oldest: time(row.get(3)?).unwrap_or(Timestamp::UNIX_EPOCH),
        })
    })?;
    rows.collect()
}

fn collect(
    connection: &Connection,
    receiver: &str,
    channel: &str,
    rows: &mut rusqlite::Rows<'_>,
) -> rusqlite::Result<Due> {
    let mut due = Due::default();
    while let Some(row) = rows.next()? {
        let id = row.get::<_, i64>(0)?.unsigned_abs();
        let Some(mut entry) = read(row, id, channel) else {
            due.unreadable.push(id);
            continue;
        };
        let group = &entry.notification.group_key;
        entry.untold = told::untold(connection, receiver, channel, group)?;
        entry.thread = thread::of(connection, receiver, channel, group)?;
        due.entries.push(entry);
    }
    Ok(due)
}

fn read(row: &Row<'_>, id: u64, channel: &str) -> Option<OutboxEntry> {
    let urgency: i64 = row.get(1).ok()?;
    let body: String = row.get(4).ok()?;
    Some(OutboxEntry {
        id,
        channel: channel.to_owned(),
        urgency: Severity::ALL.into_iter().find(|severity| *severity as i64 == urgency)?,
        since: time(row.get(2).ok()?)?,
        tries: row.get(3).ok()?,
        notification: Arc::new(text::read_notification(&body)?),
        untold: Vec::new(),
        thread: None,
        has_later: row.get(5).ok()?,
    })
}
