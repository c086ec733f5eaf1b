//! Latencies in a histogram of bounded size: quantiles are wrong by 0.1 % at most.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Significant digits that are kept.
const DIGITS: u8 = 3;

/// The quantiles that are told, with their names.
pub const TOLD: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Latencies. Written as pairs of nanoseconds and counts.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let mut histogram = Histogram::new(DIGITS).expect("invariant: 3 digits are allowed");
        histogram.auto(true);
        Self(histogram)
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        self.record_many(latency, 1);
    }

    fn record_many(&mut self, latency: Duration, count: u64) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX >> 2).min(u64::MAX >> 2);
        // It grows by itself, and so takes anything.
        let _ = self.0.record_n(nanos.max(1), count);
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        // Both grow by themselves, so that it cannot fail.
        let _ = self.0.add(&other.0);
    }

    /// Forgets all, and keeps its memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that a share of `quantile` (0 to 1) does not exceed; `None` without any.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        // The end of the last bucket is beyond what was seen.
        let nanos = self.0.value_at_quantile(quantile).min(self.0.max());
        (self.count() > 0).then(|| Duration::from_nanos(nanos))
    }

    /// The highest; `None` without any.
    pub fn max(&self) -> Option<Duration> {
        self.quantile(1.0)
    }

    /// The mean; `None` without any.
    pub fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.0.mean() as u64))
    }

    /// Each latency that was seen, rounded up to 3 digits, and how often.
    pub fn recorded(&self) -> impl Iterator<Item = (Duration, u64)> {
        let one = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (Duration::from_nanos(step.value_iterated_to()), step.count_at_value())
        };
        self.0.iter_recorded().map(one)
    }

    /// How many lie in `from..to`.
    pub fn between(&self, from: Duration, to: Duration) -> u64 {
        self.recorded().filter(|(at, _)| *at >= from && *at < to).map(|(_, count)| count).sum()
    }
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.recorded().map(|(at, count)| (at.as_nanos() as u64, count)))
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut latencies = Self::default();
        for (nanos, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            latencies.record_many(Duration::from_nanos(nanos), count);
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_differ_from_a_full_sort_by_a_thousandth_at_most() {
        let mut random = fastrand::Rng::with_seed(11);
        // From 30 µs to minutes, most of it near the low end, as latencies are.
        let mut all: Vec<u64> = (0..200_000)
            .map(|_| (30_000.0 * (-(1.0 - random.f64()).ln() * 3.0).exp().min(1e7)) as u64)
            .collect();
        let mut latencies = Latencies::default();
        for nanos in &all {
            latencies.record(Duration::from_nanos(*nanos));
        }
        all.sort_unstable();
        for quantile in [0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0] {
            let rank = ((quantile * all.len() as f64).ceil() as usize).max(1) - 1;
            let (told, truth) = (latencies.quantile(quantile).unwrap(), all[rank]);
            let error = (told.as_nanos() as f64 - truth as f64).abs() / truth as f64;
            assert!(error <= 0.001, "{quantile}: {told:?} is not {truth} ns");
        }
    }

    #[test]
    fn a_histogram_survives_being_written() {
        let mut latencies = Latencies::default();
        for millis in [1, 1, 5, 100, 60_000] {
            latencies.record(Duration::from_millis(millis));
        }
        let text = serde_json::to_string(&latencies).unwrap();
        let read: Latencies = serde_json::from_str(&text).unwrap();
        assert_eq!((read.count(), serde_json::to_string(&read).unwrap()), (5, text));
        assert_eq!(read.between(Duration::ZERO, Duration::from_millis(6)), 3);
        assert_eq!(Latencies::default().quantile(0.5), None);
    }
}
