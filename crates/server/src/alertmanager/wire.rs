//! What Alertmanager's API says, field for field.

use std::collections::BTreeMap;

use alert::view::{AlertView, GroupView};
use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::series::{Labels, MatchOp, Matcher};
use model::silence::Silence;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::wire::time::Time;

/// An alert without an end counts as firing for so long, as far as clients are told: Alertmanager's
/// `resolve_timeout`.
const RESOLVE_TIMEOUT: SignedDuration = SignedDuration::from_mins(5);

type Texts = BTreeMap<String, String>;

fn texts(labels: &Labels) -> Texts {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A name in an object of its own.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    pub(super) name: String,
}

/// Why an alert is not told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
    silenced_by: Vec<String>,
    state: &'static str,
}

/// An alert.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableAlert {
    annotations: Texts,
    ends_at: Time,
    fingerprint: String,
    receivers: Vec<Named>,
    starts_at: Time,
    status: AlertStatus,
    updated_at: Time,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    labels: Texts,
}

impl GettableAlert {
    pub(super) fn new(view: &AlertView, now: Timestamp) -> Self {
        let alert = &view.alert;
        // Clients know inhibition only by the fingerprints of alerts; what hides a finding's alert
        // is told by its name.
        let inhibited = view.status.inhibited_by.iter().map(ToString::to_string);
        let ends_at = alert.ends_at.or_else(|| now.checked_add(RESOLVE_TIMEOUT).ok());
        let names = view.receivers.iter().cloned();
        Self {
            annotations: texts(&alert.annotations),
            ends_at: Time(ends_at.unwrap_or(now)),
            fingerprint: alert.fingerprint().to_string(),
            receivers: names.map(|name| Named { name }).collect(),
            starts_at: Time(alert.starts_at),
            status: AlertStatus {
                inhibited_by: inhibited.chain(view.status.hidden.clone()).collect(),
                muted_by: view.status.muted_by.clone(),
                silenced_by: view.status.silenced_by.clone(),
                state: view.status.state(),
            },
            updated_at: Time(alert.updated_at),
            generator_url: alert.generator_url.clone(),
            labels: texts(&alert.labels),
        }
    }
}

/// Alerts that are told together.
#[derive(Debug, Serialize)]
pub(super) struct AlertGroup {
    alerts: Vec<GettableAlert>,
    labels: Texts,
    receiver: Named,
}

impl AlertGroup {
    pub(super) fn new(group: &GroupView, now: Timestamp) -> Self {
        Self {
            alerts: group.alerts.iter().map(|alert| GettableAlert::new(alert, now)).collect(),
            labels: texts(&group.labels),
            receiver: Named { name: group.receiver.clone() },
        }
    }
}

/// An alert that a client tells of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableAlert {
    labels: Texts,
    #[serde(default)]
    annotations: Texts,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

impl PostableAlert {
    /// The alert, told at `now`; the text says what is wrong with it.
    pub(super) fn into_alert(self, now: Timestamp) -> Result<Alert, String> {
        let labels = Labels::new(self.labels);
        if labels.pairs().is_empty() {
            return Err("at least one label pair required".to_owned());
        }
        // The zero time of Go stands for "not given".
        let given = |at: Option<Timestamp>| at.filter(|at| at.as_second() > 0);
        let (starts_at, ends_at) = (given(self.starts_at), given(self.ends_at));
        let starts_at = starts_at.unwrap_or_else(|| ends_at.map_or(now, |end| end.min(now)));
        if ends_at.is_some_and(|end| end < starts_at) {
            return Err("start time must be before end time".to_owned());
        }
        let ends_at = ends_at.or_else(|| now.checked_add(RESOLVE_TIMEOUT).ok());
        Ok(Alert {
            labels,
            annotations: Labels::new(self.annotations),
            starts_at,
            ends_at,
            updated_at: now,
            generator_url: self.generator_url,
            hidden: None,
        })
    }
}

/// A condition of a silence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireMatcher {
    #[serde(default = "yes")]
    is_equal: bool,
    is_regex: bool,
    name: String,
    value: String,
}

fn yes() -> bool {
    true
}

impl From<&Matcher> for WireMatcher {
    fn from(matcher: &Matcher) -> Self {
        let op = matcher.op();
        Self {
            is_equal: matches!(op, MatchOp::Eq | MatchOp::Re),
            is_regex: matches!(op, MatchOp::Re | MatchOp::Nre),
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
        }
    }
}

impl WireMatcher {
    fn read(&self) -> Result<Matcher, Refusal> {
        let op = match (self.is_equal, self.is_regex) {
            (true, false) => MatchOp::Eq,
            (false, false) => MatchOp::Ne,
            (true, true) => MatchOp::Re,
            (false, true) => MatchOp::Nre,
        };
        Matcher::new(&self.name, op, &self.value)
            .map_err(|error| Refusal::bad(format!("invalid matcher {:?}: {error}", self.name)))
    }
}

/// Where a silence is in its life.
#[derive(Debug, Serialize)]
struct SilenceStatus {
    state: &'static str,
}

/// A silence.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableSilence {
    id: String,
    status: SilenceStatus,
    updated_at: Time,
    comment: String,
    created_by: String,
    ends_at: Time,
    matchers: Vec<WireMatcher>,
    starts_at: Time,
}

impl GettableSilence {
    pub(super) fn new(silence: &Silence, now: Timestamp) -> Self {
        let state = if silence.ends_at <= now {
            "expired"
        } else if silence.starts_at > now {
            "pending"
        } else {
            "active"
        };
        Self {
            id: silence.id.clone(),
            status: SilenceStatus { state },
            updated_at: Time(silence.updated_at),
            comment: silence.comment.clone(),
            created_by: silence.created_by.clone(),
            ends_at: Time(silence.ends_at),
            matchers: silence.matchers.iter().map(WireMatcher::from).collect(),
            starts_at: Time(silence.starts_at),
        }
    }

    /// The order in which amtool and Karma show them: active, pending, expired.
    pub(super) fn rank(&self) -> u8 {
        match self.status.state {
            "active" => 0,
            "pending" => 1,
            _ => 2,
        }
    }
}

/// A silence that a client asks for; with an `id` it replaces that one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableSilence {
    #[serde(default)]
    id: Option<String>,
    comment: String,
    created_by: String,
    ends_at: Timestamp,
    matchers: Vec<WireMatcher>,
    starts_at: Timestamp,
}

impl PostableSilence {
    /// What is asked for; without an ID it is a new one.
    pub(super) fn read(self, now: Timestamp) -> Result<Silence, Refusal> {
        let matchers = self.matchers.iter().map(WireMatcher::read).collect::<Result<_, _>>()?;
        Ok(Silence {
            id: self.id.unwrap_or_default(),
            matchers,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            updated_at: now,
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}
