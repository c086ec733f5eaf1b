//! A finding: something that is wrong, with its evidence, cause and next step.

use std::fmt;

use jiff::Timestamp;

use crate::id::MemberId;
use crate::severity::Severity;

/// The catalogue of what can be wrong. One detector file per kind or family in `monitor::detect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// No member completes a linearizable read: the cluster serves no writes.
    QuorumLost,
    /// A member knows no leader.
    NoLeader,
    /// A member does not answer us, and its peers have lost it too.
    MemberDown,
    /// A member does not answer us, but its peers still see it or cannot tell.
    MemberUnreachable,
    /// A member answers, but its metrics do not come or cannot be used.
    MetricsUnreadable,
    /// The NOSPACE alarm is raised: writes are refused.
    Nospace,
    /// The CORRUPT alarm is raised: data of members differ.
    CorruptAlarm,
    /// The monitor cannot write to its data directory: what it sees is not kept for long.
    StoragePaused,
    /// The monitor found its own files damaged: part of the history is missing.
    StorageDamaged,
}

impl FindingKind {
    /// Every kind, in the order of the catalogue.
    pub const ALL: [Self; 9] = [
        Self::QuorumLost,
        Self::NoLeader,
        Self::MemberDown,
        Self::MemberUnreachable,
        Self::MetricsUnreadable,
        Self::Nospace,
        Self::CorruptAlarm,
        Self::StoragePaused,
        Self::StorageDamaged,
    ];

    /// The name in APIs, metrics, rules and runbooks.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QuorumLost => "quorum_lost",
            Self::NoLeader => "no_leader",
            Self::MemberDown => "member_down",
            Self::MemberUnreachable => "member_unreachable",
            Self::MetricsUnreadable => "metrics_unreadable",
            Self::Nospace => "nospace",
            Self::CorruptAlarm => "corrupt_alarm",
            Self::StoragePaused => "storage_paused",
            Self::StorageDamaged => "storage_damaged",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a finding is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingState {
    /// Seen, but not yet often enough to be believed.
    Pending,
    /// Believed.
    Open,
    /// Open, but not seen in the last sweep.
    Clearing,
    /// Over.
    Closed,
}

impl FindingState {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Open, Self::Clearing, Self::Closed];

    /// The name in APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Clearing => "clearing",
            Self::Closed => "closed",
        }
    }
}

/// The member that something is about, by every name that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRef {
    /// Its ID; `None` for a configured endpoint that never answered.
    pub id: Option<MemberId>,
    /// Its name in the member list, or the endpoint where it has none.
    pub name: String,
    /// The endpoint that we ask, `host:port`; empty when none is known.
    pub endpoint: String,
}

/// One number or answer that a verdict rests on, so that a person can check it by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When it was seen.
    pub at: Timestamp,
    /// Who said it: an endpoint and a call, such as `10.0.0.1:2379 Status`.
    pub source: String,
    /// What was seen, such as `leader = 0`.
    pub observed: String,
}

/// Something that is wrong with a cluster or one of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of trouble.
    pub kind: FindingKind,
    /// The member, or `None` where the cluster as a whole is meant.
    pub member: Option<MemberRef>,
    /// How bad.
    pub severity: Severity,
    /// Where in its life.
    pub state: FindingState,
    /// When the condition was first seen, in this run of it.
    pub since: Timestamp,
    /// When it was believed.
    pub opened_at: Option<Timestamp>,
    /// When it was over.
    pub closed_at: Option<Timestamp>,
    /// One line for a list or a page title.
    pub summary: String,
    /// What it means, in one or two sentences.
    pub explanation: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to do next, most useful first; commands where there is one.
    pub next_steps: Vec<String>,
}
