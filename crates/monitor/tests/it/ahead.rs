//! A clock that can be set ahead, for what takes hours to be believed or to be over.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::clock::{Clock, SystemClock};

/// Runs with the machine's clock, as far ahead of it as it was set.
#[derive(Debug, Default)]
pub(crate) struct AheadClock(AtomicI64);

impl AheadClock {
    /// Sets it ahead by `step`, whole milliseconds.
    pub(crate) fn advance(&self, step: Duration) {
        self.0.fetch_add(step.as_millis() as i64, Ordering::Relaxed);
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }
}
