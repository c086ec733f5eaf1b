//! What an alerting rule remembers of one of its alerts.

use jiff::Timestamp;

use crate::series::Labels;

/// How far an alert of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleState {
    /// Its condition holds, but not for long enough.
    Pending,
    /// It is on.
    Firing,
    /// It is over; remembered so that its end is told more than once.
    Inactive,
}

impl RuleState {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Firing, Self::Inactive];

    /// The name in APIs and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Inactive => "inactive",
        }
    }
}

/// One alert of a rule, with all that has to survive a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleAlert {
    /// The group of the rule, as `file;group`.
    pub group: String,
    /// The rule's name.
    pub rule: String,
    /// The rule's place in its group, from 0: names may repeat.
    pub rule_index: usize,
    /// The alert's labels; with the rule, its identity.
    pub labels: Labels,
    /// Its annotations as last rendered.
    pub annotations: Labels,
    /// How far it is.
    pub state: RuleState,
    /// Since when its condition holds.
    pub active_at: Timestamp,
    /// When it began to fire.
    pub fired_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
    /// When it was last handed on.
    pub last_sent_at: Option<Timestamp>,
    /// The value of its expression when it was last evaluated.
    pub value: f64,
}
