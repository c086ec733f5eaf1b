//! What alerting rules remember of their alerts.

use model::rule_alert::{RuleAlert, RuleState};
use model::series::Labels;
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, named, time};

pub(super) fn put(transaction: &Transaction<'_>, alert: &RuleAlert) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO rule_alert (rule_group, rule_index, labels, rule, annotations,
                state, active_at, fired_at, resolved_at, keep_firing_since, last_sent_at,
                value_bits) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            alert.group,
            alert.rule_index as i64,
            text::labels(&alert.labels),
            alert.rule,
            text::labels(&alert.annotations),
            alert.state.as_str(),
            micros(alert.active_at),
            alert.fired_at.map(micros),
            alert.resolved_at.map(micros),
            alert.keep_firing_since.map(micros),
            alert.last_sent_at.map(micros),
            // As bits: SQLite makes NULL of NaN, and a stale marker is one.
            alert.value.to_bits() as i64,
        ])?;
    Ok(())
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    group: &str,
    rule_index: usize,
    labels: &Labels,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "DELETE FROM rule_alert WHERE rule_group = ? AND rule_index = ? AND labels = ?",
        )?
        .execute(params![group, rule_index as i64, text::labels(labels)])?;
    Ok(())
}

/// Puts `alerts` in place of all that the group had.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    group: &str,
    alerts: &[RuleAlert],
) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM rule_alert WHERE rule_group = ?")?.execute([group])?;
    alerts.iter().try_for_each(|alert| put(transaction, alert))
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<RuleAlert>> {
    Select::new(
        "SELECT rule_group, rule_index, labels, rule, annotations, state, active_at, fired_at,
            resolved_at, keep_firing_since, last_sent_at, value_bits FROM rule_alert",
    )
    .rows(connection, "rule_group, rule_index, labels", usize::MAX, read)
}

fn read(row: &Row<'_>) -> Option<RuleAlert> {
    let index: i64 = row.get(1).ok()?;
    let (labels, annotations): (String, String) = (row.get(2).ok()?, row.get(4).ok()?);
    let (state, bits): (String, i64) = (row.get(5).ok()?, row.get(11).ok()?);
    let maybe = |column| row.get::<_, Option<i64>>(column).ok().flatten().and_then(time);
    Some(RuleAlert {
        group: row.get(0).ok()?,
        rule: row.get(3).ok()?,
        rule_index: usize::try_from(index).ok()?,
        labels: text::read_labels(&labels)?,
        annotations: text::read_labels(&annotations)?,
        state: named(&RuleState::ALL, RuleState::as_str, &state)?,
        active_at: time(row.get(6).ok()?)?,
        fired_at: maybe(7),
        resolved_at: maybe(8),
        keep_firing_since: maybe(9),
        last_sent_at: maybe(10),
        value: f64::from_bits(bits as u64),
    })
}
