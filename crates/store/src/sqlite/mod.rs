//! The records in SQLite: the file, its tables, and one module of SQL per entity.
//!
//! Times are microseconds since 1970, UTC; what has its own words (kinds, severities, IDs) is stored
//! as the API writes it. A row that cannot be read is left out: a later program may know more kinds.

pub(crate) mod event;
mod file;
pub(crate) mod finding;
pub(crate) mod leader;
mod member_ref;
pub(crate) mod membership;
mod migrations;
pub(crate) mod retention;
pub(crate) mod select;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

pub(crate) use file::{File, Schema};
pub(crate) use retention::retain;

use crate::record::Record;

/// The tables of the records.
pub(crate) static SCHEMA: Schema = Schema {
    steps: &[include_str!("v1.sql"), include_str!("v2.sql")],
    columns: &[
        ("event", "message"),
        ("leader_change", "leaderless"),
        ("leadership", "seen_elected"),
        ("membership_change", "detail"),
        ("finding", "next_steps"),
    ],
};

/// Event numbers that may be told before the file knows of them, as when the disk is full; after a
/// crash they are left out.
const RESERVED: u64 = 100_000;

/// Whether numbers are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserve {
    /// More will come.
    More,
    /// These are the last ones.
    Nothing,
}

/// Writes all of `records`, or nothing. `told` is the highest number that an event has.
pub(crate) fn write(
    connection: &mut Connection,
    records: &[Record],
    told: u64,
    reserve: Reserve,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for record in records {
        match record {
            Record::Event(event) => event::insert(&transaction, event)?,
            Record::LeaderChange { cluster, change } => {
                leader::insert(&transaction, cluster, change)?;
            }
            Record::Leadership { cluster, leadership } => {
                leader::put_leadership(&transaction, cluster, leadership.as_ref())?;
            }
            Record::MembershipChange { cluster, change } => {
                membership::insert(&transaction, cluster, change)?;
            }
            Record::Finding { cluster, finding } => {
                finding::put(&transaction, cluster, finding)?;
            }
        }
    }
    let reserved = reserved(&transaction)?;
    match reserve {
        Reserve::Nothing => set_reserved(&transaction, told)?,
        Reserve::More if reserved < told + RESERVED / 2 => {
            set_reserved(&transaction, told + RESERVED)?;
        }
        Reserve::More => {}
    }
    transaction.commit()
}

/// The number for the next event; and reserves more.
pub(crate) fn first_sequence(connection: &mut Connection) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last = reserved(&transaction)?.max(event::newest(&transaction)?);
    set_reserved(&transaction, last + RESERVED)?;
    transaction.commit()?;
    Ok(last + 1)
}

fn reserved(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    let reserved: Option<i64> = transaction
        .query_row("SELECT value FROM counter WHERE name = 'sequence'", (), |row| row.get(0))
        .optional()?;
    Ok(reserved.unwrap_or(0).unsigned_abs())
}

fn set_reserved(transaction: &Transaction<'_>, last: u64) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO counter (name, value) VALUES ('sequence', ?)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [last as i64],
    )?;
    Ok(())
}

pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn time(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

/// The value that calls itself `name`.
pub(crate) fn named<T: Copy>(all: &[T], as_str: fn(T) -> &'static str, name: &str) -> Option<T> {
    all.iter().copied().find(|value| as_str(*value) == name)
}
