//! An event: something about a cluster changed.

use std::fmt;

use jiff::Timestamp;

use crate::finding::MemberRef;
use crate::severity::Severity;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// The overall state of the cluster changed.
    ClusterStateChanged,
    /// Another member leads, or the same one again after none did.
    LeaderElected,
    /// No member leads any more.
    LeaderLost,
    /// A member joined the member list.
    MemberAdded,
    /// A member left the member list.
    MemberRemoved,
    /// A learner became a voter.
    MemberPromoted,
    /// A member's name, URLs or the like changed.
    MemberUpdated,
    /// A member's health changed.
    MemberHealthChanged,
    /// A member runs another version than before.
    MemberVersionChanged,
    /// A member's process was started again.
    MemberRestarted,
    /// An alarm was raised on a member.
    AlarmRaised,
    /// An alarm is gone.
    AlarmDisarmed,
    /// A finding is believed.
    FindingOpened,
    /// A finding is over.
    FindingClosed,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::ClusterStateChanged,
        Self::LeaderElected,
        Self::LeaderLost,
        Self::MemberAdded,
        Self::MemberRemoved,
        Self::MemberPromoted,
        Self::MemberUpdated,
        Self::MemberHealthChanged,
        Self::MemberVersionChanged,
        Self::MemberRestarted,
        Self::AlarmRaised,
        Self::AlarmDisarmed,
        Self::FindingOpened,
        Self::FindingClosed,
    ];

    /// The name in APIs and the event stream.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterStateChanged => "cluster_state_changed",
            Self::LeaderElected => "leader_elected",
            Self::LeaderLost => "leader_lost",
            Self::MemberAdded => "member_added",
            Self::MemberRemoved => "member_removed",
            Self::MemberPromoted => "member_promoted",
            Self::MemberUpdated => "member_updated",
            Self::MemberHealthChanged => "member_health_changed",
            Self::MemberVersionChanged => "member_version_changed",
            Self::MemberRestarted => "member_restarted",
            Self::AlarmRaised => "alarm_raised",
            Self::AlarmDisarmed => "alarm_disarmed",
            Self::FindingOpened => "finding_opened",
            Self::FindingClosed => "finding_closed",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change, as history and stream tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Grows with each event, over restarts too; orders events and resumes a stream.
    pub sequence: u64,
    /// When we saw it.
    pub at: Timestamp,
    /// The cluster's name in our configuration.
    pub cluster: String,
    /// What changed.
    pub kind: EventKind,
    /// How bad.
    pub severity: Severity,
    /// The member, where it is about one.
    pub member: Option<MemberRef>,
    /// One line for a person.
    pub message: String,
}
