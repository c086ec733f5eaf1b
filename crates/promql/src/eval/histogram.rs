//! `histogram_quantile` over classic buckets.

use std::collections::HashMap;

use model::series::Labels;

use super::Grid;
use super::rows::{self, ABSENT, Row};
use crate::error::Error;
use crate::labels;

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";

#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The quantiles `q`, one for each step, of the histograms that `buckets` form.
pub(super) fn quantile(q: &[f64], buckets: &[Row], grid: Grid) -> Result<Vec<Row>, Error> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<(Labels, Vec<(f64, &Row)>)> = Vec::new();
    for row in buckets {
        // Without a bound it is no bucket.
        let Some(bound) = row.labels.get(BOUND).and_then(|bound| bound.parse::<f64>().ok()) else {
            continue;
        };
        let identity = row.labels.filter(|name| name != BOUND);
        let place = *places.entry(identity.clone()).or_insert_with(|| {
            histograms.push((labels::without_name(&identity), Vec::new()));
            histograms.len() - 1
        });
        histograms[place].1.push((bound, row));
    }
    let mut result = Vec::with_capacity(histograms.len());
    let mut scratch = Vec::new();
    for (labels, mut rows) in histograms {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at = |step: usize| {
            scratch.clear();
            let present = rows.iter().filter(|(_, row)| row.is_present(step));
            scratch.extend(
                present.map(|(bound, row)| Bucket { bound: *bound, count: row.values[step] }),
            );
            if scratch.is_empty() { ABSENT } else { of(q[step], &mut scratch) }
        };
        let values = (0..grid.steps).map(at).collect();
        result.push(Row { labels, values });
    }
    rows::merge(result, "vector")
}

/// The quantile of one histogram, whose buckets are in order of their bounds.
fn of(q: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    buckets.dedup_by(|later, earlier| {
        let is_same = later.bound == earlier.bound;
        if is_same {
            earlier.count += later.count;
        }
        is_same
    });
    // Scrapes and rates are no snapshots, so that a larger bucket may lag behind a smaller one.
    let mut most = buckets[0].count;
    for bucket in buckets.iter_mut().skip(1) {
        if bucket.count > most {
            most = bucket.count;
        } else if bucket.count < most {
            bucket.count = most;
        }
    }
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return f64::NAN;
    }
    let mut rank = q * observations;
    let found =
        buckets[..last].partition_point(|bucket| bucket.count < rank || bucket.count.is_nan());
    if found == last {
        return buckets[last - 1].bound;
    }
    let Bucket { bound: end, mut count } = buckets[found];
    let Some(below) = found.checked_sub(1).map(|below| buckets[below]) else {
        return if end <= 0.0 { end } else { end * (rank / count) };
    };
    count -= below.count;
    rank -= below.count;
    below.bound + (end - below.bound) * (rank / count)
}
