//! Benchmarks that the monitor makes: kept results, the run under way, the schedule, and asking for
//! one more. Whoever makes them puts here how they go, and takes from here what is asked for.

use std::sync::{Arc, Mutex, MutexGuard};

use bench::outcome::{Origin, Point};
use bench::spec::Kind;
use bench::store::Store;
use bench::summary::Index;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Requests that wait to be taken; one run is made at a time.
const WAITING: usize = 8;
/// Seconds of the run under way that are shown.
const SHOWN_POINTS: usize = 120;

/// The benchmarks of this monitor; the default is that there are none. A clone is another handle.
#[derive(Clone, Default)]
pub struct Benchmarks(Option<Arc<Inner>>);

struct Inner {
    index: Index,
    status: Mutex<Status>,
    ask: mpsc::Sender<Ask>,
}

#[derive(Default)]
struct Status {
    running: Option<Running>,
    schedule: Vec<Planned>,
}

/// The run under way.
#[derive(Debug, Clone)]
pub struct Running {
    /// Of which cluster.
    pub cluster: String,
    /// The kind of load.
    pub kind: Kind,
    /// Who wanted it.
    pub origin: Origin,
    /// When it began.
    pub started_at: Timestamp,
    /// Operations that it is to make.
    pub operations: u64,
    /// Operations each second.
    pub rate: f64,
    /// Whether it measures already, and does not only prepare or warm up.
    pub is_measured: bool,
    /// How much of it is over, 0 to 1.
    pub share: f64,
    /// The last seconds.
    pub points: Vec<Point>,
    /// Cancelled when it is to end.
    pub stop: CancellationToken,
}

/// When the next run of a cluster comes.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Of which cluster.
    pub cluster: String,
    /// When it is due; none where runs are made on request only.
    pub next_at: Option<Timestamp>,
    /// What stands in the way, while something does.
    pub waits_for: Option<String>,
}

/// A run that somebody asks for.
#[derive(Debug)]
pub struct Ask {
    /// Of which cluster.
    pub cluster: String,
    /// The kind of load; none for that of the schedule.
    pub kind: Option<Kind>,
    /// How many operations; none for as many as the schedule's.
    pub operations: Option<u64>,
    /// Operations each second; none for the schedule's rate.
    pub rate: Option<f64>,
    /// Where to say what comes of it: the run, once it was checked.
    pub reply: oneshot::Sender<Result<Running, Refusal>>,
}

/// Why a run is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The monitor makes none.
    #[error(
        "benchmarks write to the cluster and are switched off; set benchmark.enabled, or give \
         --benchmark-enabled"
    )]
    Off,
    /// One is under way.
    #[error("a benchmark of {0} is under way; one is made at a time")]
    Busy(String),
    /// More than is allowed.
    #[error("{0}")]
    TooMuch(String),
    /// The cluster is in no state for it.
    #[error("not started: {0}")]
    Obstacle(String),
    /// The monitor is about to end.
    #[error("the monitor is stopping")]
    Stopping,
}

impl Benchmarks {
    /// Results in `store`; requests arrive at the receiver.
    pub fn new(store: Store) -> (Self, mpsc::Receiver<Ask>) {
        let (ask, asked) = mpsc::channel(WAITING);
        let inner = Inner { index: Index::new(store), status: Mutex::default(), ask };
        (Self(Some(Arc::new(inner))), asked)
    }

    /// The kept results; none where nothing is kept.
    pub fn index(&self) -> Option<&Index> {
        self.0.as_ref().map(|inner| &inner.index)
    }

    /// The run under way.
    pub fn running(&self) -> Option<Running> {
        self.status()?.running.clone()
    }

    /// When the next runs come.
    pub fn schedule(&self) -> Vec<Planned> {
        self.status().map(|status| status.schedule.clone()).unwrap_or_default()
    }

    /// Says which run is under way; none when it is over.
    pub fn show_running(&self, running: Option<Running>) {
        if let Some(mut status) = self.status() {
            status.running = running;
        }
    }

    /// Says how the run under way goes.
    pub fn show_progress(&self, progress: &bench::Progress) {
        let Some(mut status) = self.status() else { return };
        let Some(running) = &mut status.running else { return };
        running.is_measured = progress.is_measured;
        running.share = progress.share;
        if progress.is_measured && progress.point.seconds > 0.0 {
            running.points.push(progress.point.clone());
            let surplus = running.points.len().saturating_sub(SHOWN_POINTS);
            running.points.drain(..surplus);
        }
    }

    /// Says when the next runs come.
    pub fn show_schedule(&self, schedule: Vec<Planned>) {
        if let Some(mut status) = self.status() {
            status.schedule = schedule;
        }
    }

    /// Asks for a run; answers once it was checked and begins.
    pub(crate) async fn start(
        &self,
        cluster: String,
        kind: Option<Kind>,
        operations: Option<u64>,
        rate: Option<f64>,
    ) -> Result<Running, Refusal> {
        let inner = self.0.as_ref().ok_or(Refusal::Off)?;
        let (reply, told) = oneshot::channel();
        let ask = Ask { cluster, kind, operations, rate, reply };
        inner.ask.send(ask).await.map_err(|_| Refusal::Off)?;
        told.await.unwrap_or(Err(Refusal::Stopping))
    }

    fn status(&self) -> Option<MutexGuard<'_, Status>> {
        let inner = self.0.as_ref()?;
        Some(inner.status.lock().expect("invariant: no holder of this lock panics"))
    }
}
