//! A disk that takes nothing for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::event::EventKind;
use rusqlite::Connection;
use store::{EventQuery, FindingQuery};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::records::{event, finding, open, put, record};

#[test]
fn what_cannot_be_written_waits_is_told_all_the_same_and_is_written_later() {
    let directory = TempDir::new().expect("a directory");
    let records = open(&directory);
    let told = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&told);
    records.on_written(move |sequence| {
        heard.fetch_max(sequence, Ordering::Relaxed);
    });
    put(&records, [event(1, "a", EventKind::LeaderLost, "x")]);
    // Who waits for the disk and who listens hear of it at the same moment, in any order.
    let is_told = |sequence| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while told.load(Ordering::Relaxed) != sequence && Instant::now() < deadline {
            std::thread::yield_now();
        }
        told.load(Ordering::Relaxed) == sequence
    };
    assert!(is_told(1));

    let other = Connection::open(directory.path().join("records.db")).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    records.put(event(2, "a", EventKind::LeaderElected, "x"));
    records.put(record("a", finding(1, None)));
    assert!(!records.flush(Duration::from_secs(20)));
    assert!(records.stat().write_error.is_some_and(|error| error.contains("records.db")));
    assert!(is_told(2), "those who listen need not wait for the disk");
    assert!(!records.put(event(3, "a", EventKind::LeaderElected, "x")), "the caller tells");
    assert_eq!(records.events(&EventQuery::default(), 10).expect("reads go on").items.len(), 1);
    let open = records.findings(&FindingQuery::default(), 10).expect("reads go on").items;
    assert_eq!(open.len(), 1, "what waits is found");

    other.execute_batch("ROLLBACK").expect("unlocked");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !records.flush(Duration::from_secs(1)) {
        assert!(Instant::now() < deadline, "{:?}", records.stat());
        std::thread::yield_now();
    }
    assert_eq!(records.events(&EventQuery::default(), 10).expect("events").items.len(), 3);
    assert_eq!(records.stat().write_error, None);
}
