//! How a channel is used.

use std::time::Duration;

/// How fast a channel may be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Notifications a second, on average.
    pub per_second: f64,
    /// How many at once after a rest.
    pub burst: u32,
}

/// How a channel is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The deadline of one attempt; 15 s by default.
    pub timeout: Duration,
    /// The longest wait after the first failure; doubled with each further one. 1 s by default.
    pub backoff: Duration,
    /// The longest wait after any failure; 5 min by default.
    pub max_backoff: Duration,
    /// A notification that waited for so long is given up; 24 h by default.
    pub give_up_after: Duration,
    /// The limit; by default there is none.
    pub rate: Option<Rate>,
    /// How many attempts, of different groups, are under way at once; 4 by default.
    pub max_in_flight: usize,
    /// After so many failures in a row the channel counts as out of order, and only one attempt at a
    /// time is made until one succeeds; 5 by default.
    pub max_failures: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_mins(5),
            give_up_after: Duration::from_hours(24),
            rate: None,
            max_in_flight: 4,
            max_failures: 5,
        }
    }
}

impl Options {
    /// For Slack, which allows one message a second in each of its channels.
    pub fn slack() -> Self {
        let rate = Some(Rate { per_second: 1.0, burst: 1 });
        Self { rate, max_in_flight: 1, ..Self::default() }
    }
}
