//! What deciding changes: what its caller stores before anything is sent.

use std::fmt;

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::series::Labels;
use model::silence::Silence;

/// One change; those of one decision are stored together or not at all.
#[derive(Debug, Clone)]
pub enum Change {
    /// An alert as it is now.
    Alert(Alert),
    /// An alert is over and whoever should know was told.
    AlertGone(Fingerprint),
    /// One more line of history.
    Transition(Transition),
    /// What an integration was told of a group.
    Sent(Sent),
    /// That need not be known any longer.
    SentGone {
        /// The receiver's name.
        receiver: String,
        /// The integration's name within it.
        integration: String,
        /// The group's identity.
        group_key: String,
    },
    /// A group as it is now.
    Group(GroupState),
    /// A group has no alerts any more.
    GroupGone {
        /// The receiver's name.
        receiver: String,
        /// The group's identity.
        group_key: String,
    },
    /// A silence as it is now.
    Silence(Silence),
    /// A silence that was over long ago is forgotten.
    SilenceGone(String),
    /// An alert was acknowledged.
    Ack(Ack),
    /// An alert is not acknowledged any more.
    AckGone(Fingerprint),
}

/// What an alert is at a moment, in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// A rule waits whether it lasts.
    Pending,
    /// It is on.
    Firing,
    /// It is on, and nobody is told because of a silence, another alert or what hides it.
    Suppressed,
    /// It is on, and somebody takes care of it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// The name in history and APIs.
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

/// An alert changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Of which alert.
    pub fingerprint: Fingerprint,
    /// Its labels: name, cluster and severity among them.
    pub labels: Labels,
    /// From which state; none: it is new.
    pub from: Option<AlertState>,
    /// To which.
    pub to: AlertState,
    /// Why, or what the alert says, for people.
    pub text: String,
}

/// What one integration of one receiver was last told of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The receiver's name.
    pub receiver: String,
    /// The integration's name within it: `slack[0]`.
    pub integration: String,
    /// The group's identity.
    pub group_key: String,
    /// Alerts that were told as firing, in order.
    pub firing: Vec<Fingerprint>,
    /// Alerts that were told as over, in order.
    pub resolved: Vec<Fingerprint>,
    /// When.
    pub at: Timestamp,
    /// When it may be forgotten, once there is no such group any more.
    pub expires_at: Timestamp,
}

/// A group between two looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// The receiver of its route.
    pub receiver: String,
    /// Its identity.
    pub group_key: String,
    /// The labels by which its alerts are grouped.
    pub labels: Labels,
    /// When its first alert came.
    pub began_at: Timestamp,
    /// When it is looked at next, at the latest.
    pub next_flush: Timestamp,
    /// Whether `group_wait` is over.
    pub has_flushed: bool,
    /// Since when somebody knows that alerts of it are on; none: nobody does.
    pub told_at: Option<Timestamp>,
    /// Whether it is told to the receiver of its escalation, too.
    pub is_escalated: bool,
}
