//! Groups of alerts and when each is told next, so that a restart neither repeats nor delays.

use jiff::Timestamp;
use model::series::Labels;
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

/// Where one group is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// The receiver that is told of it.
    pub receiver: String,
    /// Its identity.
    pub group_key: String,
    /// The labels by which its alerts are grouped.
    pub labels: Labels,
    /// When its first alert came.
    pub began_at: Timestamp,
    /// When it is looked at next.
    pub next_flush: Timestamp,
    /// Whether it was looked at before: `group_wait` is over.
    pub has_flushed: bool,
    /// Since when somebody knows that alerts of it are on; none: nobody does.
    pub told_at: Option<Timestamp>,
    /// Whether it is told to the receiver of its escalation, too.
    pub is_escalated: bool,
}

pub(super) fn put(transaction: &Transaction<'_>, group: &GroupState) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO alert_group (receiver, group_key, labels, began_at, next_flush,
                has_flushed, told_at, is_escalated) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            group.receiver,
            group.group_key,
            text::labels(&group.labels),
            micros(group.began_at),
            micros(group.next_flush),
            group.has_flushed,
            group.told_at.map(micros),
            group.is_escalated,
        ])?;
    Ok(())
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    receiver: &str,
    group_key: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM alert_group WHERE receiver = ? AND group_key = ?")?
        .execute([receiver, group_key])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<GroupState>> {
    Select::new(
        "SELECT receiver, group_key, labels, began_at, next_flush, has_flushed, told_at,
            is_escalated FROM alert_group",
    )
    .rows(connection, "receiver, group_key", usize::MAX, read)
}

fn read(row: &Row<'_>) -> Option<GroupState> {
    let labels: String = row.get(2).ok()?;
    let told_at: Option<i64> = row.get(6).ok()?;
    Some(GroupState {
        receiver: row.get(0).ok()?,
        group_key: row.get(1).ok()?,
        labels: text::read_labels(&labels)?,
        began_at: time(row.get(3).ok()?)?,
        next_flush: time(row.get(4).ok()?)?,
        has_flushed: row.get(5).ok()?,
        told_at: told_at.and_then(time),
        is_escalated: row.get(7).ok()?,
    })
}
