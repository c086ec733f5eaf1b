//! Series that end.

use model::series::{Labels, STALE_NAN, is_stale};
use tempfile::TempDir;

use crate::scrapes::{START, find, member, open};

#[test]
fn a_series_that_a_scrape_no_longer_has_ends_with_one_marker() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let id = |name| store.series_id(&Labels::new([("__name__", name)]));
    let (up, size) = (id("up"), id("size"));
    let target = member(&store, "m1");
    target.append(START, &[(up, 1.0), (size, 5.0)]).expect("taken");
    // The member stops answering: only `up` remains, for three scrapes.
    for scrape in 1..4 {
        target.append(START + scrape, &[(up, 0.0)]).expect("taken");
    }
    target.append(START + 4, &[(up, 1.0), (size, 6.0)]).expect("taken");
    for _ in 0..2 {
        store.flush();
        let found = find(&store, "size", 0, i64::MAX);
        let samples: Vec<(i64, f64)> =
            found[0].samples.iter().map(|sample| (sample.at_ms - START, sample.value)).collect();
        assert_eq!((samples.len(), samples[0], samples[2]), (3, (0, 5.0), (4, 6.0)));
        assert!(samples[1].0 == 1 && is_stale(samples[1].1));
        assert_eq!(find(&store, "up", 0, i64::MAX)[0].samples.len(), 5);
    }
}

#[test]
fn a_stale_marker_that_is_given_stays_one_to_the_bit() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let up = store.series_id(&Labels::new([("__name__", "up")]));
    let values = [1.0, STALE_NAN, f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE];
    for (at, value) in (0..).zip(values) {
        member(&store, "m1").append(START + at, &[(up, value)]).expect("taken");
    }
    drop(store);
    let found = find(&open(&directory), "up", 0, i64::MAX);
    let bits: Vec<u64> = found[0].samples.iter().map(|sample| sample.value.to_bits()).collect();
    assert_eq!(bits, values.map(f64::to_bits));
}
