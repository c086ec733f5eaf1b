//! What is over age goes, and the oldest events while there are too many.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::event::number;
use super::micros;
use crate::records::Options;

/// Rows of one transaction, so that what comes meanwhile does not wait long.
const AT_ONCE: usize = 5_000;

/// Removes what is over age at `now`. Open findings stay, however old.
pub(crate) fn retain(
    connection: &Connection,
    options: &Options,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let oldest = oldest(options.retention, now);
    for (table, key, condition) in [
        ("event", "sequence", "at < ?1"),
        ("leader_change", "id", "at < ?1"),
        ("membership_change", "id", "at < ?1"),
        ("finding", "id", "closed_at < ?1"),
    ] {
        delete(connection, table, key, condition, oldest)?;
    }
    delete_surplus(connection, "event", "sequence", options.max_events)?;
    connection.execute_batch("PRAGMA incremental_vacuum")
}

/// The time, in microseconds, that is `age` before `now`.
pub(crate) fn oldest(age: Duration, now: Timestamp) -> i64 {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    micros(now.saturating_sub(age).unwrap_or(Timestamp::MIN))
}

/// Deletes the rows of `table` with the lowest keys while there are more than `max`.
pub(crate) fn delete_surplus(
    connection: &Connection,
    table: &str,
    key: &str,
    max: u64,
) -> rusqlite::Result<()> {
    let count = format!("SELECT count(*) FROM {table}");
    let surplus = connection.query_row(&count, (), |row| row.get::<_, i64>(0))? - number(max);
    if surplus <= 0 {
        return Ok(());
    }
    let first_kept = format!("SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET ?");
    let first_kept: Option<i64> =
        connection.query_row(&first_kept, [surplus], |row| row.get(0)).optional()?;
    let (condition, bound) = (format!("{key} < ?1"), first_kept.unwrap_or(i64::MAX));
    delete(connection, table, key, &condition, bound)
}

/// Deletes the rows of `table` for which `condition` holds, `?1` being `bound`, a few at a time.
pub(crate) fn delete(
    connection: &Connection,
    table: &str,
    key: &str,
    condition: &str,
    bound: i64,
) -> rusqlite::Result<()> {
    let sql = format!(
        "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {condition} LIMIT ?2)"
    );
    let mut delete = connection.prepare(&sql)?;
    while delete.execute(params![bound, AT_ONCE as i64])? == AT_ONCE {}
    Ok(())
}
