//! How far a long operation has come.

use std::time::Duration;

use tokio::time::Instant;

/// How often a callback is called at most, so that drawing costs nothing.
const INTERVAL: Duration = Duration::from_millis(100);

/// How far a long operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes that there are to do, when that is known.
    pub total_bytes: Option<u64>,
    /// Time since it began.
    pub elapsed: Duration,
}

impl Progress {
    /// Bytes a second on average.
    pub fn bytes_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.done_bytes as f64 / seconds } else { 0.0 }
    }
}

/// Called now and then with how far it has come.
pub type OnProgress<'a> = dyn FnMut(Progress) + Send + 'a;

/// Calls a callback at most ten times a second, and at the end.
pub(crate) struct Meter<'a> {
    callback: &'a mut OnProgress<'a>,
    began: Instant,
    last: Instant,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(callback: &'a mut OnProgress<'a>) -> Self {
        let now = Instant::now();
        Self { callback, began: now, last: now }
    }

    pub(crate) fn tell(&mut self, done_bytes: u64, total_bytes: Option<u64>) {
        let now = Instant::now();
        if total_bytes == Some(done_bytes) || now - self.last >= INTERVAL {
            self.last = now;
            let elapsed = now - self.began;
            (self.callback)(Progress { done_bytes, total_bytes, elapsed });
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
