//! Classic histograms: cumulative buckets, their increase, and quantiles of it.

/// One bucket: how many observations were at most `le`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) le: f64,
    pub(super) count: f64,
}

/// The cumulative buckets of one histogram, or of several with the same bounds, by ascending bound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Histogram {
    buckets: Vec<Bucket>,
}

/// More buckets than any histogram of etcd has (21): what is above is no page of etcd.
pub(super) const MAX_BUCKETS: usize = 64;

/// As most histograms of etcd have.
const USUAL_BUCKETS: usize = 16;

impl Histogram {
    pub(super) const fn new() -> Self {
        Self { buckets: Vec::new() }
    }

    /// Adds to the bucket with this bound. Returns whether there was room.
    pub(super) fn add(&mut self, le: f64, count: f64) -> bool {
        // A page has them in order.
        if self.buckets.last().is_none_or(|last| last.le.total_cmp(&le).is_lt())
            && self.buckets.len() < MAX_BUCKETS
        {
            if self.buckets.is_empty() {
                self.buckets.reserve(USUAL_BUCKETS);
            }
            self.buckets.push(Bucket { le, count });
            return true;
        }
        match self.buckets.binary_search_by(|bucket| bucket.le.total_cmp(&le)) {
            Ok(index) => self.buckets[index].count += count,
            Err(_) if self.buckets.len() == MAX_BUCKETS => return false,
            Err(index) => self.buckets.insert(index, Bucket { le, count }),
        }
        true
    }

    /// Whether nothing was ever added.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Gives back memory that is not used.
    pub(super) fn shrink(&mut self) {
        self.buckets.shrink_to_fit();
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    /// How many observations there were.
    pub(crate) fn total(&self) -> f64 {
        self.buckets.last().map_or(0.0, |bucket| bucket.count)
    }

    /// Adds what was observed between `before` and `after`, of the same process or not.
    ///
    /// As in Prometheus, a count that is lower than before says that the process began anew, so
    /// that all of `after` is new.
    pub(super) fn add_increase(&mut self, before: &Self, after: &Self, restarted: bool) {
        let is_reset = restarted
            || !before.has_bounds_of(after)
            || before.buckets.iter().zip(&after.buckets).any(|(old, new)| new.count < old.count);
        if !self.has_bounds_of(after) {
            // The first increase, or another version with other bounds: those can't be mixed.
            self.buckets.clone_from(&after.buckets);
            for bucket in &mut self.buckets {
                bucket.count = 0.0;
            }
        }
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            let old = if is_reset { 0.0 } else { before.buckets[index].count };
            bucket.count += after.buckets[index].count - old;
        }
    }

    /// Adds the buckets of another histogram.
    pub(super) fn merge(&mut self, other: &Self) {
        for bucket in &other.buckets {
            self.add(bucket.le, bucket.count);
        }
    }

    /// How many observations were certainly above `bound`: those above the lowest bucket that ends
    /// there or beyond.
    pub(crate) fn above(&self, bound: f64) -> f64 {
        let bucket = self.buckets.iter().find(|bucket| bucket.le >= bound);
        let below = bucket.map_or(0.0, |bucket| bucket.count);
        (self.total() - below).max(0.0)
    }

    /// The bounds of the bucket that a quantile lies in; the upper one is infinite in the last.
    pub(crate) fn bounds_of(&self, value: f64) -> (f64, f64) {
        let lower = self.buckets.iter().rev().find(|bucket| bucket.le < value);
        let upper = self.buckets.iter().find(|bucket| bucket.le >= value);
        let is_beyond = upper.is_some_and(|upper| {
            // What lies beyond the last bound is put at it.
            self.buckets.iter().rev().nth(1).is_some_and(|last| last.le == upper.le)
                && self.total() - upper.count > self.total() * 0.01
        });
        let upper = upper.map_or(f64::INFINITY, |bucket| bucket.le);
        if is_beyond { (upper, f64::INFINITY) } else { (lower.map_or(0.0, |b| b.le), upper) }
    }

    fn has_bounds_of(&self, other: &Self) -> bool {
        self.buckets.len() == other.buckets.len()
            && self.buckets.iter().zip(&other.buckets).all(|(a, b)| a.le == b.le)
    }

