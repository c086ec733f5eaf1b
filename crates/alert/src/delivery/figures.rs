//! Figures of a channel, for metrics and for people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use super::circuit::CircuitState;

/// The name of a channel: one integration of one receiver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId {
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name within it, as `slack[0]`.
    pub channel: String,
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.receiver, self.channel)
    }
}

/// Figures of a channel; counts are since it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFigures {
    /// Which channel.
    pub id: ChannelId,
    /// Notifications that it took.
    pub delivered: u64,
    /// Attempts that failed, by the class of the failure.
    pub failed: BTreeMap<&'static str, u64>,
    /// Notifications that were given up.
    pub gave_up: u64,
    /// Notifications that were not needed: a later one said the same, or they told only of the end
    /// of what was never told.
    pub left_out: u64,
    /// Attempts under way.
    pub in_flight: usize,
    /// Notifications that wait, those under way among them.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Whether it is in order.
    pub circuit: CircuitState,
    /// When it last took something.
    pub last_delivered: Option<Timestamp>,
    /// What its last failure said; none after a success.
    pub last_failure: Option<String>,
}

/// What a worker counts.
#[derive(Debug)]
pub(super) struct Counts(Mutex<Counted>);

#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) delivered: u64,
    pub(super) failed: BTreeMap<&'static str, u64>,
    pub(super) gave_up: u64,
    pub(super) left_out: u64,
    pub(super) in_flight: usize,
    pub(super) circuit: CircuitState,
    pub(super) last_delivered: Option<Timestamp>,
    pub(super) last_failure: Option<String>,
    /// When the worker last looked at the outbox with success.
    pub(super) looked_at: Instant,
}

impl Counts {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Counted {
            delivered: 0,
            failed: BTreeMap::new(),
            gave_up: 0,
            left_out: 0,
            in_flight: 0,
            circuit: CircuitState::Closed,
            last_delivered: None,
            last_failure: None,
            looked_at: now,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
