//! Every figure of a member: its name, its unit and how it follows from etcd's metrics.
//!
//! Parsing, computing, APIs, history and docs/metrics.md are derived from [`CATALOGUE`]: a new
//! figure is a new entry there.

use super::source::Source::{
    self, ActivePeers, Age, Difference, Gauge, IndexRate, Mean, OpenRequests, PeerQuantile,
    PeerRate, Quantile, Quotient, Rate, RequestErrorRatio, Requests, Slope,
};
use super::source::{CallType, PROCESS_START_TIME, PeerCounter, QUOTA, RequestKind};
use Unit::{Bytes, BytesPerSecond, Count, Flag, PerSecond, Ratio, Seconds};

/// One figure of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureSpec {
    /// The name in APIs and history; ends with the unit where it has one.
    pub name: &'static str,
    /// What one of it is.
    pub unit: Unit,
    /// What it means, in one sentence for a person.
    pub help: &'static str,
    /// The first etcd versions that show it, newest line last; empty if all from 3.4.0 on do.
    pub since: &'static str,
    /// How it is computed.
    pub source: Source,
}

/// What one of a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A number of things.
    Count,
    /// Things per second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// A part of a whole, where 1 is all of it.
    Ratio,
    /// 0 or 1.
    Flag,
}

impl Unit {
    /// The name in APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes_per_second",
            Self::Count => "count",
            Self::PerSecond => "per_second",
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
            Self::Flag => "flag",
        }
    }

    /// How the names of such figures end.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Bytes => "_bytes",
            Self::BytesPerSecond => "_bytes_per_second",
            Self::Count | Self::Flag => "",
            Self::PerSecond => "_per_second",
            Self::Seconds => "_seconds",
            Self::Ratio => "_ratio",
        }
    }
}

/// The place of a figure in [`CATALOGUE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureId(pub(super) u8);

impl FigureId {
    /// The figure of this name.
    pub fn named(name: &str) -> Option<Self> {
        CATALOGUE.iter().position(|spec| spec.name == name).map(|index| Self(index as u8))
    }

