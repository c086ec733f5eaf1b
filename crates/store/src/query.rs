//! Which records are wanted: all conditions that are given must hold.

use jiff::Timestamp;
use model::event::{Event, EventKind};
use model::finding::{Finding, FindingKind};
use model::severity::Severity;

/// Records, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Given as `before`, this brings the next, older page; `None` on the last one.
    pub next_before: Option<u64>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Of this cluster.
    pub cluster: Option<String>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// With this in the message, in capital or small letters (of ASCII).
    pub text: Option<String>,
    /// With a sequence number above this one.
    pub after_sequence: Option<u64>,
    /// With a sequence number below this one: the cursor towards older events.
    pub before_sequence: Option<u64>,
}

impl EventQuery {
    /// Whether the event is wanted.
    pub fn accepts(&self, event: &Event) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| *cluster == event.cluster)
            && self.kind.is_none_or(|kind| kind == event.kind)
            && self.severity.is_none_or(|severity| severity == event.severity)
            && self.from.is_none_or(|from| event.at >= from)
            && self.to.is_none_or(|to| event.at < to)
            && self.text.as_ref().is_none_or(|text| has_text(&event.message, text))
            && self.after_sequence.is_none_or(|after| event.sequence > after)
            && self.before_sequence.is_none_or(|before| event.sequence < before)
    }
}

/// Which changes of leader or member list of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeQuery {
    /// Of this cluster.
    pub cluster: String,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// `next_before` of the page before: the cursor towards older ones.
    pub before: Option<u64>,
}

impl ChangeQuery {
    /// Whether a change at this time is wanted.
    pub fn accepts(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// Which findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingQuery {
    /// Of this cluster.
    pub cluster: Option<String>,
    /// Of this kind.
    pub kind: Option<FindingKind>,
    /// Over, or not.
    pub is_closed: Option<bool>,
    /// Not over before.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
    /// With this in the summary or the explanation, in capital or small letters (of ASCII).
    pub text: Option<String>,
    /// `next_before` of the page before: the cursor towards older ones.
    pub before: Option<u64>,
}

impl FindingQuery {
    /// Whether the finding about `cluster` is wanted.
    pub fn accepts(&self, cluster: &str, finding: &Finding) -> bool {
        self.cluster.as_ref().is_none_or(|wanted| wanted == cluster)
            && self.kind.is_none_or(|kind| kind == finding.kind)
            && self.is_closed.is_none_or(|closed| closed == finding.closed_at.is_some())
            && self.from.is_none_or(|from| finding.closed_at.is_none_or(|at| at >= from))
            && self.to.is_none_or(|to| finding.since < to)
            && self.text.as_ref().is_none_or(|text| {
                has_text(&finding.summary, text) || has_text(&finding.explanation, text)
            })
    }
}

pub(crate) fn has_text(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}
