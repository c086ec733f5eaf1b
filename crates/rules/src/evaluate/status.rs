//! Groups and rules as an API shows them.

use std::time::Duration;

use jiff::Timestamp;
use model::rule_alert::{RuleAlert, RuleState};

use super::{Running, RunningRule};
use crate::file::{Group, Rule};

/// A group and how its last evaluation went.
#[derive(Debug)]
pub struct GroupStatus<'a> {
    /// The group as it was read.
    pub group: &'a Group,
    /// None before the first.
    pub last_evaluation: Option<Timestamp>,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// Evaluations so far.
    pub evaluations: u64,
    /// Evaluations of its rules that failed.
    pub failures: u64,
    /// In order of the file.
    pub rules: Vec<RuleStatus<'a>>,
}

/// A rule and how its last evaluation went.
#[derive(Debug)]
pub struct RuleStatus<'a> {
    /// The rule as it was read.
    pub rule: &'a Rule,
    /// Whether the last evaluation went well.
    pub health: Health,
    /// Why it did not.
    pub last_error: Option<&'a str>,
    /// None before the first.
    pub last_evaluation: Option<Timestamp>,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// The furthest of its alerts; inactive for a recording rule.
    pub state: RuleState,
    /// Pending and firing alerts.
    pub alerts: Vec<&'a RuleAlert>,
}

/// Whether a rule could be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not evaluated yet.
    Unknown,
    /// It could.
    Good,
    /// It could not.
    Bad,
}

impl Health {
    /// Prometheus' name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}

impl Running {
    pub(super) fn status(&self) -> GroupStatus<'_> {
        let rules = self.group.rules.iter().zip(&self.rules);
        GroupStatus {
            group: &self.group,
            last_evaluation: self.last_evaluation,
            evaluation_time: self.evaluation_time,
            evaluations: self.evaluations,
            failures: self.failures,
            rules: rules.map(|(rule, running)| running.status(rule)).collect(),
        }
    }
}

impl RunningRule {
    fn status<'a>(&'a self, rule: &'a Rule) -> RuleStatus<'a> {
        let is_on = |alert: &&RuleAlert| alert.state != RuleState::Inactive;
        let alerts: Vec<_> = self.states().filter(is_on).collect();
        let has = |state| alerts.iter().any(|alert| alert.state == state);
        let furthest =
            [RuleState::Firing, RuleState::Pending].into_iter().find(|state| has(*state));
        RuleStatus {
            rule,
            health: match (&self.last_error, self.last_evaluation) {
                (_, None) => Health::Unknown,
                (None, Some(_)) => Health::Good,
                (Some(_), Some(_)) => Health::Bad,
            },
            last_error: self.last_error.as_deref(),
            last_evaluation: self.last_evaluation,
            evaluation_time: self.evaluation_time,
            state: furthest.unwrap_or(RuleState::Inactive),
            alerts,
        }
    }
}
