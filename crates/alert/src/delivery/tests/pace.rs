//! Who is delivered first, how fast, and that nobody waits for another channel.

use std::time::Duration;

use model::severity::Severity;

use super::super::testing::{Bench, alert, entry, id, ids, notification, times};
use super::super::{CircuitState, Options, Receipt};

const NOW: Duration = Duration::ZERO;

fn told(id: &str, group: &str) -> model::notification::Notification {
    notification(id, group, vec![alert(group, 1, None)])
}

fn seconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|at| (at.as_secs_f64() * 10.0).round() / 10.0).collect()
}

#[tokio::test(start_paused = true)]
async fn a_slow_channel_does_not_delay_another() {
    let bench = Bench::new();
    let answer = |wait| move |_: &_, _| (wait, Ok(Receipt::default()));
    let slow = bench.channel("slow", Options::default(), answer(Duration::from_secs(10))).await;
    let quick = bench.channel("quick", Options::default(), answer(NOW)).await;
    let both = |n| {
        let (id, group) = (format!("n{n}"), format!("g{n}"));
        ["slow", "quick"].map(|channel| entry(channel, Severity::Info, told(&id, &group)))
    };
    bench.commit(&(0..100).flat_map(both).collect::<Vec<_>>());
    bench.until_empty("quick").await;
    assert_eq!(quick.lock().expect("a list").len(), 100);
    assert!(times(&quick)[99] < Duration::from_secs(1), "{:?}", times(&quick));
    assert_eq!(slow.lock().expect("a list").len(), 4, "four at once are under way");
    bench.until_empty("slow").await;
    assert_eq!(times(&slow)[99].as_secs(), 240);
    let figures = bench.delivery.figures().expect("figures");
    assert_eq!((&figures[0].id, figures[0].delivered, figures[0].waiting), (&id("quick"), 100, 0));
    assert_eq!((figures[0].circuit, figures[0].in_flight), (CircuitState::Closed, 0));
    assert!(figures[0].last_delivered.is_some() && bench.delivery.is_alive());
}

#[tokio::test(start_paused = true)]
async fn the_most_urgent_goes_first_then_the_oldest() {
    let bench = Bench::new();
    let urgency = |n: usize| Severity::ALL[n % 3];
    let changes: Vec<_> =
        (0..9).map(|n| entry("c", urgency(n), told(&format!("n{n}"), &format!("g{n}")))).collect();
    bench.commit(&changes);
    let options = Options { max_in_flight: 1, ..Options::default() };
    let answer = |_: &_, _| (Duration::from_secs(1), Ok(Receipt::default()));
    let heard = bench.channel("c", options, answer).await;
    // In the middle of it comes something worse.
    while heard.lock().expect("a list").len() < 5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bench.commit(&[entry("c", Severity::Critical, told("worse", "h"))]);
    bench.until_empty("c").await;
    assert_eq!(ids(&heard), ["n2", "n5", "n8", "n1", "n4", "worse", "n7", "n0", "n3", "n6"]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_kept() {
    let bench = Bench::new();
    let answer = |_: &_, _| (Duration::from_millis(10), Ok(Receipt::default()));
    let heard = bench.channel("slack[0]", Options::slack(), answer).await;
    let changes: Vec<_> = (0..5)
        .map(|n| entry("slack[0]", Severity::Info, told(&format!("n{n}"), &format!("g{n}"))))
        .collect();
    bench.commit(&changes);
    bench.until_empty("slack[0]").await;
    assert_eq!(seconds(&times(&heard)), [0.0, 1.0, 2.0, 3.0, 4.0]);
}
