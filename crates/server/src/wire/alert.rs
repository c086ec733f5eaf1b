//! Alerts, silences and receivers in answers.

use std::collections::BTreeMap;

use alert::view::{AlertView, ReceiverView};
use jiff::Timestamp;
use model::series::Labels;
use model::silence::Silence as Known;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::time::Time;

fn texts(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Alerts that are not over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alerts {
    /// The worst first, then those that began last.
    pub(crate) alerts: Vec<Alert>,
}

/// Trouble that somebody may have to be told of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Its identity: a hash of its labels.
    #[schema(example = "a1b2c3d4e5f60718")]
    pub(crate) fingerprint: String,
    /// Its name.
    pub(crate) name: String,
    /// The cluster; null where it is about none.
    pub(crate) cluster: Option<String>,
    /// How bad, as its rule or finding says; null where it says nothing.
    pub(crate) severity: Option<String>,
    /// `active`: it is told; `suppressed`: it is not, see the fields below; `acknowledged`: somebody
    /// takes care of it.
    pub(crate) state: &'static str,
    /// One line; empty where there is none.
    pub(crate) summary: String,
    /// Since when.
    pub(crate) starts_at: Time,
    /// When its source last spoke of it.
    pub(crate) updated_at: Time,
    /// When it will count as over unless it is told again; null: not before its source says so.
    pub(crate) ends_at: Option<Time>,
    /// What it is about.
    pub(crate) labels: BTreeMap<String, String>,
    /// What a person should know.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Where its source shows it.
    pub(crate) generator_url: String,
    /// Whom it is for.
    pub(crate) receivers: Vec<String>,
    /// The silences that cover it.
    pub(crate) silenced_by: Vec<String>,
    /// The alerts that inhibit it.
    pub(crate) inhibited_by: Vec<String>,
    /// The time intervals that mute it.
    pub(crate) muted_by: Vec<String>,
    /// What hides it: the root of which it is a symptom, or declared maintenance; else null.
    pub(crate) hidden_by: Option<String>,
    /// When anybody was last told of it; null: never.
    pub(crate) told_at: Option<Time>,
    /// Who takes care of it; null: nobody.
    pub(crate) acknowledged: Option<Acknowledgement>,
}

impl From<&AlertView> for Alert {
    fn from(view: &AlertView) -> Self {
        let alert = &view.alert;
        let status = &view.status;
        let acknowledged = view.acknowledged.as_ref().map(Acknowledgement::from);
        let label = |name| alert.labels.get(name).map(str::to_owned);
        Self {
            fingerprint: alert.fingerprint().to_string(),
            name: alert.name().to_owned(),
            cluster: label("cluster"),
            severity: label("severity"),
            state: if status.is_suppressed() {
                "suppressed"
            } else if acknowledged.is_some() {
                "acknowledged"
            } else {
                "active"
            },
            summary: alert.annotations.get("summary").unwrap_or_default().to_owned(),
            starts_at: Time(alert.starts_at),
            updated_at: Time(alert.updated_at),
            ends_at: alert.ends_at.map(Time),
            labels: texts(&alert.labels),
            annotations: texts(&alert.annotations),
            generator_url: alert.generator_url.clone(),
            receivers: view.receivers.clone(),
            silenced_by: status.silenced_by.clone(),
            inhibited_by: status.inhibited_by.iter().map(ToString::to_string).collect(),
            muted_by: status.muted_by.clone(),
            hidden_by: status.hidden.clone(),
            told_at: view.told_at.map(Time),
            acknowledged,
        }
    }
}

/// That somebody takes care of an alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Acknowledgement {
    /// Who.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Time,
    /// What they had to say.
    pub(crate) note: String,
}

impl From<&model::ack::Ack> for Acknowledgement {
    fn from(ack: &model::ack::Ack) -> Self {
        Self { by: ack.by.clone(), at: Time(ack.at), note: ack.note.clone() }
    }
}

/// Who takes care of an alert, in a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// Who.
    pub(crate) by: String,
    /// What they have to say.
    #[serde(default)]
    pub(crate) note: String,
}

