//! The worker of one channel: takes what is due, tries it, records what came of it.
//!
//! What it does not know, it asks the outbox; in memory it has only what is under way. What could
//! not be recorded is recorded before anything else is tried, so that a full disk never makes a
//! channel hear the same thing for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::clock::Clock;
use store::alerts::{Alerts, Change, GivenUp, OutboxEntry, Outcome};
use tokio::sync::{Notify, mpsc};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::bucket::Bucket;
use super::circuit::{Allowed, Circuit, CircuitState};
use super::deliver::{Deliver, Failure, Receipt};
use super::figures::{ChannelId, Counts};
use super::options::Options;
use super::outcome::{self, Tried};
use super::ready::{self, Ready};
use super::urgent::Urgent;

/// How long a stopping worker waits for what is under way.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(2);

/// How often the outbox is looked at though nobody said that there is something new.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How often entries that wait for too long are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);

/// How many of them are given up in one transaction.
const EXPIRE_AT_ONCE: usize = 200;

/// Nothing is given up for its age before its channel was tried in vain for so long: it may have
/// waited only because this process did not run, or the machine slept, or its clock was wrong.
const GRACE: Duration = Duration::from_mins(5);

/// One that failed so often may be given up for its age though others are taken.
const MANY_TRIES: u32 = 20;

/// How long to wait when the store fails.
const STORE_RETRY: Duration = Duration::from_secs(1);

pub(super) struct Worker<D> {
    pub(super) id: ChannelId,
    pub(super) deliver: Arc<D>,
    pub(super) options: Options,
    pub(super) store: Alerts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) gave_up: mpsc::Sender<GivenUp>,
    pub(super) wake: Arc<Notify>,
    pub(super) counts: Arc<Counts>,
    pub(super) stop: CancellationToken,
}

type Answer = (Duration, Result<Receipt, Failure>);

/// An attempt under way.
struct Claim {
    entry: OutboxEntry,
    sent: Arc<model::notification::Notification>,
    began: Timestamp,
}

/// What a worker has in memory.
struct State {
    attempts: JoinSet<Answer>,
    claims: HashMap<Id, Claim>,
    circuit: Circuit,
    urgent: Urgent,
    bucket: Option<Bucket>,
    /// The receiver asked to be left alone until then.
    paused_until: Option<Instant>,
    expire_at: Instant,
    /// When the channel last answered, or was started.
    answered_at: Instant,
    unrecorded: Vec<Change>,
    /// Whether the store failed last time.
    is_failing: bool,
    /// What is to be told in another way.
    untold: Option<GivenUp>,
}

