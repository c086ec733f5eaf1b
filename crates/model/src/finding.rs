//! A finding: something that is wrong, with its evidence, cause and next step.

use std::fmt;

use jiff::Timestamp;

use crate::id::MemberId;
use crate::severity::Severity;

/// Declares the catalogue: each kind once, with what it means and its name.
macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal,)+) => {
        /// The catalogue of what can be wrong. One detector file per kind or family in
        /// `monitor::detect`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl FindingKind {
            /// Every kind, in the order of the catalogue.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// The name in APIs, metrics, rules and runbooks.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// Its runbook, Markdown: how it is seen, and what to do.
            pub fn runbook_text(self) -> &'static str {
                match self {
                    $(Self::$kind => include_str!(concat!(
                        env!("CARGO_MANIFEST_DIR"), "/../../docs/runbooks/", $name, ".md"
                    )),)+
                }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

catalogue! {
    // Whether the cluster serves.
    /// No member of the cluster answers us.
    ClusterUnreachable = "cluster_unreachable",
    /// No member completes a linearizable read: the cluster serves no writes.
    QuorumLost = "quorum_lost",
    /// A member knows no leader.
    NoLeader = "no_leader",
    /// A member does not answer us, and its peers have lost it too.
    MemberDown = "member_down",
    /// A member does not answer us, but its peers still see it or cannot tell.
    MemberUnreachable = "member_unreachable",
    /// The next voter that fails takes the quorum with it.
    QuorumAtRisk = "quorum_at_risk",
    // Who leads.
    /// A member goes on claiming that it leads although another one does.
    StaleLeader = "stale_leader",
    /// Two members lead and serve linearizable reads at the same time.
    LeaderUniquenessViolated = "leader_uniqueness_violated",
    /// Leaders change too often.
    LeaderFlapping = "leader_flapping",
    // Who belongs to the cluster.
    /// The endpoints belong to more than one cluster.
    DividedCluster = "divided_cluster",
    /// Two processes answer as the same member.
    DuplicateMember = "duplicate_member",
    /// Members disagree about who belongs to the cluster.
    MembershipDisagree = "membership_disagree",
    /// A member that was removed from the cluster goes on serving.
    ZombieMember = "zombie_member",
    /// A member was added and has not started since.
    UnstartedMember = "unstarted_member",
    /// A learner does not catch up, or was never promoted.
    LearnerStuck = "learner_stuck",
    /// The number of voters is one that costs more than it gives.
    ClusterSize = "cluster_size",
    // The network between the members.
    /// A member has lost all of its peers, and we still reach it.
    MemberIsolated = "member_isolated",
    /// One link between two members is down, in one or both directions.
    LinkDown = "link_down",
    /// Messages to a peer take long.
    SlowPeer = "slow_peer",
    // The disk.
    /// The disk makes the write-ahead log durable slowly.
    SlowFsync = "slow_fsync",
    /// The database is committed slowly.
    SlowCommit = "slow_commit",
    // Space.
    /// The NOSPACE alarm is raised: writes are refused.
    Nospace = "nospace",
    /// The database file comes near its quota.
    QuotaHigh = "quota_high",
    /// At the present growth the quota is reached soon.
    QuotaEta = "quota_eta",
    /// Much of the database file is free, and only a defragmentation gives it back.
    Fragmented = "fragmented",
    /// Old revisions are not compacted.
    CompactionOff = "compaction_off",
    // The data.
    /// The CORRUPT alarm is raised: data of members differ.
    CorruptAlarm = "corrupt_alarm",
    /// Members that applied the same entries are at different revisions.
    RevisionDiverged = "revision_diverged",
    /// The raft index or the revision of a member is lower than it was.
    IndexWentBack = "index_went_back",
    /// The hashes of the members' data differ.
    HashMismatch = "hash_mismatch",
    /// It was not possible for long to compare the members' data.
    ConsistencyCheckStale = "consistency_check_stale",
    /// A member is behind the others in what is committed.
    RaftLag = "raft_lag",
    /// A member is behind in applying what is committed.
    ApplyLag = "apply_lag",
    // What clients do and get.
    /// Leases end or are granted in masses.
    LeaseStorm = "lease_storm",
    /// Watchers don't get their events in time.
    WatchSlow = "watch_slow",
    /// Values are large.
    BigValue = "big_value",
    /// Most keys, or most of the writes, are under one prefix.
    HotPrefix = "hot_prefix",
    /// Many calls end in an error for which the server is to blame.
    GrpcErrors = "grpc_errors",
    /// Requests take long.
    SlowRequests = "slow_requests",
    /// Benchmarks go worse than they did.
    BenchmarkRegressed = "benchmark_regressed",
    // How members are run.
    /// Members run different minor versions.
    VersionSkew = "version_skew",
    /// A member runs a version with a known defect.
    VersionCve = "version_cve",
    /// A flag differs between members that should have the same.
    FlagsDiffer = "flags_differ",
    /// Anybody who reaches a member may read and write.
    AuthOff = "auth_off",
    /// A certificate is about to expire, or has.
    CertExpiry = "cert_expiry",
    /// A member serves its profiler to anybody.
    PprofExposed = "pprof_exposed",
    /// The clock of a member differs from those of the others.
    ClockSkew = "clock_skew",
    /// A member has few file descriptors left.
    FileDescriptors = "file_descriptors",
    /// A member takes more memory than it should.
    MemoryPressure = "memory_pressure",
    // What we can see.
    /// A member answers, but its metrics do not come or cannot be used.
    MetricsUnreadable = "metrics_unreadable",
    /// Most of what we watch does not answer, or we are late ourselves.
    MonitorBlind = "monitor_blind",
    /// The monitor cannot write to its data directory: what it sees is not kept for long.
    StoragePaused = "storage_paused",
    /// The monitor found its own files damaged: part of the history is missing.
    StorageDamaged = "storage_damaged",
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
    /// What else tells it from others of its kind: the peer of a link, a prefix, a flag; else empty.
    pub about: String,
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
    /// What may have caused it, most likely first.
    pub causes: Vec<String>,
    /// What to do next, most useful first; commands where there is one.
    pub next_steps: Vec<String>,
    /// The open finding of which this one is a symptom.
    pub hidden_by: Option<FindingKind>,
    /// Why it was to be expected, such as a maintenance window; its severity is `Info` then.
    pub expected: Option<String>,
}

impl Finding {
    /// Where its runbook is, in the project's documentation.
    pub fn runbook(&self) -> String {
        format!("docs/runbooks/{}.md", self.kind)
    }

    /// Whether it is believed and not over.
    pub fn is_open(&self) -> bool {
        matches!(self.state, FindingState::Open | FindingState::Clearing)
    }
}
