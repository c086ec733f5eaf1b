//! Changes of member lists.

use model::membership::{MembershipChange, MembershipChangeKind};
use rusqlite::{Connection, Row, Transaction, params};

use super::event::number;
use super::select::Select;
use super::{member_ref, micros, named, time};
use crate::query::{ChangeQuery, Page};

const COLUMNS: &str = "SELECT id, at, kind, detail, member_id, member_name, member_endpoint
    FROM membership_change";

pub(super) fn insert(
    transaction: &Transaction<'_>,
    cluster: &str,
    change: &MembershipChange,
) -> rusqlite::Result<()> {
    let [id, name, endpoint] = member_ref::values(Some(&change.member));
    transaction
        .prepare_cached(
            "INSERT INTO membership_change (cluster, at, kind, detail,
                member_id, member_name, member_endpoint) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (cluster, at, kind, member_id) DO NOTHING",
        )?
        .execute(params![
            cluster,
            micros(change.at),
            change.kind.as_str(),
            change.detail,
            id,
            name,
            endpoint,
        ])?;
    Ok(())
}

/// A page, newest first.
pub(crate) fn page(
    connection: &Connection,
    query: &ChangeQuery,
    limit: usize,
) -> rusqlite::Result<Page<MembershipChange>> {
    Select::new(COLUMNS)
        .and("cluster = ?", Some(query.cluster.clone()))
        .and("at >= ?", query.from.map(micros))
        .and("at < ?", query.to.map(micros))
        .and("id < ?", query.before.map(number))
        .page(connection, "id DESC", limit, read)
}

fn read(row: &Row<'_>) -> Option<(i64, MembershipChange)> {
    let kind: String = row.get(2).ok()?;
    let change = MembershipChange {
        at: time(row.get(1).ok()?)?,
        kind: named(&MembershipChangeKind::ALL, MembershipChangeKind::as_str, &kind)?,
        member: member_ref::read(row, 4)??,
        detail: row.get(3).ok()?,
    };
    Some((row.get(0).ok()?, change))
}
