//! Changes of leader, and who leads now.

use std::time::Duration;

use model::leader::{LeaderChange, Leadership};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::event::number;
use super::select::Select;
use super::{member_ref, micros, time};
use crate::query::{ChangeQuery, Page};

const COLUMNS: &str = "SELECT id, at, term, leaderless, from_id, from_name, from_endpoint,
    to_id, to_name, to_endpoint FROM leader_change";

pub(super) fn insert(
    transaction: &Transaction<'_>,
    cluster: &str,
    change: &LeaderChange,
) -> rusqlite::Result<()> {
    let [from_id, from_name, from_endpoint] = member_ref::values(change.from.as_ref());
    let [to_id, to_name, to_endpoint] = member_ref::values(change.to.as_ref());
    transaction
        .prepare_cached(
            "INSERT INTO leader_change (cluster, at, is_loss, term, leaderless,
                from_id, from_name, from_endpoint, to_id, to_name, to_endpoint)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (cluster, at, is_loss) DO UPDATE SET
                term = excluded.term, leaderless = excluded.leaderless,
                from_id = excluded.from_id, from_name = excluded.from_name,
                from_endpoint = excluded.from_endpoint,
                to_id = excluded.to_id, to_name = excluded.to_name,
                to_endpoint = excluded.to_endpoint",
        )?
        .execute(params![
            cluster,
            micros(change.at),
            change.to.is_none(),
            change.term as i64,
            i64::try_from(change.leaderless.as_nanos()).unwrap_or(i64::MAX),
            from_id,
            from_name,
            from_endpoint,
            to_id,
            to_name,
            to_endpoint,
        ])?;
    Ok(())
}

/// A page, newest first.
pub(crate) fn page(
    connection: &Connection,
    query: &ChangeQuery,
    limit: usize,
) -> rusqlite::Result<Page<LeaderChange>> {
    Select::new(COLUMNS)
        .and("cluster = ?", Some(query.cluster.clone()))
        .and("at >= ?", query.from.map(micros))
        .and("at < ?", query.to.map(micros))
        .and("id < ?", query.before.map(number))
        .page(connection, "id DESC", limit, read)
}

fn read(row: &Row<'_>) -> Option<(i64, LeaderChange)> {
    let (term, leaderless): (i64, i64) = (row.get(2).ok()?, row.get(3).ok()?);
    let change = LeaderChange {
        at: time(row.get(1).ok()?)?,
        term: term as u64,
        from: member_ref::read(row, 4)?,
        to: member_ref::read(row, 7)?,
        leaderless: Duration::from_nanos(leaderless.unsigned_abs()),
    };
    Some((row.get(0).ok()?, change))
}

/// How many elections there are.
pub(crate) fn elections(connection: &Connection, cluster: &str) -> rusqlite::Result<u64> {
    let count: i64 = connection.query_row(
        "SELECT count(*) FROM leader_change WHERE cluster = ? AND NOT is_loss",
        [cluster],
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}

pub(super) fn put_leadership(
    transaction: &Transaction<'_>,
    cluster: &str,
    leadership: Option<&Leadership>,
) -> rusqlite::Result<()> {
    let Some(leadership) = leadership else {
        transaction.execute("DELETE FROM leadership WHERE cluster = ?", [cluster])?;
        return Ok(());
    };
    let [id, name, endpoint] = member_ref::values(Some(&leadership.member));
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO leadership (cluster, member_id, member_name, member_endpoint,
                term, since, seen_elected) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            cluster,
            id,
            name,
            endpoint,
            leadership.term as i64,
            micros(leadership.since),
            leadership.seen_elected,
        ])?;
    Ok(())
}

/// Who led when somebody last looked.
pub(crate) fn leadership(
    connection: &Connection,
    cluster: &str,
) -> rusqlite::Result<Option<Leadership>> {
    let found = connection
        .query_row(
            "SELECT term, since, seen_elected, member_id, member_name, member_endpoint
             FROM leadership WHERE cluster = ?",
            [cluster],
            |row| Ok(read_leadership(row)),
        )
        .optional()?;
    Ok(found.flatten())
}

fn read_leadership(row: &Row<'_>) -> Option<Leadership> {
    let term: i64 = row.get(0).ok()?;
    Some(Leadership {
        member: member_ref::read(row, 3)??,
        term: term as u64,
        since: time(row.get(1).ok()?)?,
        seen_elected: row.get(2).ok()?,
    })
}
