//! Old days go, by age and by size.

use std::time::Duration;

use tempfile::TempDir;
use tsdb::{Options, Tsdb};

use crate::scrapes::{START, find, member, sample_of, series};

const DAY: i64 = 86_400_000;

fn filled(directory: &TempDir, options: Options) -> Tsdb {
    let store = Tsdb::open(directory.path(), options).expect("a store");
    let ids = series(&store);
    for day in 0..5 {
        for scrape in 0..50 {
            let at = START + day * DAY + i64::from(scrape) * 15_000;
            member(&store, "m1").append(at, &sample_of(&ids, scrape)).expect("taken");
        }
    }
    store.flush();
    store
}

#[test]
fn days_over_age_are_removed() {
    let directory = TempDir::new().expect("a directory");
    let raw = Duration::from_hours(48);
    let store = filled(&directory, Options { raw, ..Options::default() });
    assert_eq!(store.stat().files, 5);
    assert_eq!(store.retain(START + 4 * DAY + 3_600_000).expect("removed"), 2);
    let found = find(&store, "up", 0, i64::MAX);
    assert_eq!(found[0].samples.first().map(|first| first.at_ms), Some(START + 2 * DAY));
    assert_eq!(found[0].samples.len(), 150);
}

#[test]
fn the_oldest_days_go_while_there_are_too_many_bytes_but_never_today() {
    let directory = TempDir::new().expect("a directory");
    let store = filled(&directory, Options { max_bytes: Some(1), ..Options::default() });
    assert_eq!(store.retain(START + 4 * DAY).expect("removed"), 4);
    assert_eq!(find(&store, "up", 0, i64::MAX)[0].samples.len(), 50);
}
