//! Delivery: from the outbox to the channels, each at its own pace.
//!
//! One worker for each channel, an integration of a receiver, so that one that is slow or out of
//! order delays no other. What is promised:
//!
//! - **At least once.** A notification leaves the outbox when its channel took it or when it was
//!   given up. What was under way when the process died is tried again, with the same ID.
//! - **In order.** Of a group, a later notification waits for the earlier ones. Where a firing one
//!   never got out and the group is over meanwhile, both are delivered, in this order. A repeat that
//!   says all that the one before it does stands for that one.
//! - **No end without a beginning.** When a notification is given up, the end of the alerts of which
//!   its channel then never heard is withheld from that channel.
//! - **Urgent ones first**, then the oldest. A group is as urgent as the most urgent that waits in it.
//! - **Nothing is given up silently.** What a channel refuses for good, or has not taken within
//!   [`Options::give_up_after`] though it was tried in vain, is reported as a [`GivenUp`], again after each start until
//!   [`Change::GivenUpTold`](store::alerts::Change::GivenUpTold) is committed.
//!
//! After a failure a notification is put off by a random time up to a limit that doubles; a receiver
//! that says for how long it wants to be left alone is. After several failures in a row a channel
//! counts as out of order: it is asked by one attempt at a time, ever more seldom, and besides at once
//! for a new critical notification, every 15 s at most; when one succeeds, all that was put off is due
//! at once.

mod backoff;
mod bucket;
mod circuit;
mod deliver;
mod figures;
mod heartbeat;
mod options;
mod order;
mod outcome;
mod ready;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod urgent;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::clock::Clock;
use store::alerts::{Alerts, GivenUp};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use circuit::CircuitState;
pub use deliver::{Deliver, Failure, Receipt};
pub use figures::{ChannelFigures, ChannelId};
pub use heartbeat::{Heartbeat, HeartbeatFigures};
pub use options::{Options, Rate};

use figures::Counts;
use worker::{LOOK_EVERY, Worker};

/// A worker that has not looked at the outbox for so long stands still: an attempt and three looks.
const STANDS_STILL_AFTER: Duration = LOOK_EVERY.saturating_mul(4);

/// Entries of a channel that is gone that are given up in one transaction.
const ABANDON_AT_ONCE: usize = 500;

/// The workers. A clone is another handle on the same ones.
#[derive(Clone)]
pub struct Delivery {
    inner: Arc<Inner>,
}

struct Inner {
    store: Alerts,
    clock: Arc<dyn Clock>,
    gave_up: mpsc::Sender<GivenUp>,
    stop: CancellationToken,
    workers: Mutex<BTreeMap<ChannelId, Running>>,
}

struct Running {
    counts: Arc<Counts>,
    wake: Arc<Notify>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels: Vec<String> = self.workers().keys().map(ChannelId::to_string).collect();
        f.debug_struct("Delivery").field("channels", &channels).finish_non_exhaustive()
    }
}

impl Delivery {
    /// Without any channel yet. What is given up is told to `gave_up`; while that has no room, it
    /// is added up, and no delivery waits. `stop` ends all workers.
    pub fn new(
        store: Alerts,
        clock: Arc<dyn Clock>,
        gave_up: mpsc::Sender<GivenUp>,
        stop: CancellationToken,
    ) -> Self {
        let workers = Mutex::default();
        Self { inner: Arc::new(Inner { store, clock, gave_up, stop, workers }) }
    }

    /// Starts delivering to a channel. One of the same name is stopped first, so that nothing is
    /// sent twice.
    pub async fn start(&self, id: ChannelId, deliver: impl Deliver, options: Options) {
        self.stop(&id).await;
        let counts = Arc::new(Counts::new(Instant::now()));
        let (wake, stop) = (Arc::new(Notify::new()), self.inner.stop.child_token());
        let worker = Worker {
            id: id.clone(),
            deliver: Arc::new(deliver),
            options,
            store: self.inner.store.clone(),
            clock: Arc::clone(&self.inner.clock),
            gave_up: self.inner.gave_up.clone(),
            wake: Arc::clone(&wake),
            counts: Arc::clone(&counts),
            stop: stop.clone(),
        };
        let task = tokio::spawn(worker.run());
        self.workers().insert(id, Running { counts, wake, stop, task });
    }

