//! A circuit breaker: a channel that fails again and again is asked seldom, by one attempt at a time.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff;

/// How a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// It works, as far as is known.
    Closed,
    /// It is out of order and left alone for a while.
    Open,
    /// It was out of order; one attempt finds out whether it still is.
    HalfOpen,
}

impl CircuitState {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The name in APIs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What may be started now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Any number.
    All,
    /// One, when no other is under way.
    One,
    /// Nothing before that time.
    NotBefore(Instant),
}

/// The breaker of one channel.
#[derive(Debug)]
pub(super) struct Circuit {
    max_failures: u32,
    first: Duration,
    max: Duration,
    /// Failures in a row.
    failures: u32,
    open_until: Option<Instant>,
}

impl Circuit {
    pub(super) fn new(max_failures: u32, first: Duration, max: Duration) -> Self {
        Self { max_failures: max_failures.max(1), first, max, failures: 0, open_until: None }
    }

    pub(super) fn allowed(&self, now: Instant) -> Allowed {
        match self.open_until {
            None => Allowed::All,
            Some(until) if until <= now => Allowed::One,
            Some(until) => Allowed::NotBefore(until),
        }
    }

    pub(super) fn state(&self, now: Instant) -> CircuitState {
        match self.allowed(now) {
            Allowed::All => CircuitState::Closed,
            Allowed::One => CircuitState::HalfOpen,
            Allowed::NotBefore(_) => CircuitState::Open,
        }
    }

    /// The channel answered. True when it was out of order before.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.open_until.take().is_some()
    }

    /// It did not. True when it counts as out of order from now on, and did not before.
    pub(super) fn failed(&mut self, now: Instant, random: f64) -> bool {
        // One that was under way when it opened says nothing new.
        if matches!(self.allowed(now), Allowed::NotBefore(_)) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let Some(beyond) = self.failures.checked_sub(self.max_failures) else { return false };
        let longest = backoff::longest(beyond.saturating_add(1), self.first, self.max);
        let until = now + backoff::at_least_half(longest, random);
        self.open_until.replace(until).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_success_closes_it() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut circuit = Circuit::new(3, Duration::from_secs(1), Duration::from_secs(3));
        assert!(!circuit.failed(start, 1.0) && !circuit.failed(start, 1.0));
        assert!(!circuit.succeeded(), "it was not open");
        assert!(!circuit.failed(start, 1.0) && !circuit.failed(start, 1.0));
        assert_eq!(circuit.allowed(start), Allowed::All);
        assert!(circuit.failed(start, 1.0), "the third in a row");
        assert!(!circuit.failed(start, 1.0), "one that was under way");
        assert_eq!(circuit.allowed(start), Allowed::NotBefore(after(1_000)));
        assert_eq!(circuit.allowed(after(1_000)), Allowed::One);
        assert_eq!(circuit.state(after(1_000)), CircuitState::HalfOpen);
        assert!(!circuit.failed(after(1_000), 1.0), "it is open already");
        assert_eq!(circuit.allowed(after(1_000)), Allowed::NotBefore(after(3_000)));
        circuit.failed(after(3_000), 0.0);
        assert_eq!(circuit.allowed(after(3_000)), Allowed::NotBefore(after(4_500)));
        assert!(circuit.succeeded());
        assert_eq!(circuit.state(after(4_500)), CircuitState::Closed);
    }
}
