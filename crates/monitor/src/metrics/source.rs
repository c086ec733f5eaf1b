//! The ways in which a figure follows from etcd's series.

/// How a figure follows from the series of a page, or from their change over a window of pages.
///
/// [`Self::promql`] is the expression that comes to the same over the history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// The value on the latest page.
    Gauge(&'static str),
    /// Seconds from the Unix time that the gauge tells to the moment of the latest page.
    Age(&'static str),
    /// One gauge less another; at least 0, since a page is not read in one instant.
    Difference {
        /// The greater one.
        of: &'static str,
        /// What is taken off.
        less: &'static str,
    },
    /// One gauge divided by another; absent where the other is not above 0.
    Quotient {
        /// The part.
        of: &'static str,
        /// The whole.
        by: &'static str,
    },
    /// The increase of a counter per second.
    Rate(&'static str),
    /// The increase per second of an index in the raft log.
    ///
    /// It outlives the process and starts at 0 until the log is read, so a restart neither counts
    /// from 0 (as with a counter) nor counts at all.
    IndexRate(&'static str),
    /// The change of a gauge per second; negative when it shrinks.
    Slope(&'static str),
    /// The mean of what a histogram observed in the window: right for what happens once in a while,
    /// where a quantile would only name the bucket.
    Mean {
        /// The histogram, without `_sum` or `_count`.
        histogram: &'static str,
        /// How many seconds one of its units is.
        unit_seconds: f64,
    },
    /// A quantile of what a histogram observed in the window, over all of its label sets.
    Quantile {
        /// The histogram, without `_bucket`.
        histogram: &'static str,
        /// The quantile, 0 to 1.
        q: f64,
    },
    /// How many peers the member is connected to.
    ActivePeers,
    /// The increase per second of a counter, summed over the peers.
    PeerRate(PeerCounter),
    /// A quantile of the round trip time, over all peers.
    PeerQuantile(f64),
    /// Calls that ended, per second.
    Requests(RequestKind),
    /// Calls that ended in an error, as part of those that ended.
    RequestErrorRatio,
    /// Calls that began and have not ended.
    OpenRequests(CallType),
}

/// A counter that a member keeps for each peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerCounter {
    /// Bytes sent to the peer.
    SentBytes,
    /// Bytes received from the peer.
    ReceivedBytes,
    /// Messages that could not be sent to the peer.
    SendFailures,
    /// Messages from the peer that could not be taken.
    ReceiveFailures,
}

impl PeerCounter {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 4] =
        [Self::SentBytes, Self::ReceivedBytes, Self::SendFailures, Self::ReceiveFailures];

    /// The series on the page.
    pub(super) fn metric(self) -> &'static str {
        match self {
            Self::SentBytes => "etcd_network_peer_sent_bytes_total",
            Self::ReceivedBytes => "etcd_network_peer_received_bytes_total",
            Self::SendFailures => "etcd_network_peer_sent_failures_total",
            Self::ReceiveFailures => "etcd_network_peer_received_failures_total",
        }
    }

    /// The label that names the peer.
    pub(super) fn peer_label(self) -> &'static str {
        match self {
            Self::SentBytes | Self::SendFailures => "To",
            Self::ReceivedBytes | Self::ReceiveFailures => "From",
        }
    }
}

/// Which of the unary calls that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// All.
    Ended,
    /// Those with a code for which the server is to blame, see [`ERROR_CODES`].
    Failed,
}

/// The two ways to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallType {
    /// One request, one response.
    Unary,
    /// Anything with a stream.
    Stream,
}

/// The gRPC codes that count as errors: those of etcd's own alerting rules (contrib/mixin).
///
/// The others are the client's doing (`InvalidArgument`, `Canceled`) or an answer (`NotFound`).
pub const ERROR_CODES: [&str; 7] = [
    "Unknown",
    "FailedPrecondition",
    "ResourceExhausted",
    "Internal",
    "Unavailable",
    "DataLoss",
    "DeadlineExceeded",
];

pub(super) const ACTIVE_PEERS: &str = "etcd_network_active_peers";
pub(super) const ROUND_TRIP: &str = "etcd_network_peer_round_trip_time_seconds";
pub(super) const STARTED: &str = "grpc_server_started_total";
pub(super) const HANDLED: &str = "grpc_server_handled_total";
pub(super) const PROCESS_START_TIME: &str = "process_start_time_seconds";
pub(super) const QUOTA: &str = "etcd_server_quota_backend_bytes";
