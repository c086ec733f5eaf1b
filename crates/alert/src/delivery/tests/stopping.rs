//! Stopping: what is under way has a moment, what waits stays.

use std::time::Duration;

use model::severity::Severity;
use tokio::time::Instant;

use super::super::testing::{Bench, alert, entry, id, ids, notification};
use super::super::{Options, Receipt};

fn told(id: &str) -> store::alerts::Change {
    entry("c", Severity::Info, notification(id, id, vec![alert(id, 1, None)]))
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_has_two_seconds_and_then_stays_in_the_outbox() {
    for (takes_ms, is_done) in [(1_500, true), (2_500, false)] {
        let bench = Bench::new();
        let answer = move |_: &_, _| (Duration::from_millis(takes_ms), Ok(Receipt::default()));
        let options = Options { max_in_flight: 1, ..Options::default() };
        let heard = bench.channel("c", options.clone(), answer).await;
        bench.commit(&[told("1"), told("2")]);
        while heard.lock().expect("a list").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let start = Instant::now();
        let bench = bench.restarted().await;
        assert!(start.elapsed() <= Duration::from_millis(2_001), "{:?}", start.elapsed());
        assert_eq!(ids(&heard), ["1"], "nothing new is begun");
        assert_eq!(bench.waiting("c"), if is_done { 1 } else { 2 });
        let rest = bench.channel("c", options, answer).await;
        bench.until_empty("c").await;
        assert_eq!(ids(&rest), if is_done { vec!["2"] } else { vec!["1", "2"] });
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_can_be_replaced_while_it_delivers() {
    let bench = Bench::new();
    let answer = |_: &_, _| (Duration::from_millis(100), Ok(Receipt::default()));
    let old = bench.channel("c", Options::default(), answer).await;
    let changes: Vec<_> = (0..100).map(|n| told(&format!("n{n}"))).collect();
    bench.commit(&changes);
    while old.lock().expect("a list").len() < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let new = bench.channel("c", Options::default(), answer).await;
    bench.until_empty("c").await;
    let mut all = [ids(&old), ids(&new)].concat();
    all.sort();
    all.dedup();
    let count = old.lock().expect("a list").len() + new.lock().expect("a list").len();
    assert_eq!((all.len(), count), (100, 100), "nothing is lost or told twice");
    bench.delivery.stop(&id("c")).await;
    assert!(bench.delivery.channels().is_empty());
}
