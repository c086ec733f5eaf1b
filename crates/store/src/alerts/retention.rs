//! History that is over age or too much goes; what is not over stays, however old.

use jiff::Timestamp;
use rusqlite::Connection;

use super::Options;
use crate::sqlite::micros;
use crate::sqlite::retention::{delete, delete_surplus, oldest};

pub(super) fn retain(
    connection: &Connection,
    options: &Options,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let bound = oldest(options.retention, now);
    for (table, condition, bound) in [
        ("transition", "at < ?1", bound),
        ("attempt", "at < ?1", bound),
        // Both belong to groups that are told again and again while they go on.
        ("thread", "at < ?1", bound),
        ("sent", "expires_at < ?1", micros(now)),
    ] {
        let key = if matches!(table, "thread" | "sent") { "rowid" } else { "id" };
        delete(connection, table, key, condition, bound)?;
    }
    connection.execute("DELETE FROM told WHERE at < ?", [bound])?;
    delete_surplus(connection, "transition", "id", options.max_transitions)?;
    delete_surplus(connection, "attempt", "id", options.max_attempts)?;
    connection.execute_batch("PRAGMA incremental_vacuum(2000)")
}
