//! Making scrapes, and finding them again.

use model::series::{Labels, MatchOp, Matcher, Series, Source as _};
use tempfile::TempDir;
use tsdb::{Options, SeriesId, Target, Tsdb};

/// A moment on a day's first second, in milliseconds.
pub(crate) const START: i64 = 1_700_006_400_000;

pub(crate) fn open(directory: &TempDir) -> Tsdb {
    Tsdb::open(directory.path(), Options::default()).expect("a store")
}

pub(crate) fn member(store: &Tsdb, name: &str) -> Target {
    store.target(&Labels::new([("cluster", "c"), ("member", name), ("job", "etcd")]))
}

/// A counter, a constant, a gauge, a sum of floats.
pub(crate) fn series(store: &Tsdb) -> Vec<SeriesId> {
    let names = ["writes_total", "up", "db_size_bytes", "fsync_seconds_sum"];
    names.iter().map(|name| store.series_id(&Labels::new([("__name__", *name)]))).collect()
}

/// What the four have at the scrape of this number.
pub(crate) fn values(scrape: u32) -> [f64; 4] {
    let n = f64::from(scrape);
    [(n % 900.0) * 17.0, 1.0, 4096.0 * (n % 40.0), n * 0.001_234 + (n * 0.37).sin().abs()]
}

pub(crate) fn sample_of(ids: &[SeriesId], scrape: u32) -> Vec<(SeriesId, f64)> {
    ids.iter().copied().zip(values(scrape)).collect()
}

pub(crate) fn find(store: &Tsdb, name: &str, from_ms: i64, to_ms: i64) -> Vec<Series> {
    let matcher = Matcher::new("__name__", MatchOp::Eq, name).expect("a matcher");
    store.select(&[matcher], from_ms, to_ms).expect("series")
}

#[test]
fn a_day_of_three_members_is_found_again_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let scrapes = 5_760;
    {
        let store = open(&directory);
        let ids = series(&store);
        let members = ["m1", "m2", "m3"].map(|name| member(&store, name));
        for scrape in 0..scrapes {
            for member in &members {
                let at = START + i64::from(scrape) * 15_000 + i64::from(scrape % 3);
                while member.append(at, &sample_of(&ids, scrape)).is_err() {
                    store.flush();
                }
            }
        }
        store.flush();
        check(&store, scrapes);
        store.close();
    }
    let store = open(&directory);
    check(&store, scrapes);
    store.flush();
    check(&store, scrapes);
    assert_eq!(store.stat().damage, Vec::<String>::new());
}

fn check(store: &Tsdb, scrapes: u32) {
    for (index, name) in
        ["writes_total", "up", "db_size_bytes", "fsync_seconds_sum"].into_iter().enumerate()
    {
        let found = find(store, name, 0, i64::MAX);
        assert_eq!(found.len(), 3, "{name}");
        for series in found {
            assert_eq!(series.samples.len() as u32, scrapes, "{}", series.labels);
            for (scrape, sample) in (0..).zip(&series.samples) {
                assert_eq!(sample.value.to_bits(), values(scrape)[index].to_bits());
                assert_eq!(
                    sample.at_ms,
                    START + i64::from(scrape) * 15_000 + i64::from(scrape % 3)
                );
            }
        }
    }
    let hour = find(store, "up", START + 3_600_000, START + 7_200_000);
    assert_eq!(hour[0].samples.len(), 241);
    let labels = hour[0].labels.to_string();
    assert_eq!(labels, r#"{__name__="up", cluster="c", job="etcd", member="m1"}"#);
}

#[test]
fn a_second_process_is_told_to_take_another_directory() {
    let directory = TempDir::new().expect("a directory");
    let _first = open(&directory);
    let error = Tsdb::open(directory.path(), Options::default()).expect_err("in use");
    assert!(error.to_string().contains("--data-dir"), "{error}");
}

#[test]
fn scrapes_out_of_order_are_put_in_order_and_repeated_ones_are_ignored() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let up = store.series_id(&Labels::new([("__name__", "up")]));
    let member = member(&store, "m1");
    for (at, value) in [(0, 0.0), (30, 3.0), (15, 1.5), (30, 9.0), (45, 4.5)] {
        member.append(START + at, &[(up, value)]).expect("taken");
    }
    store.flush();
    let found = find(&store, "up", 0, i64::MAX);
    let values: Vec<f64> = found[0].samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [0.0, 1.5, 3.0, 4.5]);
}

#[test]
fn a_clock_that_jumps_an_hour_back_or_ahead_loses_nothing() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let up = store.series_id(&Labels::new([("__name__", "up")]));
    let member = member(&store, "m1");
    let hour = 3_600_000;
    let mut count = 0;
    // Across midnight, too.
    for jump in [0, -hour, hour, 0, -hour] {
        for scrape in 0..150 {
            let at = START + jump + count * 7 + scrape * 15_000;
            member.append(at, &[(up, 1.0)]).expect("taken");
            count += 1;
        }
    }
    store.flush();
    let found = find(&store, "up", 0, i64::MAX);
    assert_eq!(found[0].samples.len() as i64, count);
    assert!(found[0].samples.is_sorted_by(|a, b| a.at_ms < b.at_ms));
}

#[test]
fn of_a_series_that_a_scrape_has_twice_the_first_value_is_kept() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let [a, b] = ["a", "b"].map(|name| store.series_id(&Labels::new([("__name__", name)])));
    let target = member(&store, "m1");
    target.append(START, &[(a, 1.0), (b, 2.0), (a, 3.0), (b, 4.0)]).expect("kept");
    target.append(START + 15_000, &[(b, 5.0), (a, 6.0), (a, 7.0)]).expect("kept");
    store.flush();
    let values = |name| {
        let found = find(&store, name, START, START + 60_000);
        found[0].samples.iter().map(|sample| sample.value).collect::<Vec<_>>()
    };
    assert_eq!((values("a"), values("b")), (vec![1.0, 6.0], vec![2.0, 5.0]));
}