    /// The value that a part `q` of the observations does not exceed; `None` without observations.
    ///
    /// As PromQL's `histogram_quantile`: observations are taken to be spread evenly over their
    /// bucket, the lowest bucket to begin at 0, and what lies in the `+Inf` bucket is put at that
    /// bucket's lower bound. The truth is somewhere in the same bucket.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        let (top, finite) = self.buckets.split_last()?;
        let last_finite = finite.last()?;
        if top.le != f64::INFINITY || top.count <= 0.0 {
            return None;
        }
        let rank = q * top.count;
        let mut lower = Bucket { le: 0.0, count: 0.0 };
        for bucket in finite {
            // A page is not read in one instant, so that a bucket may lag behind the one below.
            let count = bucket.count.max(lower.count);
            if count >= rank && count > lower.count {
                if bucket.le <= 0.0 {
                    return Some(bucket.le);
                }
                let part = (rank - lower.count) / (count - lower.count);
                return Some(lower.le + (bucket.le - lower.le) * part);
            }
            lower = Bucket { le: bucket.le, count };
        }
        Some(last_finite.le)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(buckets: &[(f64, f64)]) -> Histogram {
        let mut histogram = Histogram::default();
        for &(le, count) in buckets {
            assert!(histogram.add(le, count));
        }
        histogram
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn quantiles_are_those_of_promql() {
        let latencies = histogram(&[(1.0, 0.0), (2.0, 50.0), (4.0, 90.0), (INF, 100.0)]);
        for (q, value) in [(0.25, 1.5), (0.5, 2.0), (0.7, 3.0), (0.9, 4.0), (0.95, 4.0), (1.0, 4.0)]
        {
            assert_eq!(latencies.quantile(q), Some(value), "{q}");
        }
        assert_eq!(histogram(&[(0.1, 10.0), (INF, 10.0)]).quantile(0.5), Some(0.05));
        assert_eq!(histogram(&[(0.1, 0.0), (INF, 3.0)]).quantile(0.5), Some(0.1));
        // The lowest bucket with observations, not the empty one below it.
        assert_eq!(histogram(&[(1.0, 0.0), (2.0, 4.0), (INF, 4.0)]).quantile(0.0), Some(1.0));
    }

    #[test]
    fn without_observations_there_is_no_quantile() {
        for buckets in [&[][..], &[(INF, 3.0)], &[(1.0, 0.0), (INF, 0.0)], &[(1.0, 3.0)]] {
            assert_eq!(histogram(buckets).quantile(0.5), None, "{buckets:?}");
        }
    }

    #[test]
    fn what_is_certain_of_a_quantile_is_its_bucket() {
        let fsyncs = histogram(&[(0.064, 90.0), (0.128, 96.0), (0.256, 100.0), (INF, 100.0)]);
        assert_eq!([0.064, 0.1, 0.128, 0.2, 9.0].map(|b| fsyncs.above(b)), [10., 4., 4., 0., 0.]);
        assert_eq!(fsyncs.bounds_of(fsyncs.quantile(0.99).unwrap()), (0.128, 0.256));
        assert_eq!(fsyncs.bounds_of(0.01), (0.0, 0.064));
        let stuck = histogram(&[(4.0, 1.0), (8.0, 1.0), (INF, 30.0)]);
        assert_eq!(stuck.bounds_of(stuck.quantile(0.99).unwrap()), (8.0, INF));
        assert_eq!(Histogram::default().above(1.0), 0.0);
    }

    #[test]
    fn a_reset_counts_from_zero_and_other_bounds_start_anew() {
        let before = histogram(&[(1.0, 5.0), (INF, 9.0)]);
        let after = histogram(&[(1.0, 7.0), (INF, 12.0)]);
        let mut increase = Histogram::default();
        increase.add_increase(&before, &after, false);
        assert_eq!(increase, histogram(&[(1.0, 2.0), (INF, 3.0)]));
        increase.add_increase(&after, &before, false);
        assert_eq!(increase, histogram(&[(1.0, 7.0), (INF, 12.0)]), "one count fell");
        increase.add_increase(&before, &after, true);
        assert_eq!(increase, histogram(&[(1.0, 14.0), (INF, 24.0)]), "the process is another");
        let other = histogram(&[(2.0, 1.0), (INF, 1.0)]);
        increase.add_increase(&after, &other, true);
        assert_eq!(increase, other);
    }
}
