//! How alerts, groups and receivers are, as APIs and commands show them.

use std::sync::Arc;

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::series::Labels;

/// Whether an alert is told, and if not, why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The silences that cover it.
    pub silenced_by: Vec<String>,
    /// The alerts that inhibit it.
    pub inhibited_by: Vec<Fingerprint>,
    /// The time intervals that mute it, of all of its groups.
    pub muted_by: Vec<String>,
    /// What hides it: its root, or the maintenance that explains it.
    pub hidden: Option<String>,
}

impl Status {
    /// Whether anything keeps it from being told.
    pub fn is_suppressed(&self) -> bool {
        !self.silenced_by.is_empty()
            || !self.inhibited_by.is_empty()
            || !self.muted_by.is_empty()
            || self.hidden.is_some()
    }

    /// As Alertmanager names it.
    pub fn state(&self) -> &'static str {
        if self.is_suppressed() { "suppressed" } else { "active" }
    }
}

/// An alert and how it is.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// As its source told it.
    pub alert: Arc<Alert>,
    /// Whether it is told.
    pub status: Status,
    /// The receivers that its labels lead to.
    pub receivers: Vec<String>,
    /// Who took care of it.
    pub acknowledged: Option<Ack>,
    /// When anybody was last told of it.
    pub told_at: Option<Timestamp>,
}

/// Alerts that are told together.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// The labels that they are grouped by.
    pub labels: Labels,
    /// Whom they are for.
    pub receiver: String,
    /// The alerts, in order of their labels.
    pub alerts: Vec<AlertView>,
    /// The time intervals that mute it now.
    pub muted_by: Vec<String>,
}

/// A receiver and how the ways to it are.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// In the order of the configuration.
    pub channels: Vec<ChannelView>,
}

/// One way to a receiver.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChannelView {
    /// Its name, such as `slack[0]`.
    pub name: String,
    /// Notifications that wait for it.
    pub waiting: usize,
    /// How long the oldest of them waits.
    pub oldest: Option<std::time::Duration>,
    /// Delivered since the start.
    pub delivered: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Why the last attempt failed, when it did.
    pub last_error: Option<String>,
}

/// What came of trying a channel out.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// Its name.
    pub channel: String,
    /// What the receiver said, or why it failed.
    pub outcome: Result<String, String>,
    /// How long it took.
    pub took: std::time::Duration,
}
