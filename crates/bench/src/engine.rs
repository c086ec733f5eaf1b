//! Threads that make the load, and who watches over them: a closed loop, or an open one.

mod thread;
mod watcher;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use etcd::{Connector, Endpoint};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch as signal};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::thread::Thread;
use self::watcher::Watcher;
use crate::error::Error;
use crate::record::{Counts, Fault, Shard, Timing};
use crate::spec::{Length, Spec};
use crate::workload::{Ground, kinds};

/// Time between two points of the time line.
const TICK: Duration = Duration::from_secs(1);

/// A second of a run, or more of a long one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Point {
    /// Its end, seconds after measuring began.
    pub at_seconds: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// Operations that succeeded; events of watchers are not among them.
    pub succeeded: u64,
    /// Operations that failed.
    pub failed: u64,
    /// Median of the latencies, seconds.
    pub p50_seconds: Option<f64>,
    /// 99th percentile.
    pub p99_seconds: Option<f64>,
    /// The highest.
    pub max_seconds: Option<f64>,
}

/// How far a run is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Whether it is measured already.
    pub is_measured: bool,
    /// How much of it is over, 0 to 1.
    pub share: f64,
    /// The last second.
    pub point: Point,
}

/// What a run needs.
pub(crate) struct Job {
    pub(crate) ground: Ground,
    pub(crate) connector: Arc<Connector>,
    pub(crate) targets: Vec<Endpoint>,
}

/// What was counted.
pub(crate) struct Measured {
    pub(crate) counts: Counts,
    pub(crate) points: Vec<Point>,
    /// Calls by method, warm-up included.
    pub(crate) sent: Vec<(&'static str, u64)>,
    pub(crate) conflicts: u64,
    /// Events that watchers got, warm-up included; `None` where nobody watched.
    pub(crate) events: Option<u64>,
    /// From the begin of measuring to its end.
    pub(crate) measured: Duration,
    pub(crate) threads: usize,
    /// Processor time of this program while it measured.
    pub(crate) cpu: Duration,
    pub(crate) stopped: Option<String>,
    pub(crate) interrupted: bool,
}

/// What the threads of a run share.
struct Shared {
    job: Job,
    timing: Arc<OnceLock<Timing>>,
    /// Nothing new is to begin.
    is_over: AtomicBool,
    over: CancellationToken,
    /// Operations that were begun, where their number is limited.
    begun: AtomicU64,
    /// Watchers may end.
    finish: CancellationToken,
}

impl Shared {
    fn spec(&self) -> &Spec {
        &self.job.ground.spec
    }

    fn has_watchers(&self) -> bool {
        self.spec().kind.watches() || self.job.ground.audience.count() > 0
    }

    fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.over.cancel();
    }

    /// Whether one more may begin at `now`.
    fn may_begin(&self, timing: &Timing, now: Instant) -> bool {
        if self.is_over.load(Ordering::Relaxed) || timing.end.is_some_and(|end| now >= end) {
            return false;
        }
        match self.spec().length {
            Length::Operations(total) if now >= timing.measure => {
                self.begun.fetch_add(1, Ordering::Relaxed) < total
            }
            _ => true,
        }
    }
}

