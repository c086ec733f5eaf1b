//! What is over age goes, and the oldest events while there are too many.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::{event, micros};
use crate::records::Options;

/// Rows of one transaction, so that what comes meanwhile does not wait long.
const AT_ONCE: usize = 5_000;

/// Removes what is over age at `now`. Open findings stay, however old.
pub(crate) fn retain(
    connection: &Connection,
    options: &Options,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let age = SignedDuration::try_from(options.retention).unwrap_or(SignedDuration::MAX);
    let oldest = micros(now.saturating_sub(age).unwrap_or(Timestamp::MIN));
    for (table, key, condition) in [
        ("event", "sequence", "at < ?1"),
        ("leader_change", "id", "at < ?1"),
        ("membership_change", "id", "at < ?1"),
        ("finding", "id", "closed_at < ?1"),
    ] {
        delete(connection, table, key, condition, oldest)?;
    }
    let count: i64 = connection.query_row("SELECT count(*) FROM event", (), |row| row.get(0))?;
    let max = event::number(options.max_events);
    if count > max {
        let first_kept: i64 = connection.query_row(
            "SELECT sequence FROM event ORDER BY sequence LIMIT 1 OFFSET ?",
            [count - max],
            |row| row.get(0),
        )?;
        delete(connection, "event", "sequence", "sequence < ?1", first_kept)?;
    }
    connection.execute_batch("PRAGMA incremental_vacuum")
}

fn delete(
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
