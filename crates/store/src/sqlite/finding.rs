//! Findings that were believed, open and closed.

use std::sync::Arc;

use jiff::Timestamp;
use model::finding::{Evidence, Finding, FindingKind, FindingState};
use model::severity::Severity;
use rusqlite::{Connection, Row, Transaction, params};
use serde_json::{Value, json};

use super::event::number;
use super::select::Select;
use super::{member_ref, micros, named, time};
use crate::query::{FindingQuery, Page};

const COLUMNS: &str = "SELECT id, cluster, kind, severity, since, opened_at, closed_at,
    summary, explanation, evidence, next_steps, member_id, member_name, member_endpoint,
    about, causes, hidden_by, expected FROM finding";

/// What makes a finding this one and no other.
pub(crate) fn key<'f>(cluster: &'f str, finding: &Finding) -> (&'f str, FindingKind, String, i64) {
    (cluster, finding.kind, subject(finding), micros(finding.since))
}

fn subject(finding: &Finding) -> String {
    let member = finding.member.as_ref().map_or_else(String::new, |member| {
        member.id.map_or_else(|| member.endpoint.clone(), |id| id.to_string())
    });
    if finding.about.is_empty() { member } else { format!("{member}/{}", finding.about) }
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    cluster: &str,
    finding: &Finding,
) -> rusqlite::Result<()> {
    let [id, name, endpoint] = member_ref::values(finding.member.as_ref());
    transaction
        .prepare_cached(
            "INSERT INTO finding (cluster, kind, subject, since, opened_at, closed_at, severity,
                summary, explanation, evidence, next_steps,
                member_id, member_name, member_endpoint, about, causes, hidden_by, expected)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (cluster, kind, subject, since) DO UPDATE SET
                closed_at = excluded.closed_at, severity = excluded.severity,
                summary = excluded.summary, explanation = excluded.explanation,
                evidence = excluded.evidence, next_steps = excluded.next_steps,
                causes = excluded.causes, hidden_by = excluded.hidden_by,
                expected = excluded.expected,
                member_name = excluded.member_name, member_endpoint = excluded.member_endpoint",
        )?
        .execute(params![
            cluster,
            finding.kind.as_str(),
            subject(finding),
            micros(finding.since),
            micros(finding.opened_at.unwrap_or(finding.since)),
            finding.closed_at.map(micros),
            finding.severity.as_str(),
            finding.summary,
            finding.explanation,
            evidence_text(&finding.evidence),
            json!(finding.next_steps).to_string(),
            id,
            name,
            endpoint,
            finding.about,
            json!(finding.causes).to_string(),
            finding.hidden_by.map(FindingKind::as_str),
            finding.expected,
        ])?;
    Ok(())
}

/// A page, those opened last first, each with its cluster.
pub(crate) fn page(
    connection: &Connection,
    query: &FindingQuery,
    limit: usize,
) -> rusqlite::Result<Page<(String, Arc<Finding>)>> {
    Select::new(COLUMNS)
        .and("cluster = ?", query.cluster.clone())
        .and("kind = ?", query.kind.map(|kind| kind.as_str().to_owned()))
        .and("(closed_at IS NOT NULL) = ?", query.is_closed)
        .and("(closed_at IS NULL OR closed_at >= ?)", query.from.map(micros))
        .and("since < ?", query.to.map(micros))
        .and("id < ?", query.before.map(number))
        .and_text(&["summary", "explanation"], query.text.as_ref())
        .page(connection, "id DESC", limit, read)
}

fn read(row: &Row<'_>) -> Option<(i64, (String, Arc<Finding>))> {
    let (kind, severity): (String, String) = (row.get(2).ok()?, row.get(3).ok()?);
    let closed_at: Option<i64> = row.get(6).ok()?;
    let (evidence, next_steps): (String, String) = (row.get(9).ok()?, row.get(10).ok()?);
    let (causes, hidden_by): (String, Option<String>) = (row.get(15).ok()?, row.get(16).ok()?);
    let kind_of = |name: &str| named(&FindingKind::ALL, FindingKind::as_str, name);
    let finding = Finding {
        kind: kind_of(&kind)?,
        member: member_ref::read(row, 11)?,
        about: row.get(14).ok()?,
        severity: named(&Severity::ALL, Severity::as_str, &severity)?,
        state: if closed_at.is_some() { FindingState::Closed } else { FindingState::Open },
        since: time(row.get(4).ok()?)?,
        opened_at: Some(time(row.get(5).ok()?)?),
        closed_at: closed_at.and_then(time),
        summary: row.get(7).ok()?,
        explanation: row.get(8).ok()?,
        evidence: read_evidence(&evidence)?,
        causes: serde_json::from_str(&causes).ok()?,
        next_steps: serde_json::from_str(&next_steps).ok()?,
        hidden_by: hidden_by.as_deref().and_then(kind_of),
        expected: row.get(17).ok()?,
    };
    Some((row.get(0).ok()?, (row.get(1).ok()?, Arc::new(finding))))
}

fn evidence_text(evidence: &[Evidence]) -> String {
    let list: Vec<Value> = evidence
        .iter()
        .map(|item| {
            json!({
                "at": item.at.to_string(),
                "source": item.source,
                "observed": item.observed,
            })
        })
        .collect();
    Value::from(list).to_string()
}

fn read_evidence(text: &str) -> Option<Vec<Evidence>> {
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    let item = |item: &Value| {
        Some(Evidence {
            at: item["at"].as_str()?.parse::<Timestamp>().ok()?,
            source: item["source"].as_str()?.to_owned(),
            observed: item["observed"].as_str()?.to_owned(),
        })
    };
    list.iter().map(item).collect()
}