impl<D: Deliver> Worker<D> {
    /// Runs until it is told to stop.
    pub(super) async fn run(self) {
        let now = Instant::now();
        let Options { max_failures, backoff, max_backoff, rate, .. } = self.options;
        let mut state = State {
            attempts: JoinSet::new(),
            claims: HashMap::new(),
            circuit: Circuit::new(max_failures, backoff, max_backoff),
            urgent: Urgent::default(),
            bucket: rate.map(|rate| Bucket::new(rate, now)),
            paused_until: None,
            expire_at: now,
            answered_at: now,
            unrecorded: Vec::new(),
            is_failing: false,
            untold: None,
        };
        // What was given up before the start, and not told yet.
        self.look_for_untold(&mut state).await;
        loop {
            let next = match self.start_what_is_due(&mut state).await {
                Ok(next) => {
                    state.report_store(&self.id, None);
                    self.counts.lock().looked_at = Instant::now();
                    next
                }
                Err(problem) => {
                    state.report_store(&self.id, Some(&problem));
                    Instant::now() + STORE_RETRY
                }
            };
            self.show(&state);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                room = self.gave_up.reserve(), if state.untold.is_some() => {
                    // Without anybody who listens it stays in the store.
                    let untold = state.untold.take();
                    if let (Ok(room), Some(untold)) = (room, untold) {
                        room.send(untold);
                    }
                }
                Some(ended) = state.attempts.join_next_with_id() => {
                    self.conclude(&mut state, ended).await;
                }
                () = self.wake.notified() => {}
                () = sleep_until(next) => {}
            }
        }
        self.drain(&mut state).await;
        self.show(&state);
    }

    /// Starts what may be started, and says when to look again.
    async fn start_what_is_due(&self, state: &mut State) -> Result<Instant, store::Error> {
        self.record(state).await?;
        let now = Instant::now();
        if state.expire_at <= now {
            self.expire(state).await?;
        }
        let mut look_again = now + LOOK_EVERY;
        let mut room = self.options.max_in_flight.max(1).saturating_sub(state.claims.len());
        let allowed = state.circuit.allowed(now);
        if allowed != Allowed::All {
            // One attempt at a time finds out whether it works again.
            room = usize::from(state.claims.is_empty());
            let next = match allowed {
                Allowed::NotBefore(at) => Some(at.min(state.expire_at)),
                _ => None,
            };
            let probe_at = if room > 0 { self.probe_at(state, now).await? } else { None };
            match (probe_at, next) {
                (Some(probe_at), _) if probe_at <= now => self.hasten(state).await?,
                (probe_at, Some(next)) => {
                    return Ok(probe_at.map_or(next, |at| at.min(next)));
                }
                (probe_at, None) => {
                    look_again = probe_at.map_or(look_again, |at| at.min(look_again));
                }
            }
        }
        if let Some(until) = state.paused_until.filter(|until| *until > now) {
            return Ok(until.min(state.expire_at));
        }
        while room > 0 {
            let allowed = match state.bucket.as_mut().map(|bucket| bucket.available(now)) {
                Some(Err(at)) => return Ok(at.min(state.expire_at)),
                Some(Ok(tokens)) => room.min(tokens),
                None => room,
            };
            let due = self.due(state, allowed).await?;
            if due.is_empty() {
                break;
            }
            // Where something was left out, what was behind it may be due.
            let is_all = due.changes.is_empty() && due.ready.len() < allowed;
            for (entry, sent) in due.ready {
                if let Some(bucket) = &mut state.bucket {
                    let _ = bucket.take(now);
                }
                self.start(state, entry, sent);
                room = room.saturating_sub(1);
            }
            state.unrecorded.extend(due.changes);
            self.count_left_out(state, due.left_out, due.gave_up);
            self.record(state).await?;
            if due.gave_up > 0 {
                self.look_for_untold(state).await;
            }
            if is_all {
                break;
            }
        }
        if room == 0 {
            return Ok(look_again.min(state.expire_at));
        }
        let put_off = self.next_put_off().await?;
        Ok(put_off.map_or(look_again, |at| at.min(look_again)).min(state.expire_at))
    }

    /// When a channel that is out of order is to be asked for the sake of what is new and critical.
    async fn probe_at(
        &self,
        state: &mut State,
        now: Instant,
    ) -> Result<Option<Instant>, store::Error> {
        let id = self.id.clone();
        let ask = move |store: &Alerts| store.newest_critical(&id.receiver, &id.channel);
        state.urgent.note(self.ask(ask).await?);
        Ok(state.urgent.probe_at(now))
    }

    /// Makes all due that was put off: what is behind others of its group must not wait for them.
    async fn hasten(&self, state: &mut State) -> Result<(), store::Error> {
        let ChannelId { receiver, channel } = self.id.clone();
        state.unrecorded.push(Change::Hasten { receiver, channel });
        self.record(state).await
    }

    fn start(
        &self,
        state: &mut State,
        entry: OutboxEntry,
        sent: Arc<model::notification::Notification>,
    ) {
        let (deliver, limit) = (Arc::clone(&self.deliver), self.options.timeout);
        let (notification, thread) = (Arc::clone(&sent), entry.thread.clone());
        state.urgent.attempted(Instant::now());
        let handle = state.attempts.spawn(async move {
            let start = Instant::now();
            let attempt = deliver.deliver(&notification, thread.as_deref());
            let result = timeout(limit, attempt).await.unwrap_or_else(|_| {
                let message = format!("no answer within {} ms", limit.as_millis());
                Err(Failure::passing("timed_out", message))
            });
            (start.elapsed(), result)
        });
        state.claims.insert(handle.id(), Claim { entry, sent, began: self.clock.now() });
    }

    /// Takes what ended, and whatever else ended meanwhile, and records it in one transaction.
    async fn conclude(&self, state: &mut State, first: Result<(Id, Answer), JoinError>) {
        let mut next = Some(first);
        let mut gave_up = false;
        while let Some(ended) = next {
            gave_up |= self.take(state, ended);
            next = state.attempts.try_join_next_with_id();
        }
        if let Err(problem) = self.record(state).await {
            state.report_store(&self.id, Some(&problem));
        } else if gave_up {
            self.look_for_untold(state).await;
        }
    }

    /// Takes one attempt that ended; true when its notification is given up.
    fn take(&self, state: &mut State, ended: Result<(Id, Answer), JoinError>) -> bool {
        let (id, (took, result)) = match ended {
            Ok(ended) => ended,
            Err(problem) => {
                let failure = Failure::passing("panicked", "the channel's code failed");
                (problem.id(), (Duration::ZERO, Err(failure)))
            }
        };
        let Some(Claim { entry, sent, began }) = state.claims.remove(&id) else { return false };
        let now = self.clock.now();
        let tried = Tried { entry, sent, began, took, result };
        self.judge(state, &tried);
        let had_its_time = state.has_failed_for_long() || tried.entry.tries >= MANY_TRIES;
        let outcome = tried.outcome(&self.options, now, had_its_time);
        let mut counts = self.counts.lock();
        match &tried.result {
            Ok(_) => {
                counts.delivered += 1;
                counts.last_delivered = Some(now);
                counts.last_failure = None;
            }
            Err(failure) => {
                *counts.failed.entry(failure.class).or_default() += 1;
                counts.gave_up += u64::from(outcome == Outcome::GaveUp);
                counts.last_failure = Some(failure.message.clone());
            }
        }
        drop(counts);
        state.unrecorded.extend(tried.changes(&self.options, outcome, now, fastrand::f64()));
        outcome == Outcome::GaveUp
    }

    /// What an attempt says of the channel itself.
    fn judge(&self, state: &mut State, tried: &Tried) {
        let now = Instant::now();
        let Err(failure) = &tried.result else { return self.works(state) };
        if let Some(asked) = failure.retry_after {
            let longest = Duration::try_from(store::alerts::LONGEST_DELAY).unwrap_or_default();
            state.paused_until = state.paused_until.max(Some(now + asked.min(longest)));
        } else if failure.is_permanent {
            // It answers, and may like the next one better.
            self.works(state);
        } else if state.circuit.failed(now, fastrand::f64()) {
            warn!(channel = %self.id, error = failure.message, "a channel is out of order");
        }
    }

    fn works(&self, state: &mut State) {
        state.answered_at = Instant::now();
        if state.circuit.succeeded() {
            info!(channel = %self.id, "a channel works again");
            let ChannelId { receiver, channel } = self.id.clone();
            state.unrecorded.push(Change::Hasten { receiver, channel });
        }
    }

    /// Gives up what has waited for too long behind others, for a channel that is out of order.
    async fn expire(&self, state: &mut State) -> Result<(), store::Error> {
        state.expire_at = Instant::now() + EXPIRE_EVERY;
        let is_out_of_order = state.circuit.state(Instant::now()) != CircuitState::Closed;
        if !is_out_of_order || !state.has_failed_for_long() {
            return Ok(());
        }
        let now = self.clock.now();
        let age = jiff::SignedDuration::try_from(self.options.give_up_after)
            .unwrap_or(jiff::SignedDuration::MAX);
        let before = now.saturating_sub(age).unwrap_or(Timestamp::MIN);
        let id = self.id.clone();
        let old = self
            .ask(move |store| {
                store.waiting_since(&id.receiver, &id.channel, before, EXPIRE_AT_ONCE)
            })
            .await?;
        if old.entries.len() + old.unreadable.len() >= EXPIRE_AT_ONCE {
            state.expire_at = Instant::now();
        }
        let claimed: Vec<u64> = state.claimed().collect();
        let old: Vec<OutboxEntry> =
            old.entries.into_iter().filter(|entry| !claimed.contains(&entry.id)).collect();
        if old.is_empty() {
            return Ok(());
        }
        for entry in &old {
            let why = "it was not delivered in time";
            state.unrecorded.extend(outcome::expired(entry, "too_old", why, now));
        }
        self.count_left_out(state, 0, old.len());
        self.record(state).await?;
        self.look_for_untold(state).await;
        Ok(())
    }

    async fn due(&self, state: &State, limit: usize) -> Result<Ready, store::Error> {
        let (id, now) = (self.id.clone(), self.clock.now());
        let claimed: Vec<u64> = state.claimed().collect();
        self.ask(move |store| ready::find(store, &id, &claimed, limit, now)).await
    }

    async fn next_put_off(&self) -> Result<Option<Instant>, store::Error> {
        let (id, now) = (self.id.clone(), self.clock.now());
        let next = self.ask(move |store| store.next_due(&id.receiver, &id.channel, now)).await?;
        let wait = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
        // A moment more, since the file has microseconds.
        Ok(next.map(|at| Instant::now() + wait(at) + Duration::from_millis(1)))
    }

    /// Records what was not recorded yet.
    async fn record(&self, state: &mut State) -> Result<(), store::Error> {
        if state.unrecorded.is_empty() {
            return Ok(());
        }
        let changes = Arc::new(std::mem::take(&mut state.unrecorded));
        let shared = Arc::clone(&changes);
        let outcome = self.ask(move |store| store.record(&shared)).await;
        if outcome.is_err() {
            state.unrecorded = Arc::unwrap_or_clone(changes);
        }
        outcome
    }

    async fn look_for_untold(&self, state: &mut State) {
        let id = self.id.clone();
        let found = self.ask(move |store| Ok(ready::of_channel(store.given_up()?, &id))).await;
        match found {
            Ok(Some(untold)) => state.untold = Some(untold),
            Ok(None) => {}
            Err(problem) => state.report_store(&self.id, Some(&problem)),
        }
    }

    /// Waits a little for what is under way; what does not end stays in the outbox.
    async fn drain(&self, state: &mut State) {
        let deadline = Instant::now() + DRAIN_WITHIN;
        while let Ok(Some(ended)) = timeout_at(deadline, state.attempts.join_next_with_id()).await {
            self.take(state, ended);
        }
        state.attempts.shutdown().await;
        state.claims.clear();
        if let Err(problem) = self.record(state).await {
            state.report_store(&self.id, Some(&problem));
        }
    }

    fn count_left_out(&self, state: &mut State, left_out: usize, gave_up: usize) {
        let mut counts = self.counts.lock();
        counts.left_out += left_out as u64;
        counts.gave_up += gave_up as u64;
        counts.in_flight = state.claims.len();
    }

    fn show(&self, state: &State) {
        let mut counts = self.counts.lock();
        counts.in_flight = state.claims.len();
        counts.circuit = state.circuit.state(Instant::now());
    }

    /// Asks the store on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Alerts) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, store::Error> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || ask(&store)).await {
            Ok(answer) => answer,
            Err(problem) => std::panic::resume_unwind(problem.into_panic()),
        }
    }
}

impl State {
    /// The entries of the outbox that are under way.
    fn claimed(&self) -> impl Iterator<Item = u64> {
        self.claims.values().map(|claim| claim.entry.id)
    }

    fn has_failed_for_long(&self) -> bool {
        self.answered_at.elapsed() >= GRACE
    }

    /// Says once that the store fails, and once that it works again.
    fn report_store(&mut self, id: &ChannelId, problem: Option<&store::Error>) {
        match problem {
            Some(problem) if !self.is_failing => {
                error!(channel = %id, error = %problem, "the outbox cannot be used, trying again");
            }
            None if self.is_failing => info!(channel = %id, "the outbox is used again"),
            _ => {}
        }
        self.is_failing = problem.is_some();
    }
}
