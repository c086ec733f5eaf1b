//! What is over age goes, and the oldest events while there are too many.

use std::time::Duration;

use jiff::Timestamp;
use model::event::EventKind;
use store::{EventQuery, FindingQuery, Options, Records};
use tempfile::TempDir;

use crate::records::{at, event, finding, open_with, put, record};

fn filled(directory: &TempDir, options: Options) -> Records {
    let records = open_with(directory, options);
    put(&records, (1..=6_000).map(|n| event(n, "a", EventKind::LeaderLost, "x")));
    let closed = [record("a", finding(1, Some(100))), record("a", finding(2, Some(5_500)))];
    put(&records, closed);
    put(&records, [record("a", finding(3, None))]);
    records
}

/// Removal is asked for, not waited for: what is put later is written later.
fn retained(records: &Records, now: Timestamp) -> (u64, usize, usize) {
    records.retain(now);
    let is_done = || {
        put(records, [record("a", finding(3, None))]);
        records.oldest_sequence().expect("read") != Some(1)
    };
    assert!((0..100).any(|_| is_done()));
    // That may have been seen half way through; the same thread writes only when it is through.
    put(records, [record("a", finding(3, None))]);
    let count = records.events(&EventQuery::default(), usize::MAX).expect("events").items.len();
    let findings = records.findings(&FindingQuery::default(), 10).expect("findings").items.len();
    (records.oldest_sequence().expect("read").unwrap_or(0), count, findings)
}

#[test]
fn what_is_over_age_goes_and_open_findings_stay() {
    let directory = TempDir::new().expect("a directory");
    let retention = Duration::from_secs(1_000);
    let records = filled(&directory, Options { retention, ..Options::default() });
    assert_eq!(retained(&records, at(6_000)), (5_000, 1_001, 2));
}

#[test]
fn the_oldest_events_go_while_there_are_too_many() {
    let directory = TempDir::new().expect("a directory");
    let records = filled(&directory, Options { max_events: 10, ..Options::default() });
    assert_eq!(retained(&records, at(6_000)), (5_991, 10, 3));
}
