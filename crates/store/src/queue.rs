//! What waits to be written: bounded, visible to readers, told of when it is done.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::error;

use crate::record::Record;

/// Records that wait for the disk; what comes then is not recorded. Some megabytes.
const CAPACITY: usize = 10_000;

/// Records of one transaction.
const BATCH: usize = 1_000;

type Listener = dyn Fn(u64) + Send + Sync;

/// The records between those who tell and the thread that writes.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    listener: Mutex<Option<Arc<Listener>>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Record>,
    /// How many were taken and written since the start.
    taken: u64,
    written: u64,
    lost: u64,
    last_sequence: u64,
    retain_at: Option<Timestamp>,
    is_failing: bool,
    is_damaged: bool,
    is_stopping: bool,
    has_ended: bool,
}

/// What the thread is to do next.
pub(crate) struct Work {
    pub(crate) records: Vec<Record>,
    /// What is over age at this time is to go.
    pub(crate) retain_at: Option<Timestamp>,
    /// A reader found the file damaged.
    pub(crate) is_damaged: bool,
    /// There will be no more.
    pub(crate) is_last: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record. True when the listener will hear of it; false when the disk takes nothing
    /// now, or there is no room left.
    pub(crate) fn put(&self, record: Record) -> bool {
        let mut state = self.state();
        if let Record::Event(event) = &record {
            state.last_sequence = state.last_sequence.max(event.sequence);
        }
        if state.waiting.len() >= CAPACITY || state.has_ended {
            if state.lost == 0 {
                error!("records are lost, too many wait for the disk");
            }
            state.lost += 1;
            return false;
        }
        state.waiting.push_back(record);
        state.taken += 1;
        self.changed.notify_all();
        !state.is_failing
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.state().last_sequence
    }

    /// Records that had no room.
    pub(crate) fn lost(&self) -> u64 {
        self.state().lost
    }

    /// What is not written yet and `wanted`, oldest first.
    pub(crate) fn waiting<T>(&self, wanted: impl FnMut(&Record) -> Option<T>) -> Vec<T> {
        self.state().waiting.iter().filter_map(wanted).collect()
    }

    pub(crate) fn listen(&self, listener: Arc<Listener>) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    pub(crate) fn retain(&self, now: Timestamp) {
        self.state().retain_at = Some(now);
        self.changed.notify_all();
    }

    pub(crate) fn damaged(&self) {
        self.state().is_damaged = true;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.state().is_stopping = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    /// Waits until all that was taken before is written. False when it is not within that time, or
    /// cannot be.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.state();
        let wanted = state.taken;
        while state.written < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.is_failing || state.has_ended || left.is_zero() {
                return false;
            }
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    // For the thread that writes.

    /// Waits for something to do.
    pub(crate) fn work(&self) -> Work {
        let mut state = self.state();
        while state.waiting.is_empty()
            && state.retain_at.is_none()
            && !state.is_damaged
            && !state.is_stopping
        {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Work {
            records: state.waiting.iter().take(BATCH).cloned().collect(),
            retain_at: state.retain_at.take(),
            is_damaged: std::mem::take(&mut state.is_damaged),
            is_last: state.is_stopping && state.waiting.len() <= BATCH,
        }
    }

    /// Rests, unless told to stop.
    pub(crate) fn rest(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.state();
        while !state.is_stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The first `count` are on disk.
    pub(crate) fn written(&self, count: usize) {
        let done: Vec<Record> = {
            let mut state = self.state();
            state.is_failing = false;
            state.written += count as u64;
            state.waiting.drain(..count).collect()
        };
        self.changed.notify_all();
        self.tell(done.iter().filter_map(sequence).max());
    }

    /// The disk takes nothing now: what waits goes on waiting, and those who listen do not.
    pub(crate) fn failing(&self) {
        let newest = {
            let mut state = self.state();
            state.is_failing = true;
            state.waiting.iter().filter_map(sequence).max()
        };
        self.changed.notify_all();
        self.tell(newest);
    }

    /// The thread is gone: nothing more is written.
    pub(crate) fn ended(&self) {
        self.state().has_ended = true;
        self.failing();
    }

    fn tell(&self, sequence: Option<u64>) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(listener), Some(sequence)) = (listener, sequence) {
            listener(sequence);
        }
    }
}

fn sequence(record: &Record) -> Option<u64> {
    match record {
        Record::Event(event) => Some(event.sequence),
        _ => None,
    }
}
