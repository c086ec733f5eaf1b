//! Labels, matchers, alerts and notifications as the JSON text in which columns hold them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint, Hidden};
use model::notification::{Notification, Reason};
use model::series::{Labels, MatchOp, Matcher};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sqlite::{micros, named, time};

/// What is written can always be read: it has no keys but text.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

pub(super) fn labels(labels: &Labels) -> String {
    text(&Pairs(labels.clone()))
}

pub(super) fn read_labels(text: &str) -> Option<Labels> {
    Some(serde_json::from_str::<Pairs>(text).ok()?.0)
}

pub(super) fn fingerprints(all: &[Fingerprint]) -> String {
    text(&all.iter().map(Fingerprint::to_string).collect::<Vec<_>>())
}

pub(super) fn read_fingerprints(text: &str) -> Option<Vec<Fingerprint>> {
    let all: Vec<String> = serde_json::from_str(text).ok()?;
    all.iter().map(|text| Fingerprint::parse(text)).collect()
}

pub(super) fn matchers(all: &[Matcher]) -> String {
    let all = all.iter().map(|matcher| (matcher.name(), op_text(matcher.op()), matcher.value()));
    text(&all.collect::<Vec<_>>())
}

pub(super) fn read_matchers(text: &str) -> Option<Vec<Matcher>> {
    let all: Vec<(String, String, String)> = serde_json::from_str(text).ok()?;
    let ops = [MatchOp::Eq, MatchOp::Ne, MatchOp::Re, MatchOp::Nre];
    all.iter()
        .map(|(name, op, value)| Matcher::new(name, named(&ops, op_text, op)?, value).ok())
        .collect()
}

fn op_text(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Eq => "=",
        MatchOp::Ne => "!=",
        MatchOp::Re => "=~",
        MatchOp::Nre => "!~",
    }
}

/// A kind and what it names, in two columns or fields.
pub(super) fn hidden(hidden: Option<&Hidden>) -> (Option<&'static str>, Option<&str>) {
    match hidden {
        None => (None, None),
        Some(Hidden::Symptom(of)) => (Some("symptom"), Some(of)),
        Some(Hidden::Expected(why)) => (Some("expected"), Some(why)),
    }
}

pub(super) fn read_hidden(kind: Option<&str>, what: Option<String>) -> Option<Hidden> {
    match kind? {
        "symptom" => Some(Hidden::Symptom(what.unwrap_or_default())),
        "expected" => Some(Hidden::Expected(what.unwrap_or_default())),
        _ => None,
    }
}

pub(super) fn notification(notification: &Notification) -> String {
    text(&NotificationText {
        id: notification.id.clone(),
        receiver: notification.receiver.clone(),
        group_key: notification.group_key.clone(),
        group_labels: Pairs(notification.group_labels.clone()),
        alerts: notification.alerts.iter().map(AlertText::of).collect(),
        truncated: notification.truncated,
        reason: notification.reason.as_str().to_owned(),
        at: micros(notification.at),
        external_url: notification.external_url.clone(),
        acknowledged_by: notification.acknowledged_by.clone(),
    })
}

pub(super) fn read_notification(text: &str) -> Option<Notification> {
    let read: NotificationText = serde_json::from_str(text).ok()?;
    Some(Notification {
        id: read.id,
        receiver: read.receiver,
        group_key: read.group_key,
        group_labels: read.group_labels.0,
        alerts: read.alerts.into_iter().map(AlertText::read).collect::<Option<_>>()?,
        truncated: read.truncated,
        reason: named(&Reason::ALL, Reason::as_str, &read.reason)?,
        at: time(read.at)?,
        external_url: read.external_url,
        acknowledged_by: read.acknowledged_by,
    })
}

#[derive(Serialize, Deserialize)]
struct NotificationText {
    id: String,
    receiver: String,
    group_key: String,
    group_labels: Pairs,
    alerts: Vec<AlertText>,
    truncated: usize,
    reason: String,
    at: i64,
    external_url: String,
    acknowledged_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct AlertText {
    labels: Pairs,
    annotations: Pairs,
    starts_at: i64,
    ends_at: Option<i64>,
    updated_at: i64,
    generator_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden_by: Option<String>,
}

impl AlertText {
    fn of(alert: &Alert) -> Self {
        let (kind, what) = hidden(alert.hidden.as_ref());
        Self {
            labels: Pairs(alert.labels.clone()),
            annotations: Pairs(alert.annotations.clone()),
            starts_at: micros(alert.starts_at),
            ends_at: alert.ends_at.map(micros),
            updated_at: micros(alert.updated_at),
            generator_url: alert.generator_url.clone(),
            hidden: kind.map(str::to_owned),
            hidden_by: what.map(str::to_owned),
        }
    }

    fn read(self) -> Option<Alert> {
        let ends_at: Option<Timestamp> = match self.ends_at {
            Some(at) => Some(time(at)?),
            None => None,
        };
        Some(Alert {
            labels: self.labels.0,
            annotations: self.annotations.0,
            starts_at: time(self.starts_at)?,
            ends_at,
            updated_at: time(self.updated_at)?,
            generator_url: self.generator_url,
            hidden: read_hidden(self.hidden.as_deref(), self.hidden_by),
        })
    }
}

/// Labels as a JSON object.
struct Pairs(Labels);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(Self(Labels::new(pairs)))
    }
}
