//! Channels that fail: for a moment, for long, at random, or because they are told too much.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::notification::{Notification, Reason};
use model::severity::Severity;
use store::alerts::Outcome;
use tokio::time::Instant;

use super::super::testing::{Bench, alert, at, down, entry, ids, notification, times};
use super::super::{CircuitState, Failure, Options, Receipt};

const NOW: Duration = Duration::ZERO;

fn told(id: &str, group: &str) -> Notification {
    notification(id, group, vec![alert(group, 1, None)])
}

#[expect(clippy::unnecessary_wraps, reason = "one of the answers that a channel gives")]
fn taken() -> Result<Receipt, Failure> {
    Ok(Receipt::default())
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_to_be_left_alone_is() {
    let bench = Bench::new();
    let limit = || Failure {
        retry_after: Some(Duration::from_mins(1)),
        ..Failure::passing("try_later", "answered 429")
    };
    let options = Options { max_in_flight: 1, ..Options::default() };
    let answer = move |_: &_, place| (NOW, if place < 8 { Err(limit()) } else { taken() });
    let heard = bench.channel("c", options, answer).await;
    bench.commit(&[entry("c", Severity::Info, told("n1", "a"))]);
    bench.commit(&[entry("c", Severity::Info, told("n2", "b"))]);
    bench.until_empty("c").await;
    let times = times(&heard);
    for pair in times.windows(2).take(8) {
        let gap = pair[1].saturating_sub(pair[0]);
        assert!(gap >= Duration::from_mins(1) && gap < Duration::from_secs(62), "{times:?}");
    }
    assert_eq!(times.len(), 10);
    let figures = bench.delivery.figures().expect("figures").remove(0);
    assert_eq!(figures.failed.get("try_later"), Some(&8));
    assert_eq!(figures.circuit, CircuitState::Closed, "it is well, and busy");
}

#[tokio::test(start_paused = true)]
async fn a_channel_out_of_order_is_asked_seldom_and_told_all_when_it_is_back() {
    let bench = Bench::new();
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let answer =
        move |_: &_, _| (NOW, if up.load(Ordering::Relaxed) { taken() } else { Err(down()) });
    let broken = bench.channel("broken", Options::default(), answer).await;
    let sound = bench.channel("sound", Options::default(), |_, _| (NOW, taken())).await;
    let both = |n| {
        let (id, group) = (format!("n{n}"), format!("g{n}"));
        ["broken", "sound"].map(|channel| entry(channel, Severity::Info, told(&id, &group)))
    };
    bench.commit(&(0..50).flat_map(both).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_hours(2)).await;
    assert_eq!(sound.lock().expect("a list").len(), 50);
    let tries = broken.lock().expect("a list").len();
    assert!((20..80).contains(&tries), "{tries} in two hours");
    let figures = bench.delivery.figures().expect("figures").remove(0);
    assert_eq!((figures.waiting, figures.oldest), (50, Some(at(10))));
    assert_ne!(figures.circuit, CircuitState::Closed);
    assert_eq!(figures.last_failure.as_deref(), Some("connection refused"));
    assert!(bench.delivery.is_alive(), "the worker does what it can");

    is_up.store(true, Ordering::Relaxed);
    let back = Instant::now();
    bench.until_empty("broken").await;
    assert!(back.elapsed() <= Duration::from_secs(301), "{:?}", back.elapsed());
    let times = times(&broken);
    let took = times[times.len() - 1].saturating_sub(times[tries]);
    assert!(took < Duration::from_secs(1), "all at once then: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_critical_notification_has_a_channel_that_is_back_told_at_once() {
    let bench = Bench::new();
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let answer =
        move |_: &_, _| (NOW, if up.load(Ordering::Relaxed) { taken() } else { Err(down()) });
    let heard = bench.channel("c", Options::default(), answer).await;
    bench.commit(&[entry("c", Severity::Critical, told("n1", "a"))]);
    tokio::time::sleep(Duration::from_hours(2)).await;
    let tries = heard.lock().expect("a list").len();
    // Many at once are no reason to ask more often than every 15 s.
    for n in 0..30 {
        bench.commit(&[entry("c", Severity::Critical, told(&format!("m{n}"), "a"))]);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let more = heard.lock().expect("a list").len() - tries;
    assert!((2..=4).contains(&more), "{more} in 30 s");
    // What is not critical waits.
    tokio::time::sleep(Duration::from_mins(1)).await;
    let before = heard.lock().expect("a list").len();
    bench.commit(&[entry("c", Severity::Warning, told("w", "b"))]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(heard.lock().expect("a list").len() <= before + 1);
    is_up.store(true, Ordering::Relaxed);
    let back = Instant::now();
    bench.commit(&[entry("c", Severity::Critical, told("n2", "c"))]);
    bench.until_empty("c").await;
    assert!(back.elapsed() <= Duration::from_secs(16), "{:?}", back.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_given_a_deadline_and_what_panics_is_a_failure() {
    let bench = Bench::new();
    let answer = |_: &Notification, place| match place {
        0 => (Duration::from_hours(10), taken()),
        1 => panic!("a bug in a channel"),
        _ => (NOW, taken()),
    };
    let heard = bench.channel("c", Options::default(), answer).await;
    bench.commit(&[entry("c", Severity::Info, told("n1", "a"))]);
    bench.until_empty("c").await;
    let times = times(&heard);
    assert!(times[1] >= Duration::from_secs(15) && times[2] < Duration::from_secs(20), "{times:?}");
    let failed = bench.delivery.figures().expect("figures").remove(0).failed;
    assert_eq!(failed, [("timed_out", 1), ("panicked", 1)].into());
    let name = || "n1".to_owned();
    let expected = [
        (name(), Outcome::Failed, 1),
        (name(), Outcome::Failed, 2),
        (name(), Outcome::Delivered, 3),
    ];
    assert_eq!(bench.history("c"), expected);
}

/// Each of 1,000 alerts fires, is joined by a repeat or not, and is over; three in ten attempts
/// fail.
#[tokio::test(start_paused = true)]
async fn a_flapping_receiver_hears_everything_and_each_group_in_order() {
    let bench = Bench::new();
    let answer = |_: &_, _| {
        let wait = Duration::from_millis(fastrand::u64(1..50));
        (wait, if fastrand::f64() < 0.3 { Err(down()) } else { taken() })
    };
    let options = Options { max_in_flight: 16, ..Options::default() };
    let heard = bench.channel("c", options, answer).await;
    let on = |n| {
        let group = format!("g{n}");
        entry("c", Severity::Critical, told(&format!("{group}-1"), &group))
    };
    let over = |n| {
        let group = format!("g{n}");
        let over = notification(&format!("{group}-2"), &group, vec![alert(&group, 1, Some(9))]);
        let over = Notification { reason: Reason::AllResolved, ..over };
        entry("c", Severity::Critical, over)
    };
    bench.commit(&(0..1_000).map(on).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.commit(&(0..1_000).map(over).collect::<Vec<_>>());
    bench.until_empty("c").await;
    let mut taken: HashMap<String, Vec<String>> = HashMap::new();
    for one in heard.lock().expect("a list").iter().filter(|one| one.was_taken) {
        taken.entry(one.notification.group_key.clone()).or_default().push(one.id.clone());
    }
    assert_eq!(taken.len(), 1_000);
    for (group, ids) in taken {
        assert_eq!(ids, [format!("{group}-1"), format!("{group}-2")]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_not_sent_again_while_that_cannot_be_recorded() {
    let bench = Bench::new();
    let heard = bench.channel("c", Options::default(), |_, _| (NOW, taken())).await;
    let path = bench.directory.path().join("alerts.db");
    let other = rusqlite::Connection::open(path).expect("opened");
    let trigger = "CREATE TRIGGER no BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END";
    other.execute_batch(trigger).expect("made");
    bench.commit(&[entry("c", Severity::Info, told("n1", "a"))]);
    tokio::time::sleep(Duration::from_mins(10)).await;
    bench.commit(&[entry("c", Severity::Info, told("n2", "b"))]);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(ids(&heard), ["n1"]);
    assert!(!bench.delivery.is_alive(), "nothing is delivered any more");
    other.execute_batch("DROP TRIGGER no").expect("dropped");
    bench.until_empty("c").await;
    assert_eq!(ids(&heard), ["n1", "n2"]);
    assert!(bench.delivery.is_alive());
}
