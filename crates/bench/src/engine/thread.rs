//! One thread that makes load: its connections, its clients, and the loop that they go round in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd::ErrorClass;
use futures::future::join_all;
use tokio::sync::{Notify, mpsc, watch as signal};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;

use super::Shared;
use crate::arrivals::Arrivals;
use crate::error::Error;
use crate::link::{Link, Seat};
use crate::pacer::Pacer;
use crate::record::{Fault, NOT_SENT, Shard, Timing};
use crate::spec::{Kind, Pace};
use crate::workload::{Client, expiry, mirror, watch};

/// How long a client rests after a call that certainly was not sent: nobody is helped by more.
const REST: Duration = Duration::from_millis(20);
/// Time beyond the timeout in which operations that are under way may end.
const GRACE: Duration = Duration::from_secs(2);

/// One thread, with connections and clients of its own.
pub(super) struct Thread {
    pub(super) shared: Arc<Shared>,
    pub(super) shard: Arc<Shard>,
    pub(super) index: usize,
    pub(super) count: usize,
    /// The numbers of its connections.
    pub(super) connections: Vec<usize>,
}

impl Thread {
    pub(super) fn run(
        self,
        mut begin: signal::Receiver<Option<Timing>>,
        ready: &mpsc::Sender<Result<(), Error>>,
        done: &mpsc::Sender<()>,
    ) {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match built {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.blocking_send(Err(Error::System("start a runtime", error)));
                return;
            }
        };
        runtime.block_on(async {
            let connected = self.connect().await;
            let links = match connected {
                Ok(links) => links,
                Err(error) => {
                    let _ = ready.send(Err(error.into())).await;
                    return;
                }
            };
            let _ = ready.send(Ok(())).await;
            let timing = tokio::select! {
                timing = begin.wait_for(Option::is_some) => timing.ok().and_then(|timing| *timing),
                () = self.shared.over.cancelled() => None,
            };
            if let Some(timing) = timing {
                match &self.shared.spec().pace {
                    Pace::Closed => self.closed(&links, timing).await,
                    Pace::Open { .. } => self.open(&links, timing).await,
                }
                let _ = done.send(()).await;
                self.shared.finish.cancelled().await;
            }
        });
        runtime.shutdown_background();
    }

    async fn connect(&self) -> Result<Vec<Arc<Link>>, etcd::Error> {
        let job = &self.shared.job;
        let target = |number: usize| job.targets[number % job.targets.len()].clone();
        let link = |number: &usize| Link::new(&job.connector, target(*number));
        let links: Vec<_> = self.connections.iter().filter_map(link).collect();
        let patience = self.shared.spec().timeout;
        let opened = links.iter().map(|link| link.member.members(false, patience));
        join_all(opened).await.into_iter().try_for_each(|opened| opened.map(drop))?;
        if self.shared.spec().kind.watches() {
            if self.shared.spec().kind == Kind::LeaseExpiry {
                if self.index == 0 {
                    let seat = self.seat(&links, 0, 0);
                    expiry::begin(&job.ground, seat, self.shared.finish.clone()).await?;
                }
                return Ok(links);
            }
            let watchers = (self.index..self.shared.spec().watchers).step_by(self.count);
            let begun = watchers.enumerate().map(|(place, number)| {
                let seat = self.seat(&links, place, number as u64);
                watch::begin(&job.ground, seat, number, self.shared.finish.clone())
            });
            join_all(begun).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        let watchers = (self.index as u64..job.ground.audience.count()).step_by(self.count);
        let begun = watchers.enumerate().map(|(place, number)| {
            let seat = self.seat(&links, place, number);
            mirror::begin(&job.ground, seat, number, self.shared.finish.clone())
        });
        join_all(begun).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(links)
    }

    fn seat(&self, links: &[Arc<Link>], place: usize, number: u64) -> Seat {
        let seed = self.shared.spec().seed.wrapping_mul(0x9e37_79b9).wrapping_add(number);
        Seat {
            connector: Arc::clone(&self.shared.job.connector),
            link: Arc::clone(&links[place % links.len()]),
            shard: Arc::clone(&self.shard),
            timing: Arc::clone(&self.shared.timing),
            timeout: self.shared.spec().timeout,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn client(&self, links: &[Arc<Link>], place: usize) -> Box<dyn Client> {
        let number = place * self.count + self.index;
        self.shared.job.ground.client(self.seat(links, place, number as u64))
    }

    /// How many of all clients are this thread's.
    fn clients(&self) -> usize {
        (self.index..self.shared.spec().clients).step_by(self.count).count()
    }

    async fn closed(&self, links: &[Arc<Link>], timing: Timing) {
        let tasks = (0..self.clients()).map(|place| {
            let mut client = self.client(links, place);
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                loop {
                    let start = Instant::now();
                    if !shared.may_begin(&timing, start) {
                        return;
                    }
                    let done = client.operate().await;
                    let is_refused = done.result.as_ref().is_err_and(|fault| {
                        fault.kind == ErrorClass::Refused.as_str()
                            || fault.kind == ErrorClass::Transport.as_str()
                    });
                    let shard = &client.seat().shard;
                    shard.record(&timing, done.kind, start, Instant::now(), done.result);
                    if is_refused {
                        tokio::time::sleep(REST).await;
                    }
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        join_all(tasks).await;
    }

    async fn open(&self, links: &[Arc<Link>], timing: Timing) {
        let Pace::Open { profile, spacing } = &self.shared.spec().pace else { return };
        let seed = self.shared.spec().seed;
        let arrivals = Arrivals::new(profile.clone(), *spacing, seed, self.index, self.count);
        let pool = Arc::new(Pool::default());
        let limit = self.clients().max(1);
        let mut made = 0;
        let mut pacer = Pacer::new();
        let tracker = TaskTracker::new();
        for at in arrivals {
            let due = timing.begin + Duration::from_secs_f64(at);
            if !self.shared.may_begin(&timing, due) {
                break;
            }
            tokio::select! {
                biased;
                () = pacer.until(due) => {}
                () = self.shared.over.cancelled() => break,
            }
            let free = pool.take();
            let (client, lateness) = match free {
                Some(client) => (client, Some(due.elapsed())),
                None if made < limit => {
                    made += 1;
                    (self.client(links, made - 1), Some(due.elapsed()))
                }
                None => {
                    let Some(client) = self.wait_for_client(&pool, &timing).await else {
                        self.not_sent(&timing, due);
                        continue;
                    };
                    (client, None)
                }
            };
            if due >= timing.measure {
                self.shard.note_start(lateness);
            }
            tracker.spawn(operate(client, timing, due, Arc::clone(&pool)));
        }
        tracker.close();
        // All end within their timeouts.
        let _ = timeout(self.shared.spec().timeout + GRACE, tracker.wait()).await;
    }

    /// A client that has become free; `None` when none did before the end.
    async fn wait_for_client(&self, pool: &Pool, timing: &Timing) -> Option<Box<dyn Client>> {
        loop {
            if let Some(client) = pool.take() {
                return Some(client);
            }
            let end = timing.end.unwrap_or_else(|| Instant::now() + self.shared.spec().timeout);
            tokio::select! {
                biased;
                () = self.shared.over.cancelled() => return None,
                () = pool.freed.notified() => {}
                () = sleep_until(end) => return pool.take(),
            }
        }
    }

    fn not_sent(&self, timing: &Timing, due: Instant) {
        let fault = Fault::new(NOT_SENT, "no client was free until the end; see --clients");
        self.shard.record(timing, 0, due, Instant::now(), Err(fault));
    }
}

/// Clients of an open loop that have nothing to do.
#[derive(Default)]
struct Pool {
    idle: Mutex<Vec<Box<dyn Client>>>,
    freed: Notify,
}

impl Pool {
    fn take(&self) -> Option<Box<dyn Client>> {
        self.idle.lock().expect("invariant: no holder of this lock panics").pop()
    }

    fn put(&self, client: Box<dyn Client>) {
        self.idle.lock().expect("invariant: no holder of this lock panics").push(client);
        self.freed.notify_one();
    }
}

async fn operate(mut client: Box<dyn Client>, timing: Timing, due: Instant, pool: Arc<Pool>) {
    let done = client.operate().await;
    client.seat().shard.record(&timing, done.kind, due, Instant::now(), done.result);
    pool.put(client);
}
