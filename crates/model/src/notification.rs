//! A notification: what one receiver is told of one group of alerts.

use std::fmt;

use jiff::Timestamp;

use crate::alert::Alert;
use crate::series::Labels;

/// Why a notification is sent; the names are Alertmanager's, apart from the last three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The group is told for the first time.
    FirstNotification,
    /// Alerts joined the group.
    NewAlerts,
    /// Some of its alerts are over.
    SomeResolved,
    /// All of them are.
    AllResolved,
    /// Nothing changed, but nobody was told for long.
    Repeat,
    /// Nobody acknowledged it in time.
    Escalation,
    /// Somebody acknowledged it: for receivers that show so.
    Acknowledged,
    /// Somebody tries the receiver out.
    Test,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::FirstNotification,
        Self::NewAlerts,
        Self::SomeResolved,
        Self::AllResolved,
        Self::Repeat,
        Self::Escalation,
        Self::Acknowledged,
        Self::Test,
    ];

    /// The name in payloads, history and APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstNotification => "first notification",
            Self::NewAlerts => "new alerts in group",
            Self::SomeResolved => "some alerts resolved",
            Self::AllResolved => "all alerts resolved",
            Self::Repeat => "repeat interval elapsed",
            Self::Escalation => "not acknowledged in time",
            Self::Acknowledged => "acknowledged",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one receiver is told of one group of alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The same for every attempt to deliver it, and for no other notification.
    pub id: String,
    /// The receiver's name.
    pub receiver: String,
    /// The group's identity, in Alertmanager's form: `{}/{severity="critical"}:{alertname="X"}`.
    pub group_key: String,
    /// The labels by which its alerts are grouped.
    pub group_labels: Labels,
    /// The alerts, the worst and oldest first, those that are over last; at least one.
    pub alerts: Vec<Alert>,
    /// How many more there are.
    pub truncated: usize,
    /// Why now.
    pub reason: Reason,
    /// When it was decided; an alert is over or not as of then.
    pub at: Timestamp,
    /// Where people reach this monitor, without a slash at the end.
    pub external_url: String,
    /// Who acknowledged the group, where somebody has.
    pub acknowledged_by: Option<String>,
}

impl Notification {
    /// Whether any of its alerts goes on.
    pub fn is_firing(&self) -> bool {
        self.alerts.iter().any(|alert| !alert.is_resolved(self.at))
    }

    /// `firing` or `resolved`, as payloads have it.
    pub fn status(&self) -> &'static str {
        if self.is_firing() { "firing" } else { "resolved" }
    }

    /// The labels that all of its alerts have.
    pub fn common_labels(&self) -> Labels {
        common(self.alerts.iter().map(|alert| &alert.labels))
    }

    /// The annotations that all of its alerts have.
    pub fn common_annotations(&self) -> Labels {
        common(self.alerts.iter().map(|alert| &alert.annotations))
    }
}

fn common<'a>(mut all: impl Iterator<Item = &'a Labels>) -> Labels {
    let Some(first) = all.next() else { return Labels::default() };
    let mut pairs = first.pairs().to_vec();
    for labels in all {
        pairs.retain(|(name, value)| labels.get(name) == Some(&**value));
    }
    Labels::new(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_have_is_common() {
        let one = Labels::new([("a", "1"), ("b", "2")]);
        let other = Labels::new([("a", "1"), ("b", "3"), ("c", "4")]);
        assert_eq!(common([&one, &other].into_iter()), Labels::new([("a", "1")]));
        assert_eq!(common(std::iter::empty()), Labels::default());
    }
}
