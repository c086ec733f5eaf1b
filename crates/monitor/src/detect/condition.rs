//! What a detector says: a condition, put together piece by piece.

use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Evidence, FindingKind, MemberRef};
use model::severity::Severity;

/// Something that a detector sees in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What kind of trouble.
    pub kind: FindingKind,
    /// The member, or `None` where the cluster as a whole is meant.
    pub member: Option<MemberRef>,
    /// What else tells it from others of its kind: the peer of a link, a prefix, a flag; else empty.
    pub about: String,
    /// How bad.
    pub severity: Severity,
    /// How often and how long it must be seen before it is believed, where that is not what its kind
    /// needs.
    pub raise: Option<(u32, Duration)>,
    /// One line; without numbers that move, since a change of it is told.
    pub summary: String,
    /// What it means, in one or two sentences.
    pub explanation: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What may have caused it, most likely first.
    pub causes: Vec<String>,
    /// What to do next, most useful first.
    pub next_steps: Vec<String>,
}

impl Condition {
    /// A condition of the cluster as a whole; [`Self::of`] makes it one of a member.
    pub fn new(kind: FindingKind, severity: Severity, summary: impl Into<String>) -> Self {
        Self {
            kind,
            member: None,
            about: String::new(),
            severity,
            raise: None,
            summary: summary.into(),
            explanation: String::new(),
            evidence: Vec::new(),
            causes: Vec::new(),
            next_steps: Vec::new(),
        }
    }

    /// It is about this member.
    #[must_use]
    pub fn of(mut self, member: Option<MemberRef>) -> Self {
        self.member = member;
        self
    }

    /// What else tells it from others of its kind.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// It is believed after so many sweeps in a row and so long, whatever its kind needs.
    #[must_use]
    pub fn believed_after(mut self, sweeps: u32, time: Duration) -> Self {
        self.raise = Some((sweeps, time));
        self
    }

    /// What it means.
    #[must_use]
    pub fn explained(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = explanation.into();
        self
    }

    /// One more thing that it rests on.
    #[must_use]
    pub fn seen(
        self,
        at: Timestamp,
        source: impl Into<String>,
        observed: impl Into<String>,
    ) -> Self {
        self.resting_on([Evidence { at, source: source.into(), observed: observed.into() }])
    }

    /// More things that it rests on.
    #[must_use]
    pub fn resting_on(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// What may have caused it, most likely first.
    #[must_use]
    pub fn caused_by<T: Into<String>>(mut self, causes: impl IntoIterator<Item = T>) -> Self {
        self.causes.extend(causes.into_iter().map(Into::into));
        self
    }

    /// What to do next, most useful first.
    #[must_use]
    pub fn next<T: Into<String>>(mut self, steps: impl IntoIterator<Item = T>) -> Self {
        self.next_steps.extend(steps.into_iter().map(Into::into));
        self
    }
}
