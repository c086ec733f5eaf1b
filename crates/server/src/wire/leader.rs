//! The leader and its predecessors in answers.

use jiff::Timestamp;
use model::leader::{LeaderChange, Leadership};
use monitor::view::ClusterView;
use serde::Serialize;
use store::Page;
use utoipa::ToSchema;

use crate::wire::names::MemberName;
use crate::wire::time::{Time, seconds_between};

/// Who leads a cluster, and who did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaderAnswer {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// When the last sweep was judged; null before the first.
    pub(crate) as_of: Option<Time>,
    /// Who leads; null when nobody does, or nobody told.
    pub(crate) leader: Option<Leader>,
    /// Changes of leader that are on record, or that the monitor saw since it watches.
    pub(crate) changes_total: u64,
    /// Past and present leaders, newest first: the last 500 changes.
    pub(crate) history: Vec<LeaderHistoryEntry>,
}

impl LeaderAnswer {
    /// The leader as it is `now`.
    pub(crate) fn new(view: &ClusterView, now: Timestamp) -> Self {
        Self {
            cluster: view.name.clone(),
            as_of: view.as_of.map(Time),
            leader: view.leader.as_ref().map(|leader| Leader::new(leader, now)),
            changes_total: view.leader_changes,
            history: view.leader_history.iter().map(LeaderHistoryEntry::from).collect(),
        }
    }
}

/// Who leads, since when.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Leader {
    /// The leader.
    pub(crate) member: MemberName,
    /// The raft term, as the leader reports it.
    pub(crate) term: u64,
    /// Since when it leads, or since when the monitor sees it lead.
    pub(crate) since: Time,
    /// For how long.
    pub(crate) tenure_seconds: f64,
    /// Whether the monitor saw the election. If not, it may lead for longer than told here.
    pub(crate) seen_elected: bool,
}

impl Leader {
    /// The leadership as it is `now`.
    pub(crate) fn new(leader: &Leadership, now: Timestamp) -> Self {
        Self {
            member: MemberName::from(&leader.member),
            term: leader.term,
            since: Time(leader.since),
            tenure_seconds: seconds_between(leader.since, now),
            seen_elected: leader.seen_elected,
        }
    }
}

/// A page of changes of leader.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaderHistory {
    /// Newest first.
    pub(crate) changes: Vec<LeaderHistoryEntry>,
    /// Give this as `before` to get the next, older page; null on the last one.
    pub(crate) next_before: Option<u64>,
}

impl From<&Page<LeaderChange>> for LeaderHistory {
    fn from(page: &Page<LeaderChange>) -> Self {
        let changes = page.items.iter().map(LeaderHistoryEntry::from).collect();
        Self { changes, next_before: page.next_before }
    }
}

/// A change of leader.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaderHistoryEntry {
    /// When the monitor saw it.
    pub(crate) at: Time,
    /// The raft term of the new leader; of a loss, the last known.
    pub(crate) term: u64,
    /// Who led before; null: nobody, or nobody told.
    pub(crate) from: Option<MemberName>,
    /// Who led from then on; null: nobody.
    pub(crate) to: Option<MemberName>,
    /// How long nobody led before this, as far as the sweeps tell.
    pub(crate) leaderless_seconds: f64,
}

impl From<&LeaderChange> for LeaderHistoryEntry {
    fn from(change: &LeaderChange) -> Self {
        Self {
            at: Time(change.at),
            term: change.term,
            from: change.from.as_ref().map(MemberName::from),
            to: change.to.as_ref().map(MemberName::from),
            leaderless_seconds: change.leaderless.as_secs_f64(),
        }
    }
}
