//! What handlers share: the fleet that they read, and the service's own figures.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use jiff::Timestamp;
use model::clock::Clock;
use monitor::fleet::{ClusterHandle, Fleet};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tsdb::Tsdb;

use crate::alerts::Alerts;
use crate::benchmarks::Benchmarks;
use crate::config::QueryConfig;
use crate::http_stats::HttpStats;
use crate::problem::Problem;
use crate::queries::Queries;
use crate::rules::Rules;

/// Event streams open at the same time; more are refused.
///
/// Each costs a connection and a task for as long as the client likes.
const MAX_STREAMS: usize = 256;

/// Why there are no alerts.
pub(crate) const NO_ALERTS: &str = "alerting is switched off, or there is no data directory; see \
                                    alerts.enabled and data_dir";

/// What the API reads from.
#[derive(Clone)]
pub struct State {
    /// The watched clusters.
    pub fleet: Fleet,
    /// The members' metrics over time; none without a data directory.
    pub history: Option<Tsdb>,
    /// Alerts and whom they are told; none where alerting is switched off.
    pub alerts: Alerts,
    /// Benchmarks that are made and kept.
    pub benchmarks: Benchmarks,
    /// The rules that are evaluated; empty where there are none.
    pub rules: Rules,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What program this is.
    pub build: BuildInfo,
    /// When this process started.
    pub started_at: Timestamp,
}

/// What program this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildInfo {
    /// Its version, such as `0.1.0`.
    pub version: &'static str,
    /// The commit that it was built from.
    pub commit: &'static str,
    /// When it was built.
    pub date: &'static str,
    /// The compiler that built it.
    pub rustc: &'static str,
}

/// The state of the router: cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) http: HttpStats,
    /// Cancelled when the service stops, so that event streams end.
    pub(crate) stopping: CancellationToken,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) queries: Queries,
    /// Whether only programs on this machine reach the API.
    pub(crate) is_local: bool,
    was_ready: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        state: State,
        query: &QueryConfig,
        is_local: bool,
        stopping: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            is_local,
            queries: Queries::new(state.history.clone(), query, stopping.clone()),
            state,
            http: HttpStats::default(),
            stopping,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            was_ready: AtomicBool::new(false),
        }))
    }
}

impl Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    /// The alerts, where alerting is switched on.
    pub(crate) fn alerts(&self) -> Result<alert::Engine, Problem> {
        self.state
            .alerts
            .engine()
            .ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_alerts", NO_ALERTS))
    }

    /// The clusters that keep the service from being ready: those never swept.
    ///
    /// A latch: once there was none, there never is again, so that a cluster added later does not
    /// take a serving monitor out of its load balancer.
    pub(crate) fn waiting_for(&self) -> Vec<String> {
        if self.was_ready.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let clusters = self.state.fleet.clusters();
        let waiting: Vec<_> = clusters
            .iter()
            .filter(|cluster| cluster.view().sweeps == 0)
            .map(ClusterHandle::name)
            .collect();
        if waiting.is_empty() {
            self.was_ready.store(true, Ordering::Relaxed);
        }
        waiting
    }
}
