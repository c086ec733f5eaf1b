//! Who leads a cluster, and how that changed.

use std::time::Duration;

use jiff::Timestamp;

use crate::finding::MemberRef;

/// Who leads, since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    /// The leader.
    pub member: MemberRef,
    /// The raft term, as the leader reports it (the term of its last applied entry).
    pub term: u64,
    /// Since when it leads.
    pub since: Timestamp,
    /// Whether we saw the election. If not, it led before we looked, and `since` is when we did.
    pub seen_elected: bool,
}

/// One entry of the leader history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderChange {
    /// When we saw it.
    pub at: Timestamp,
    /// The raft term that the new leader reports; of a loss, the last known.
    pub term: u64,
    /// Who led before.
    pub from: Option<MemberRef>,
    /// Who leads now; `None`: nobody.
    pub to: Option<MemberRef>,
    /// How long there was no leader before this one, as far as sweeps tell; the longest that it may
    /// have been when the loss fell between two of them; zero for a leadership that was handed over.
    pub leaderless: Duration,
}
