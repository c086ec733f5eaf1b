//! What one thread counts while it works; taken away every second by who watches over the run.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd::ErrorClass;
use tokio::time::Instant;

use crate::latency::Latencies;

/// The calls that a benchmark makes, as etcd's own counters name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Range,
    Put,
    DeleteRange,
    Txn,
    LeaseGrant,
    LeaseRevoke,
    LeaseKeepAlive,
    Status,
}

impl Method {
    pub(crate) const ALL: [Self; 8] = [
        Self::Range,
        Self::Put,
        Self::DeleteRange,
        Self::Txn,
        Self::LeaseGrant,
        Self::LeaseRevoke,
        Self::LeaseKeepAlive,
        Self::Status,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Range => "Range",
            Self::Put => "Put",
            Self::DeleteRange => "DeleteRange",
            Self::Txn => "Txn",
            Self::LeaseGrant => "LeaseGrant",
            Self::LeaseRevoke => "LeaseRevoke",
            Self::LeaseKeepAlive => "LeaseKeepAlive",
            Self::Status => "Status",
        }
    }
}

/// An operation that failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    pub(crate) example: String,
}

impl Fault {
    pub(crate) fn new(kind: &'static str, example: &str) -> Self {
        Self { kind, example: example.to_owned() }
    }

    /// Whether it took as long as it was waited for, so that it has a latency too.
    fn is_timed(&self) -> bool {
        self.kind == ErrorClass::Deadline.as_str() || self.kind == NOT_SENT
    }
}

impl From<etcd::Error> for Fault {
    fn from(error: etcd::Error) -> Self {
        Self { kind: error.class().as_str(), example: error.to_string() }
    }
}

/// The kind of an operation whose time came and that found no free client until the end.
pub(crate) const NOT_SENT: &str = "not_sent";

/// When what is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Warm-up begins.
    pub(crate) begin: Instant,
    /// Measuring begins.
    pub(crate) measure: Instant,
    /// The last operation begins before it.
    pub(crate) end: Option<Instant>,
}

/// What was counted of one kind of operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) latencies: Latencies,
    pub(crate) succeeded: u64,
    /// Of these, those that were over before the end.
    pub(crate) in_time: u64,
    pub(crate) timeouts: u64,
}

/// What was counted since the last look.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) tallies: Vec<Tally>,
    /// How often, and what one of them said.
    pub(crate) errors: BTreeMap<&'static str, (u64, String)>,
    /// How long after its time an operation began because of this program.
    pub(crate) lateness: Latencies,
    /// Operations that had to wait for a free client.
    pub(crate) held: u64,
    /// Operations of the warm-up.
    pub(crate) warm: u64,
    pub(crate) last_end: Option<Instant>,
}

impl Counts {
    pub(crate) fn new(kinds: usize) -> Self {
        Self { tallies: vec![Tally::default(); kinds], ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (own, other) in self.tallies.iter_mut().zip(&other.tallies) {
            own.latencies.add(&other.latencies);
            own.succeeded += other.succeeded;
            own.in_time += other.in_time;
            own.timeouts += other.timeouts;
        }
        for (kind, (count, example)) in &other.errors {
            self.errors.entry(kind).or_insert_with(|| (0, example.clone())).0 += count;
        }
        self.lateness.add(&other.lateness);
        self.held += other.held;
        self.warm += other.warm;
        self.last_end = self.last_end.max(other.last_end);
    }

    pub(crate) fn clear(&mut self) {
        for tally in &mut self.tallies {
            tally.latencies.clear();
            (tally.succeeded, tally.in_time, tally.timeouts) = (0, 0, 0);
        }
        self.errors.clear();
        self.lateness.clear();
        (self.held, self.warm, self.last_end) = (0, 0, None);
    }

    pub(crate) fn succeeded(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.succeeded).sum()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().map(|(count, _)| count).sum()
    }
}

/// One thread's counts.
pub(crate) struct Shard {
    counts: Mutex<Counts>,
    sent: [AtomicU64; Method::ALL.len()],
    /// Transactions that were made again because others were faster.
    pub(crate) conflicts: AtomicU64,
    /// Events that watchers got, and that they should get.
    pub(crate) received: AtomicU64,
    pub(crate) expected: AtomicU64,
    /// All events that watchers got.
    pub(crate) events: AtomicU64,
}

impl Shard {
    pub(crate) fn new(kinds: usize) -> Self {
        Self {
            counts: Mutex::new(Counts::new(kinds)),
            sent: Default::default(),
            conflicts: AtomicU64::new(0),
            received: AtomicU64::new(0),
            expected: AtomicU64::new(0),
            events: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().expect("invariant: no holder of this lock panics")
    }

    /// Counts an operation that was to begin at `intended` and ended at `ended`.
    pub(crate) fn record(
        &self,
        timing: &Timing,
        kind: usize,
        intended: Instant,
        ended: Instant,
        result: Result<(), Fault>,
    ) {
        let mut counts = self.lock();
        if intended < timing.measure {
            counts.warm += 1;
            return;
        }
        counts.last_end = counts.last_end.max(Some(ended));
        let latency = ended.saturating_duration_since(intended);
        let tally = &mut counts.tallies[kind];
        match result {
            Ok(()) => {
                tally.latencies.record(latency);
                tally.succeeded += 1;
                tally.in_time += u64::from(timing.end.is_none_or(|end| ended <= end));
            }
            Err(fault) => {
                if fault.is_timed() {
                    tally.latencies.record(latency);
                    tally.timeouts += 1;
                }
                let Fault { kind, example } = fault;
                counts.errors.entry(kind).or_insert((0, example)).0 += 1;
            }
        }
    }

    pub(crate) fn fail(&self, fault: Fault, count: u64) {
        let Fault { kind, example } = fault;
        self.lock().errors.entry(kind).or_insert((0, example)).0 += count;
    }

    /// Counts how late an operation was sent; `None` when it had to wait for a free client.
    pub(crate) fn note_start(&self, lateness: Option<Duration>) {
        let mut counts = self.lock();
        match lateness {
            Some(lateness) => counts.lateness.record(lateness),
            None => counts.held += 1,
        }
    }

    pub(crate) fn note_sent(&self, method: Method) {
        self.sent[method as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_unsent(&self, method: Method) {
        self.sent[method as usize].fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, method: Method) -> u64 {
        self.sent[method as usize].load(Ordering::Relaxed)
    }

    /// Takes what was counted, and leaves `empty` in its place.
    pub(crate) fn swap(&self, empty: &mut Counts) {
        std::mem::swap(&mut *self.lock(), empty);
    }
}
