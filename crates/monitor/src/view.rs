//! What the outside sees of a cluster: one immutable picture, replaced after each sweep.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Finding, MemberRef};
use model::health::{ClusterState, Health, Role};
use model::id::{ClusterId, MemberId};
use model::leader::{LeaderChange, Leadership};
use model::maintenance::Maintenance;
use model::membership::MembershipChange;

/// A cluster as it was at its last sweep.
#[derive(Debug, Clone)]
pub struct ClusterView {
    /// Its name in the configuration.
    pub name: String,
    /// Its labels in the configuration.
    pub labels: BTreeMap<String, String>,
    /// Its ID; `None` until a member told it.
    pub id: Option<ClusterId>,
    /// How it is.
    pub state: ClusterState,
    /// Why it is not healthy, worst first; empty when it is.
    pub reasons: Vec<String>,
    /// When the last sweep was judged; `None` before the first.
    pub as_of: Option<Timestamp>,
    /// How many sweeps there were.
    pub sweeps: u64,
    /// From the start of the last sweep until it was judged.
    pub sweep_took: Duration,
    /// Votes.
    pub quorum: Quorum,
    /// Who leads; `None` when nobody does, or nobody told.
    pub leader: Option<Leadership>,
    /// Elections that we saw; the first sighting of a leader is none.
    pub leader_changes: u64,
    /// Past and present leaders, newest first; bounded.
    pub leader_history: Arc<VecDeque<LeaderChange>>,
    /// Additions, removals and promotions that we saw, newest first; bounded.
    pub membership_history: Arc<VecDeque<MembershipChange>>,
    /// The distinct server versions among the members that told theirs, lowest first.
    pub versions: Vec<String>,
    /// The cluster version, the lowest common minor, as `/version` tells it.
    pub cluster_version: Option<String>,
    /// All members: those of the member list first, by name; then endpoints of no known member.
    pub members: Vec<MemberView>,
    /// Findings that are not closed, worst first.
    pub findings: Vec<Arc<Finding>>,
    /// The maintenance window that it is in.
    pub maintenance: Option<Maintenance>,
}

impl ClusterView {
    /// A cluster that was not looked at yet; `reason` says why.
    pub fn unseen(name: &str, labels: &BTreeMap<String, String>, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            labels: labels.clone(),
            id: None,
            state: ClusterState::Unknown,
            reasons: vec![reason.to_owned()],
            as_of: None,
            sweeps: 0,
            sweep_took: Duration::ZERO,
            quorum: Quorum {
                voters: 0,
                healthy_voters: 0,
                needed: 1,
                margin: -1,
                has_quorum: None,
            },
            leader: None,
            leader_changes: 0,
            leader_history: Arc::default(),
            membership_history: Arc::default(),
            versions: Vec::new(),
            cluster_version: None,
            members: Vec::new(),
            findings: Vec::new(),
            maintenance: None,
        }
    }
}

/// The votes of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// Voting members in the member list.
    pub voters: usize,
    /// Those of them that are healthy.
    pub healthy_voters: usize,
    /// Votes that a decision needs: ⌊voters/2⌋ + 1.
    pub needed: usize,
    /// Healthy voters that may still fail; negative when there are too few already.
    pub margin: i64,
    /// Whether a linearizable read succeeded in the last sweep; `None` when that can't be told.
    pub has_quorum: Option<bool>,
}

/// A member, or a configured endpoint of which no member is known.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// Its ID; `None` while an endpoint has never answered.
    pub id: Option<MemberId>,
    /// Its name in the member list; the endpoint where it has none.
    pub name: String,
    /// Where we ask it, `host:port`; `None` when it has no client URL (unstarted).
    pub endpoint: Option<String>,
    /// Whether the cluster's member list has it. An endpoint of no known member, or of a removed
    /// one, is not listed.
    pub is_listed: bool,
    /// Its peer URLs in the member list.
    pub peer_urls: Vec<String>,
    /// Its client URLs in the member list.
    pub client_urls: Vec<String>,
    /// Whether it answers us at all; `None` when not asked yet.
    pub is_reachable: Option<bool>,
    /// Whether it does its work.
    pub health: Health,
    /// Why it is not healthy; empty when it is.
    pub reasons: Vec<String>,
    /// The part that it plays.
    pub role: Role,
    /// When it last answered a Status call.
    pub last_seen: Option<Timestamp>,
    /// What it told of itself in the last Status that succeeded; stale once `is_reachable` is false.
    pub status: Option<MemberStatus>,
    /// Alarms raised on it: `NOSPACE`, `CORRUPT`.
    pub alarms: Vec<String>,
    /// How long the probes of the last sweep took; `None` where one failed or did not run.
    pub probes: ProbeTimes,
    /// When the certificate that it shows expires; `None` without TLS.
    pub certificate_expires_at: Option<Timestamp>,
    /// What the last scrape of its metrics said, if it failed.
    pub scrape_error: Option<String>,
}

impl MemberView {
    /// The names of this member, to speak of it elsewhere.
    pub fn reference(&self) -> MemberRef {
        MemberRef {
            id: self.id,
            name: self.name.clone(),
            endpoint: self.endpoint.clone().unwrap_or_default(),
        }
    }

    /// Whether it has a vote: listed and no learner.
    pub fn is_voter(&self) -> bool {
        self.is_listed && self.role != Role::Learner
    }
}

/// What a member told of itself. Fields that only newer servers send are `Option`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Server version, such as `3.6.5`.
    pub version: String,
    /// Storage version (3.6 and later).
    pub storage_version: Option<String>,
    /// Size of the database file, bytes.
    pub db_size_bytes: u64,
    /// Bytes of it in use (3.4 and later).
    pub db_size_in_use_bytes: Option<u64>,
    /// Quota of the database, bytes (3.6 and later; before, from the metrics).
    pub db_size_quota_bytes: Option<u64>,
    /// Whom it takes for the leader.
    pub leader: Option<MemberId>,
    /// The term of its last applied entry: not raft's current term.
    pub raft_term: u64,
    /// Its committed index.
    pub raft_index: u64,
    /// Its applied index.
    pub raft_applied_index: u64,
    /// Its key-value store's revision.
    pub revision: i64,
    /// What it complains of, as text.
    pub errors: Vec<String>,
}

/// How long the probes of one sweep took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProbeTimes {
    /// The Status call.
    pub status: Option<Duration>,
    /// The serializable read: this member alone.
    pub serializable_read: Option<Duration>,
    /// The linearizable read: with the quorum.
    pub linearizable_read: Option<Duration>,
    /// The write, where the write probe is on.
    pub write: Option<Duration>,
}
