//! How well the monitor keeps its own schedule, as cumulative histograms.

use std::time::Duration;

/// Upper bounds of the buckets, in seconds: 1 ms to 5 s.
pub const LATENESS_BOUNDS: [f64; 12] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// How late something began, compared with when it was due.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatenessHistogram {
    /// Observations at or below each of [`LATENESS_BOUNDS`]; not cumulative.
    buckets: [u64; LATENESS_BOUNDS.len()],
    /// All observations.
    pub count: u64,
    /// Their sum, seconds.
    pub sum: f64,
}

impl LatenessHistogram {
    /// Counts one.
    pub fn observe(&mut self, late: Duration) {
        let seconds = late.as_secs_f64();
        if let Some(bucket) = LATENESS_BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += count;
        }
        self.count += other.count;
        self.sum += other.sum;
    }

    /// Upper bound and number of observations at or below it, as Prometheus counts.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        LATENESS_BOUNDS.iter().zip(self.buckets).scan(0, |total, (bound, count)| {
            *total += count;
            Some((*bound, *total))
        })
    }
}

/// The work of one cluster's task.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScheduleStats {
    /// Sweeps begun.
    pub sweeps: u64,
    /// Scrapes begun.
    pub scrapes: u64,
    /// Scrapes that brought no page.
    pub scrape_failures: u64,
    /// How late sweeps began.
    pub sweep_lateness: LatenessHistogram,
    /// How late scrapes began.
    pub scrape_lateness: LatenessHistogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_as_prometheus_counts() {
        let mut histogram = LatenessHistogram::default();
        for millis in [0, 3, 3, 9_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative[0], (0.001, 1));
        assert_eq!(cumulative[2], (0.005, 3));
        assert_eq!(cumulative[11], (5.0, 3));
        assert_eq!(histogram.count, 4);
    }
}
