//! A bucket of tokens: how many notifications may go now, and when the next one may.

use std::time::Duration;

use tokio::time::Instant;

use super::options::Rate;

/// A bucket that is full at first.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: f64::from(rate.burst.max(1)), at: now }
    }

    /// Takes one token; else says when there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.available(now)?;
        self.tokens -= 1.0;
        Ok(())
    }

    /// How many may go at once, at least one; else when one may.
    pub(super) fn available(&mut self, now: Instant) -> Result<usize, Instant> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let full = f64::from(self.rate.burst.max(1));
        self.tokens = (self.tokens + passed * self.rate.per_second).min(full);
        self.at = now;
        // What is missing by rounding only is there.
        if self.tokens >= 1.0 - 1e-6 {
            return Ok((self.tokens + 1e-6) as usize);
        }
        let wait = (1.0 - self.tokens) / self.rate.per_second.max(1e-6);
        Err(now + Duration::from_secs_f64(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_its_pace() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut bucket = Bucket::new(Rate { per_second: 2.0, burst: 2 }, start);
        assert_eq!(bucket.available(start), Ok(2));
        assert_eq!([bucket.take(start), bucket.take(start)], [Ok(()), Ok(())]);
        assert_eq!(bucket.take(start), Err(after(500)));
        assert_eq!(bucket.take(after(500)), Ok(()));
        assert_eq!(bucket.take(after(600)), Err(after(1_000)));
        assert_eq!(bucket.available(after(60_000)), Ok(2), "no more than a burst is saved");
    }
}