    /// The figure of this name, or of this name and a unit where there is only one of them: `db_size`
    /// is `db_size_bytes`.
    pub fn called(name: &str) -> Option<Self> {
        Self::named(name).or_else(|| {
            let is_called =
                |id: &Self| id.spec().name.strip_suffix(id.spec().unit.suffix()) == Some(name);
            let mut found = Self::all().filter(is_called);
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// Every figure, in the order of the catalogue.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CATALOGUE.len()).map(|index| Self(index as u8))
    }

    /// What it is.
    pub fn spec(self) -> &'static FigureSpec {
        &CATALOGUE[self.index()]
    }

    /// Its place in the catalogue.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

// One byte is enough for a place.
const _: () = assert!(CATALOGUE.len() <= 256);

pub(crate) const WAL_FSYNC: &str = "etcd_disk_wal_fsync_duration_seconds";
pub(crate) const BACKEND_COMMIT: &str = "etcd_disk_backend_commit_duration_seconds";
const APPLY: &str = "etcd_server_apply_duration_seconds";
const REQUEST: &str = "etcd_server_request_duration_seconds";
const DB_SIZE: &str = "etcd_mvcc_db_total_size_in_bytes";
const COMMITTED: &str = "etcd_server_proposals_committed_total";
const APPLIED: &str = "etcd_server_proposals_applied_total";
const DEFRAG: &str = "etcd_disk_backend_defrag_duration_seconds";
const SNAPSHOT_SAVE: &str = "etcd_debugging_snap_save_total_duration_seconds";
const BACKEND_SNAPSHOT: &str = "etcd_disk_backend_snapshot_duration_seconds";
const COMPACTION: &str = "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds";
const COMPACTION_PAUSE: &str = "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds";
const CLIENT_RECEIVED: &str = "etcd_network_client_grpc_received_bytes_total";
const CLIENT_SENT: &str = "etcd_network_client_grpc_sent_bytes_total";
const HEARTBEAT_FAILURES: &str = "etcd_server_heartbeat_send_failures_total";
const READ_INDEX_FAILURES: &str = "etcd_server_read_indexes_failed_total";
const BACKEND_COMMITS: &str = "etcd_disk_backend_commit_duration_seconds_count";
/// Watchers that lag behind.
pub(crate) const SLOW_WATCHERS: &str = "etcd_debugging_mvcc_slow_watcher_total";
/// What is older than this revision is gone; -1 before the first compaction.
pub(crate) const COMPACT_REVISION: &str = "etcd_debugging_mvcc_compact_revision";
const WAL_FSYNCS: &str = "etcd_disk_wal_fsync_duration_seconds_count";
const LEASES_EXPIRED: &str = "etcd_debugging_server_lease_expired_total";

/// Every figure.
#[rustfmt::skip] // Two or three lines to a figure; rustfmt would make it eight.
pub static CATALOGUE: &[FigureSpec] = &[
    // The process.
    figure("cpu_ratio", Ratio, Rate("process_cpu_seconds_total"),
        "", "CPU time used per second of real time; 1 is one core busy."),
    figure("resident_memory_bytes", Bytes, Gauge("process_resident_memory_bytes"),
        "", "Memory of the process that is in RAM, with the pages of the database file that \
        it has touched."),
    figure("heap_in_use_bytes", Bytes, Gauge("go_memstats_heap_inuse_bytes"),
        "", "Memory in spans of Go's heap that are in use."),
    figure("goroutines", Count, Gauge("go_goroutines"),
        "", "Goroutines; a few for each client connection, stream and peer."),
    figure("open_file_descriptors", Count, Gauge("process_open_fds"),
        "", "Open files and sockets."),
    figure("max_file_descriptors", Count, Gauge("process_max_fds"),
        "", "How many files and sockets the process may open."),
    figure("uptime_seconds", Seconds, Age(PROCESS_START_TIME),
        "", "Since the process started, by the member's clock and ours."),
    // The database.
    figure("db_size_bytes", Bytes, Gauge(DB_SIZE),
        "", "Size of the database file."),
    figure("db_size_in_use_bytes", Bytes, Gauge("etcd_mvcc_db_total_size_in_use_in_bytes"),
        "", "What of the database file is in use; a defragmentation frees the rest."),
    figure("quota_bytes", Bytes, Gauge(QUOTA),
        "", "The size at which the member refuses writes (NOSPACE)."),
    figure("quota_used_ratio", Ratio, Quotient { of: DB_SIZE, by: QUOTA },
        "", "Size of the database file as part of the quota."),
    figure("db_growth_bytes_per_second", BytesPerSecond, Slope(DB_SIZE),
        "", "How fast the database file grows; negative after a defragmentation."),
    figure("keys", Count, Gauge("etcd_debugging_mvcc_keys_total"),
        "", "Keys in the store."),
    figure("compact_revision", Count, Gauge(COMPACT_REVISION),
        "3.4.1", "The revision up to which the history of keys was compacted; -1 before the \
        first compaction."),
    figure("open_read_transactions", Count, Gauge("etcd_mvcc_db_open_read_transactions"),
        "", "Read transactions of the database that are open; a long one keeps pages from \
        reuse."),
    // The network.
    figure("client_received_bytes_per_second", BytesPerSecond, Rate(CLIENT_RECEIVED),
        "", "Received from clients."),
    figure("client_sent_bytes_per_second", BytesPerSecond, Rate(CLIENT_SENT),
        "", "Sent to clients."),
    figure("peer_received_bytes_per_second", BytesPerSecond, PeerRate(PeerCounter::ReceivedBytes),
        "", "Received from the other members."),
    figure("peer_sent_bytes_per_second", BytesPerSecond, PeerRate(PeerCounter::SentBytes),
        "", "Sent to the other members."),
    figure("peer_send_failures_per_second", PerSecond, PeerRate(PeerCounter::SendFailures),
        "", "Messages to other members that could not be sent."),
    figure("peer_receive_failures_per_second", PerSecond, PeerRate(PeerCounter::ReceiveFailures),
        "", "Messages from other members that could not be taken."),
    figure("active_peers", Count, ActivePeers,
        "", "Other members that this one is connected to."),
    figure("peer_round_trip_p50_seconds", Seconds, PeerQuantile(0.5),
        "", "Round trip time to the other members, measured every 30 s: half were at most this."),
    figure("peer_round_trip_p95_seconds", Seconds, PeerQuantile(0.95),
        "", "Round trip time to the other members, measured every 30 s: 95 % were at most this."),
    figure("peer_round_trip_p99_seconds", Seconds, PeerQuantile(0.99),
        "", "Round trip time to the other members, measured every 30 s: 99 % were at most this."),
    // What clients do. A member counts writes of the whole cluster as it applies them, but only its
    // own reads.
    figure("puts_per_second", PerSecond, Rate("etcd_mvcc_put_total"),
        "", "Puts applied, also those in transactions."),
    figure("deletes_per_second", PerSecond, Rate("etcd_mvcc_delete_total"),
        "", "Deletes applied, also those in transactions."),
    figure("ranges_per_second", PerSecond, Rate("etcd_mvcc_range_total"),
        "", "Range reads done by this member, also those in transactions."),
    figure("txns_per_second", PerSecond, Rate("etcd_mvcc_txn_total"),
        "", "Transactions applied that did more than one operation."),
    figure("requests_per_second", PerSecond, Requests(RequestKind::Ended),
        "", "Unary calls that ended, of all services; streams are not among them."),
    figure("request_errors_per_second", PerSecond, Requests(RequestKind::Failed),
        "", "Unary calls that ended with a code for which the server is to blame."),
    figure("error_ratio", Ratio, RequestErrorRatio,
        "", "Errors as part of the unary calls that ended; absent while none does."),
    figure("requests_in_flight", Count, OpenRequests(CallType::Unary),
        "", "Unary calls that the member is working on."),
    figure("client_streams", Count, OpenRequests(CallType::Stream),
        "", "Streams that clients hold open (watch, lease keep-alive, election): the nearest \
        to a number of connected clients that etcd tells; a client without a stream is \
        not among them."),
    figure("request_p50_seconds", Seconds, Quantile { histogram: REQUEST, q: 0.5 },
        "3.7.0", "Time that this member took for reads and proposals, all types of request \
        together: half were at most this."),
    figure("request_p95_seconds", Seconds, Quantile { histogram: REQUEST, q: 0.95 },
        "3.7.0", "Time that this member took for reads and proposals, all types of request \
        together: 95 % were at most this."),
    figure("request_p99_seconds", Seconds, Quantile { histogram: REQUEST, q: 0.99 },
        "3.7.0", "Time that this member took for reads and proposals, all types of request \
        together: 99 % were at most this."),
    // Consensus.
    figure("has_leader", Flag, Gauge("etcd_server_has_leader"),
        "", "Whether the member knows a leader."),
    figure("is_leader", Flag, Gauge("etcd_server_is_leader"),
        "", "Whether the member leads."),
    figure("leader_changes_seen", Count, Gauge("etcd_server_leader_changes_seen_total"),
        "", "Leaders that the member has seen since its process started, the first one \
        included."),
    figure("proposals_committed_per_second", PerSecond, IndexRate(COMMITTED),
        "", "Growth of the committed raft index."),
    figure("proposals_applied_per_second", PerSecond, IndexRate(APPLIED),
        "", "Growth of the applied raft index."),
    figure("apply_lag", Count, Difference { of: COMMITTED, less: APPLIED },
        "", "Entries that are committed but not applied yet; above 5,000 the member refuses \
        writes."),
    figure("proposals_pending", Count, Gauge("etcd_server_proposals_pending"),
        "", "Proposals that wait to be committed."),
    figure("proposals_failed_per_second", PerSecond, Rate("etcd_server_proposals_failed_total"),
        "", "Proposals that failed, mostly because there was no leader or no quorum."),
    figure("heartbeat_send_failures_per_second", PerSecond, Rate(HEARTBEAT_FAILURES),
        "", "Heartbeats that the leader sent too late: it is overloaded or its disk is slow."),
    figure("slow_applies_per_second", PerSecond, Rate("etcd_server_slow_apply_total"),
        "", "Requests that took longer than 100 ms to apply."),
    figure("slow_read_indexes_per_second", PerSecond, Rate("etcd_server_slow_read_indexes_total"),
        "", "Linearizable reads that waited too long for the leader's word."),
    figure("failed_read_indexes_per_second", PerSecond, Rate(READ_INDEX_FAILURES),
        "", "Linearizable reads that failed for want of the leader's word."),
    figure("apply_p50_seconds", Seconds, Quantile { histogram: APPLY, q: 0.5 },
        "3.5.0", "Time to apply a request, all operations together: half were at most this."),
    figure("apply_p95_seconds", Seconds, Quantile { histogram: APPLY, q: 0.95 },
        "3.5.0", "Time to apply a request, all operations together: 95 % were at most this."),
    figure("apply_p99_seconds", Seconds, Quantile { histogram: APPLY, q: 0.99 },
        "3.5.0", "Time to apply a request, all operations together: 99 % were at most this."),
    // The disk.
    figure("wal_fsyncs_per_second", PerSecond, Rate(WAL_FSYNCS),
        "", "Times that the write-ahead log was made durable."),
    figure("wal_fsync_p50_seconds", Seconds, Quantile { histogram: WAL_FSYNC, q: 0.5 },
        "", "Time to make the write-ahead log durable: half were at most this."),
    figure("wal_fsync_p95_seconds", Seconds, Quantile { histogram: WAL_FSYNC, q: 0.95 },
        "", "Time to make the write-ahead log durable: 95 % were at most this."),
    figure("wal_fsync_p99_seconds", Seconds, Quantile { histogram: WAL_FSYNC, q: 0.99 },
        "", "Time to make the write-ahead log durable: 99 % were at most this."),
    figure("wal_written_bytes_per_second", BytesPerSecond, Rate("etcd_disk_wal_write_bytes_total"),
        "3.4.7, 3.5.0", "Written to the write-ahead log."),
    figure("backend_commits_per_second", PerSecond, Rate(BACKEND_COMMITS),
        "", "Commits of the database."),
    figure("backend_commit_p50_seconds", Seconds, Quantile { histogram: BACKEND_COMMIT, q: 0.5 },
        "", "Time to commit the database: half were at most this."),
    figure("backend_commit_p95_seconds", Seconds, Quantile { histogram: BACKEND_COMMIT, q: 0.95 },
        "", "Time to commit the database: 95 % were at most this."),
    figure("backend_commit_p99_seconds", Seconds, Quantile { histogram: BACKEND_COMMIT, q: 0.99 },
        "", "Time to commit the database: 99 % were at most this."),
    figure("defrags_in_flight", Count, Gauge("etcd_disk_defrag_inflight"),
        "3.4.18, 3.5.2", "1 while a defragmentation runs: the member serves nothing \
        meanwhile."),
    figure("defrag_mean_seconds", Seconds, Mean { histogram: DEFRAG, unit_seconds: 1.0 },
        "", "Mean time of the defragmentations that ended."),
    figure("snapshot_save_mean_seconds", Seconds,
        Mean { histogram: SNAPSHOT_SAVE, unit_seconds: 1.0 },
        "", "Mean time to save a raft snapshot, of those that were saved."),
    figure("backend_snapshot_mean_seconds", Seconds,
        Mean { histogram: BACKEND_SNAPSHOT, unit_seconds: 1.0 },
        "", "Mean time to stream out the database (backup or a member that lags), of those \
        that ended."),
    figure("snapshots_applying", Count, Gauge("etcd_server_snapshot_apply_in_progress_total"),
        "", "1 while the member takes over a snapshot from the leader."),
    figure("compaction_mean_seconds", Seconds, Mean { histogram: COMPACTION, unit_seconds: 0.001 },
        "", "Mean time of the compactions that ended."),
    figure("compaction_pause_mean_seconds", Seconds,
        Mean { histogram: COMPACTION_PAUSE, unit_seconds: 0.001 },
        "", "Mean time for which a compaction held up writes at a stretch."),
    // Watches and leases. etcd tells no number of leases: its counters begin with the process.
    figure("watchers", Count, Gauge("etcd_debugging_mvcc_watcher_total"),
        "", "Watchers: ranges of keys that clients watch here."),
    figure("watch_streams", Count, Gauge("etcd_debugging_mvcc_watch_stream_total"),
        "", "Watch streams; each carries any number of watchers."),
    figure("slow_watchers", Count, Gauge(SLOW_WATCHERS),
        "", "Watchers that lag behind and are fed from the database."),
    figure("pending_events", Count, Gauge("etcd_debugging_mvcc_pending_events_total"),
        "", "Events that wait to be sent to watchers."),
    figure("watch_events_per_second", PerSecond, Rate("etcd_debugging_mvcc_events_total"),
        "", "Events sent to watchers."),
    figure("leases_granted_per_second", PerSecond, Rate("etcd_debugging_lease_granted_total"),
        "", "Leases granted in the cluster."),
    figure("leases_renewed_per_second", PerSecond, Rate("etcd_debugging_lease_renewed_total"),
        "", "Leases kept alive; only the leader counts them."),
    figure("leases_revoked_per_second", PerSecond, Rate("etcd_debugging_lease_revoked_total"),
        "", "Leases that ended in the cluster, also by expiry."),
    figure("leases_expired_per_second", PerSecond, Rate(LEASES_EXPIRED),
        "", "Leases that ran out; only the leader counts them."),
];

const fn figure(
    name: &'static str,
    unit: Unit,
    source: Source,
    since: &'static str,
    help: &'static str,
) -> FigureSpec {
    FigureSpec { name, unit, help, since, source }
}