/// Silences.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Silences {
    /// Those that hold now first, then those to come, then those that are over.
    pub(crate) silences: Vec<Silence>,
}

/// What keeps alerts from being told for a while.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Silence {
    /// Its identity.
    pub(crate) id: String,
    /// `active`, `pending` or `expired`.
    pub(crate) state: &'static str,
    /// Which alerts: all conditions hold.
    #[schema(example = json!(["cluster=\"prod\""]))]
    pub(crate) matchers: Vec<String>,
    /// From when.
    pub(crate) starts_at: Time,
    /// Until when.
    pub(crate) ends_at: Time,
    /// Who made it.
    pub(crate) created_by: String,
    /// Why.
    pub(crate) comment: String,
}

impl Silence {
    /// As it is at `now`.
    pub(crate) fn new(silence: &Known, now: Timestamp) -> Self {
        let state = match (silence.ends_at <= now, silence.starts_at > now) {
            (true, _) => "expired",
            (false, true) => "pending",
            (false, false) => "active",
        };
        Self {
            id: silence.id.clone(),
            state,
            matchers: silence.matchers.iter().map(alert::matcher::print).collect(),
            starts_at: Time(silence.starts_at),
            ends_at: Time(silence.ends_at),
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
        }
    }
}

/// A silence in a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilence {
    /// Which alerts: all conditions must hold, such as `cluster="prod"` or `member=~"m[12]"`.
    pub(crate) matchers: Vec<String>,
    /// From when, RFC 3339; now by default.
    #[serde(default)]
    pub(crate) starts_at: Option<String>,
    /// Until when, RFC 3339. Either this or `for` must be given.
    #[serde(default)]
    pub(crate) ends_at: Option<String>,
    /// How long from its start, such as `2h`.
    #[serde(default, rename = "for")]
    pub(crate) duration: Option<String>,
    /// Who makes it.
    pub(crate) created_by: String,
    /// Why.
    pub(crate) comment: String,
    /// Do not make it, only tell what it would match.
    #[serde(default)]
    pub(crate) preview: bool,
}

/// A silence, and what it matches now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeSilence {
    /// Its identity; null for a preview.
    pub(crate) id: Option<String>,
    /// The alerts that it covers now.
    pub(crate) matches: Vec<Alert>,
}

/// Receivers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receivers {
    /// In the order of the configuration.
    pub(crate) receivers: Vec<Receiver>,
}

/// Whom alerts can go to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receiver {
    /// Its name.
    pub(crate) name: String,
    /// The ways to it.
    pub(crate) channels: Vec<Channel>,
}

/// A way to a receiver, and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Channel {
    /// Its name, such as `slack[0]`.
    pub(crate) name: String,
    /// Notifications that wait for it.
    pub(crate) waiting: usize,
    /// How long the oldest of them waits.
    pub(crate) oldest_seconds: Option<f64>,
    /// Delivered since the start.
    pub(crate) delivered: u64,
    /// Attempts that failed since the start.
    pub(crate) failed: u64,
    /// Why the last attempt failed; null when it did not.
    pub(crate) last_error: Option<String>,
}

impl From<&ReceiverView> for Receiver {
    fn from(view: &ReceiverView) -> Self {
        let channel = |channel: &alert::view::ChannelView| Channel {
            name: channel.name.clone(),
            waiting: channel.waiting,
            oldest_seconds: channel.oldest.map(|age| age.as_secs_f64()),
            delivered: channel.delivered,
            failed: channel.failed,
            last_error: channel.last_error.clone(),
        };
        Self { name: view.name.clone(), channels: view.channels.iter().map(channel).collect() }
    }
}

/// What came of trying a receiver out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tested {
    /// By channel.
    pub(crate) channels: Vec<TestedChannel>,
}

/// What came of trying one way out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestedChannel {
    /// Its name.
    pub(crate) name: String,
    /// Whether the receiver took it.
    pub(crate) ok: bool,
    /// What it said, or why it failed.
    pub(crate) detail: String,
    /// How long it took.
    pub(crate) took_seconds: f64,
}
