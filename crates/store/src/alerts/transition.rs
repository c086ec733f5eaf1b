//! The history of alerts: every change of state that one went through.

use std::fmt;

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint};
use model::series::Labels;
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::query::{Page, has_text};
use crate::sqlite::event::number;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, named, time};

/// A state of an alert as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// Its condition holds, but not for long enough.
    Pending,
    /// It is on, and told.
    Firing,
    /// It is on, and not told: silenced, inhibited, muted, a symptom or expected.
    Suppressed,
    /// It is on, and somebody takes care of it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Firing, Self::Suppressed, Self::Acknowledged, Self::Resolved];

    /// The name in APIs and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Suppressed => "suppressed",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change of state of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Of which alert.
    pub fingerprint: Fingerprint,
    /// That alert's labels, by which it is found: name, cluster and severity among them.
    pub labels: Labels,
    /// From which state; none: it is new.
    pub from: Option<AlertState>,
    /// To which.
    pub to: AlertState,
    /// Why, or what the alert says, for people.
    pub text: String,
}

impl Transition {
    /// A change of `alert`.
    pub fn of(
        alert: &Alert,
        from: Option<AlertState>,
        to: AlertState,
        at: Timestamp,
        text: impl Into<String>,
    ) -> Self {
        let (fingerprint, labels) = (alert.fingerprint(), alert.labels.clone());
        Self { at, fingerprint, labels, from, to, text: text.into() }
    }
}

/// Which transitions: all conditions that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransitionQuery {
    /// Of alerts of this cluster.
    pub cluster: Option<String>,
    /// Of alerts of this name.
    pub name: Option<String>,
    /// Of alerts of this severity.
    pub severity: Option<String>,
    /// Of this alert.
    pub fingerprint: Option<Fingerprint>,
    /// Into this state.
    pub to_state: Option<AlertState>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// With this in text or labels, in capital or small letters (of ASCII).
    pub text: Option<String>,
    /// With a number below this one: `next_before` of the page before.
    pub before: Option<u64>,
}

impl TransitionQuery {
    /// Whether the transition is wanted, its number aside.
    pub fn accepts(&self, transition: &Transition) -> bool {
        let has = |wanted: &Option<String>, label| {
            wanted.as_deref().is_none_or(|wanted| label_of(&transition.labels, label) == wanted)
        };
        has(&self.cluster, "cluster")
            && has(&self.name, model::alert::ALERT_NAME)
            && has(&self.severity, "severity")
            && self.fingerprint.is_none_or(|wanted| wanted == transition.fingerprint)
            && self.to_state.is_none_or(|wanted| wanted == transition.to)
            && self.from.is_none_or(|from| transition.at >= from)
            && self.to.is_none_or(|to| transition.at < to)
            && self.text.as_ref().is_none_or(|text| {
                has_text(&transition.text, text)
                    || has_text(&text::labels(&transition.labels), text)
            })
    }

    fn select(&self, start: &str) -> Select {
        Select::new(start)
            .and("cluster = ?", self.cluster.clone())
            .and("name = ?", self.name.clone())
            .and("severity = ?", self.severity.clone())
            .and("fingerprint = ?", self.fingerprint.map(|wanted| wanted.to_string()))
            .and("to_state = ?", self.to_state.map(|wanted| wanted.as_str().to_owned()))
            .and("at >= ?", self.from.map(micros))
            .and("at < ?", self.to.map(micros))
            .and("id < ?", self.before.map(number))
            .and_text(&["text", "labels"], self.text.as_ref())
    }
}

pub(super) fn label_of<'l>(labels: &'l Labels, name: &str) -> &'l str {
    labels.get(name).unwrap_or_default()
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    transition: &Transition,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO transition (at, fingerprint, name, cluster, severity, labels,
                from_state, to_state, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            micros(transition.at),
            transition.fingerprint.to_string(),
            label_of(&transition.labels, model::alert::ALERT_NAME),
            label_of(&transition.labels, "cluster"),
            label_of(&transition.labels, "severity"),
            text::labels(&transition.labels),
            transition.from.map(AlertState::as_str),
            transition.to.as_str(),
            transition.text,
        ])?;
    Ok(())
}

/// A page, newest first, each with its number.
pub(super) fn page(
    connection: &Connection,
    query: &TransitionQuery,
    limit: usize,
) -> rusqlite::Result<Page<(u64, Transition)>> {
    query
        .select("SELECT id, at, fingerprint, labels, from_state, to_state, text FROM transition")
        .page(connection, "id DESC", limit, read)
}

pub(super) fn count(connection: &Connection, query: &TransitionQuery) -> rusqlite::Result<u64> {
    query.select("SELECT count(*) FROM transition").count(connection)
}

fn read(row: &Row<'_>) -> Option<(i64, (u64, Transition))> {
    let id: i64 = row.get(0).ok()?;
    let (fingerprint, labels): (String, String) = (row.get(2).ok()?, row.get(3).ok()?);
    let (from, to): (Option<String>, String) = (row.get(4).ok()?, row.get(5).ok()?);
    let state = |name: &str| named(&AlertState::ALL, AlertState::as_str, name);
    let transition = Transition {
        at: time(row.get(1).ok()?)?,
        fingerprint: Fingerprint::parse(&fingerprint)?,
        labels: text::read_labels(&labels)?,
        from: from.as_deref().and_then(state),
        to: state(&to)?,
        text: row.get(6).ok()?,
    };
    Some((id, (id.unsigned_abs(), transition)))
}