/// A run whose threads are connected and wait.
pub(crate) struct Ready {
    shared: Arc<Shared>,
    shards: Vec<Arc<Shard>>,
    start: signal::Sender<Option<Timing>>,
    done: mpsc::Receiver<()>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// Starts the threads, opens the connections and begins the watchers.
pub(crate) async fn prepare(job: Job) -> Result<Ready, Error> {
    let spec = Arc::clone(&job.ground.spec);
    let connections = spec.connections_to(job.targets.len());
    let count = spec.thread_count().min(connections);
    let shared = Arc::new(Shared {
        job,
        timing: Arc::default(),
        is_over: AtomicBool::new(false),
        over: CancellationToken::new(),
        begun: AtomicU64::new(0),
        finish: CancellationToken::new(),
    });
    let (start, begin) = signal::channel(None);
    let (done_send, done) = mpsc::channel(count);
    let (ready_send, mut ready) = mpsc::channel(count);
    let mut ready_run = Ready { shared, shards: Vec::new(), start, done, threads: Vec::new() };
    for index in 0..count {
        let shard = Arc::new(Shard::new(kinds(spec.kind).len()));
        ready_run.shards.push(Arc::clone(&shard));
        let thread = Thread {
            shared: Arc::clone(&ready_run.shared),
            shard,
            index,
            count,
            connections: (index..connections).step_by(count).collect(),
        };
        let (begin, ready_send, done_send) = (begin.clone(), ready_send.clone(), done_send.clone());
        let spawned = std::thread::Builder::new()
            .name(format!("bench-{index}"))
            .spawn(move || thread.run(begin, &ready_send, &done_send));
        let handle = spawned.map_err(|error| Error::System("start a thread", error))?;
        ready_run.threads.push(handle);
    }
    drop((ready_send, done_send));
    for _ in 0..count {
        match ready.recv().await {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(error),
            None => break,
        }
    }
    Ok(ready_run)
}

impl Ready {
    /// Makes the load until it is over, `interrupt` is cancelled, or the cluster is in no state for it.
    pub(crate) async fn drive(
        mut self,
        interrupt: &CancellationToken,
        on_progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Measured {
        let spec = Arc::clone(&self.shared.job.ground.spec);
        let begin = Instant::now();
        let measure = begin + spec.warm_up;
        let end = match spec.length {
            Length::Time(time) => Some(measure + time),
            Length::Operations(_) => None,
        };
        let timing = Timing { begin, measure, end };
        let _ = self.shared.timing.set(timing);
        let _ = self.start.send(Some(timing));
        let mut watcher = Watcher::new(&self, timing);
        let mut is_interrupted = false;
        let mut left = self.threads.len();
        let mut cpu_before = cpu_time();
        let mut next = begin + TICK;
        while left > 0 {
            tokio::select! {
                biased;
                () = interrupt.cancelled(), if !is_interrupted => {
                    is_interrupted = true;
                    self.shared.stop();
                }
                done = self.done.recv() => left = if done.is_some() { left - 1 } else { 0 },
                () = sleep_until(next) => {
                    if next <= measure {
                        cpu_before = cpu_time();
                    }
                    next += TICK;
                    watcher.look(&self, on_progress);
                }
            }
        }
        let ended = Instant::now();
        let cpu = cpu_time().saturating_sub(cpu_before);
        if !is_interrupted {
            self.receive_the_rest(spec.timeout + spec.time_to_live()).await;
        }
        self.shared.finish.cancel();
        let threads = std::mem::take(&mut self.threads);
        let count = threads.len();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                drop(thread.join());
            }
        });
        // Threads end by themselves within the timeout; an outer error tells of a panic there.
        let _ = joined.await;
        watcher.look(&self, on_progress);
        watcher.finish(&self, ended, count, cpu, is_interrupted)
    }

    /// Waits for events that are still to come, and counts those that do not.
    async fn receive_the_rest(&self, patience: Duration) {
        let sum = |of: fn(&Shard) -> &AtomicU64| -> u64 {
            self.shards.iter().map(|shard| of(shard).load(Ordering::Relaxed)).sum()
        };
        let missing = || sum(|shard| &shard.expected).saturating_sub(sum(|shard| &shard.received));
        let all = async {
            while missing() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(patience, all).await.is_err() {
            let text = "a watcher did not receive it within the timeout";
            self.shards[0].fail(Fault::new("missing_event", text), missing());
        }
    }
}

impl Drop for Ready {
    /// Threads of a run that was given up end.
    fn drop(&mut self) {
        self.shared.stop();
        self.shared.finish.cancel();
    }
}

/// Processor time that this program has used.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