    /// Stops delivering to a channel. What is under way has two seconds; what waits goes on waiting.
    pub async fn stop(&self, id: &ChannelId) {
        let running = self.workers().remove(id);
        if let Some(running) = running {
            running.stop.cancel();
            // An error says that it panicked, which the log has.
            let _ = running.task.await;
        }
    }

    /// There is something new in the outbox.
    pub fn wake(&self) {
        for running in self.workers().values() {
            running.wake.notify_one();
        }
    }

    /// The channels that are delivered to.
    pub fn channels(&self) -> BTreeSet<ChannelId> {
        self.workers().keys().cloned().collect()
    }

    /// Whether every worker does its work. For the [`Heartbeat`]. A channel that is out of order
    /// doesn't stop its worker.
    pub fn is_alive(&self) -> bool {
        let now = Instant::now();
        self.workers().values().all(|running| {
            let quiet = now.saturating_duration_since(running.counts.lock().looked_at);
            !running.task.is_finished() && quiet < STANDS_STILL_AFTER
        })
    }

    /// The figures of every channel, in order of the names. Waits for the disk.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub fn figures(&self) -> Result<Vec<ChannelFigures>, store::Error> {
        let waiting = self.inner.store.waiting()?;
        let of = |id: &ChannelId| {
            waiting.iter().find(|one| one.receiver == id.receiver && one.channel == id.channel)
        };
        let workers = self.workers();
        let figures = workers.iter().map(|(id, running)| {
            let counted = running.counts.lock().clone();
            let waiting = of(id);
            ChannelFigures {
                id: id.clone(),
                delivered: counted.delivered,
                failed: counted.failed,
                gave_up: counted.gave_up,
                left_out: counted.left_out,
                in_flight: counted.in_flight,
                waiting: waiting.map_or(0, |waiting| waiting.count),
                oldest: waiting.map(|waiting| waiting.oldest),
                circuit: counted.circuit,
                last_delivered: counted.last_delivered,
                last_failure: counted.last_failure,
            }
        });
        Ok(figures.collect())
    }

    /// Gives up what waits for channels that are not (any more) delivered to, after all that there
    /// are were started, and gives back what was given up. Waits for the disk.
    ///
    /// # Errors
    /// The outbox cannot be used.
    pub fn abandon_others(&self) -> Result<Vec<GivenUp>, store::Error> {
        let known = self.channels();
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        let mut gone = Vec::new();
        for waiting in store.waiting()? {
            let id = ChannelId { receiver: waiting.receiver, channel: waiting.channel };
            if known.contains(&id) {
                continue;
            }
            loop {
                let old = store.waiting_since(
                    &id.receiver,
                    &id.channel,
                    Timestamp::MAX,
                    ABANDON_AT_ONCE,
                )?;
                let why = "its channel is not configured any more";
                let mut changes: Vec<_> = old
                    .entries
                    .iter()
                    .flat_map(|entry| outcome::expired(entry, "no_channel", why, now))
                    .collect();
                let unreadable = old.unreadable.iter();
                changes.extend(unreadable.map(|entry| ready::unreadable_entry(&id, *entry, now)));
                if changes.is_empty() {
                    break;
                }
                store.record(&changes)?;
            }
            gone.extend(ready::of_channel(store.given_up()?, &id));
        }
        Ok(gone)
    }

    /// Stops all workers and waits for them: two seconds at most for what is under way, and for the
    /// disk.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        let workers = std::mem::take(&mut *self.workers());
        for running in workers.into_values() {
            let _ = running.task.await;
        }
    }

    fn workers(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Running>> {
        self.inner.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
