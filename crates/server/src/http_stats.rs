//! How many requests were served, by route and status, and how long they took.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Upper bounds in seconds: 5 ms is the goal for a status request, the rest is for trouble.
const BOUNDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// The counters, shared by all requests.
#[derive(Debug, Default)]
pub(crate) struct HttpStats(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: HashMap<String, BTreeMap<u16, u64>>,
    /// Not cumulative; the last one is above all bounds.
    buckets: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

/// What was counted so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpFigures {
    /// Requests by route and status, in that order.
    pub(crate) requests: Vec<(String, u16, u64)>,
    /// Upper bounds in seconds and the requests that took no longer.
    pub(crate) buckets: Vec<(f64, u64)>,
    /// Seconds that all requests took.
    pub(crate) sum_seconds: f64,
    /// All requests.
    pub(crate) count: u64,
}

impl HttpStats {
    /// Counts a request. `route` is a pattern such as `/api/v1/clusters/{cluster}`, never a path
    /// that a client chose: those have no bound.
    pub(crate) fn record(&self, route: &str, status: u16, took: Duration) {
        let bucket = BOUNDS.partition_point(|&bound| bound < took.as_secs_f64());
        let mut counters = self.counters();
        if let Some(by_status) = counters.requests.get_mut(route) {
            *by_status.entry(status).or_default() += 1;
        } else {
            counters.requests.insert(route.to_owned(), BTreeMap::from([(status, 1)]));
        }
        counters.buckets[bucket] += 1;
        counters.sum += took;
    }

    /// What was counted so far.
    pub(crate) fn figures(&self) -> HttpFigures {
        let counters = self.counters();
        let mut requests: Vec<_> = counters
            .requests
            .iter()
            .flat_map(|(route, by_status)| {
                by_status.iter().map(|(&status, &count)| (route.clone(), status, count))
            })
            .collect();
        requests.sort_unstable();
        let mut count = 0;
        let mut below = counters.buckets.iter().map(|bucket| {
            count += bucket;
            count
        });
        let buckets = BOUNDS.into_iter().zip(&mut below).collect();
        let count = below.last().unwrap_or_default();
        HttpFigures { requests, buckets, sum_seconds: counters.sum.as_secs_f64(), count }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().expect("invariant: no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_status_and_timed() {
        let stats = HttpStats::default();
        stats.record("/health", 200, Duration::from_millis(1));
        stats.record("/health", 200, Duration::from_millis(2));
        stats.record("/api", 404, Duration::from_secs(20));
        let figures = stats.figures();
        assert_eq!(figures.requests, [("/api".to_owned(), 404, 1), ("/health".to_owned(), 200, 2)]);
        assert_eq!(figures.buckets[..3], [(0.0005, 0), (0.001, 1), (0.0025, 2)]);
        assert_eq!(figures.buckets.last(), Some(&(10.0, 2)));
        assert_eq!(figures.count, 3);
    }
}
