//! Events.

use model::event::{Event, EventKind};
use model::severity::Severity;
use rusqlite::{Connection, Row, Transaction, params};

use super::select::Select;
use super::{member_ref, micros, named, time};
use crate::query::{EventQuery, Page};

const COLUMNS: &str = "SELECT sequence, at, cluster, kind, severity, message,
    member_id, member_name, member_endpoint FROM event";

pub(super) fn insert(transaction: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
    let [id, name, endpoint] = member_ref::values(event.member.as_ref());
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO event (sequence, at, cluster, kind, severity, message,
                member_id, member_name, member_endpoint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            event.sequence as i64,
            micros(event.at),
            event.cluster,
            event.kind.as_str(),
            event.severity.as_str(),
            event.message,
            id,
            name,
            endpoint,
        ])?;
    Ok(())
}

/// A page, newest first.
pub(crate) fn page(
    connection: &Connection,
    query: &EventQuery,
    limit: usize,
) -> rusqlite::Result<Page<Event>> {
    select(query).page(connection, "sequence DESC", limit, |row| {
        read(row).map(|event| (event.sequence as i64, event))
    })
}

/// The first ones, oldest first.
pub(crate) fn onwards(
    connection: &Connection,
    query: &EventQuery,
    limit: usize,
) -> rusqlite::Result<Vec<Event>> {
    select(query).rows(connection, "sequence", limit, read)
}

/// The lowest number.
pub(crate) fn oldest(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let oldest: Option<i64> =
        connection.query_row("SELECT min(sequence) FROM event", (), |row| row.get(0))?;
    Ok(oldest.map(i64::unsigned_abs))
}

/// The highest number; 0 when there is none.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<u64> {
    let newest: Option<i64> =
        connection.query_row("SELECT max(sequence) FROM event", (), |row| row.get(0))?;
    Ok(newest.unwrap_or(0).unsigned_abs())
}

fn select(query: &EventQuery) -> Select {
    Select::new(COLUMNS)
        .and("cluster = ?", query.cluster.clone())
        .and("kind = ?", query.kind.map(|kind| kind.as_str().to_owned()))
        .and("severity = ?", query.severity.map(|severity| severity.as_str().to_owned()))
        .and("at >= ?", query.from.map(micros))
        .and("at < ?", query.to.map(micros))
        .and("sequence > ?", query.after_sequence.map(number))
        .and("sequence < ?", query.before_sequence.map(number))
        .and_text(&["message"], query.text.as_ref())
}

/// A cursor may be any number that a client makes up.
pub(crate) fn number(cursor: u64) -> i64 {
    i64::try_from(cursor).unwrap_or(i64::MAX)
}

fn read(row: &Row<'_>) -> Option<Event> {
    let sequence: i64 = row.get(0).ok()?;
    let (kind, severity): (String, String) = (row.get(3).ok()?, row.get(4).ok()?);
    Some(Event {
        sequence: sequence.unsigned_abs(),
        at: time(row.get(1).ok()?)?,
        cluster: row.get(2).ok()?,
        kind: named(&EventKind::ALL, EventKind::as_str, &kind)?,
        severity: named(&Severity::ALL, Severity::as_str, &severity)?,
        member: member_ref::read(row, 6)?,
        message: row.get(5).ok()?,
    })
}
