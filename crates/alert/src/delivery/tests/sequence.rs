//! The notifications of one group: their order, repeats, threads.

use std::time::Duration;

use model::notification::{Notification, Reason};
use model::severity::Severity;
use store::alerts::Outcome;

use super::super::testing::{Bench, alert, down, entry, ids, notification};
use super::super::{Options, Receipt};

fn told(id: &str, reason: Reason, is_over: bool) -> Notification {
    let alerts = vec![alert("a", 1, is_over.then_some(5))];
    Notification { reason, ..notification(id, "g", alerts) }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_over_before_it_got_out_is_told_in_order() {
    let bench = Bench::new();
    let answer = |_: &_, place| {
        let answer = if place < 3 { Err(down()) } else { Ok(Receipt::default()) };
        (Duration::from_millis(1), answer)
    };
    let heard = bench.channel("c", Options::default(), answer).await;
    bench.commit(&[
        entry("c", Severity::Info, told("on", Reason::FirstNotification, false)),
        entry("c", Severity::Critical, told("over", Reason::AllResolved, true)),
    ]);
    bench.until_empty("c").await;
    assert_eq!(ids(&heard), ["on", "on", "on", "on", "over"]);
}

#[tokio::test(start_paused = true)]
async fn repeats_of_what_still_waits_are_told_once() {
    let bench = Bench::new();
    bench.commit(&[
        entry("c", Severity::Info, told("on", Reason::FirstNotification, false)),
        entry("c", Severity::Info, told("again", Reason::Repeat, false)),
        entry("c", Severity::Info, told("and again", Reason::Repeat, false)),
        entry("c", Severity::Info, told("over", Reason::AllResolved, true)),
        entry("c", Severity::Info, told("back", Reason::Repeat, false)),
    ]);
    let heard = bench
        .channel("c", Options::default(), |_, _| (Duration::ZERO, Ok(Receipt::default())))
        .await;
    bench.until_empty("c").await;
    assert_eq!(ids(&heard), ["and again", "over", "back"]);
    let outcomes: Vec<_> = bench.history("c").into_iter().map(|(_, outcome, _)| outcome).collect();
    use Outcome::{Delivered, Superseded};
    assert_eq!(outcomes, [Superseded, Superseded, Delivered, Delivered, Delivered]);
    assert_eq!(bench.delivery.figures().expect("figures")[0].left_out, 2);
}

#[tokio::test(start_paused = true)]
async fn a_thread_goes_on_until_the_group_is_over() {
    let bench = Bench::new();
    let answer = |_: &_, place| {
        let thread = Some(format!("thread {place}"));
        (Duration::ZERO, Ok(Receipt { thread, remark: Some("the plain form".to_owned()) }))
    };
    let heard = bench.channel("c", Options::default(), answer).await;
    for (id, reason, is_over) in [
        ("1", Reason::FirstNotification, false),
        ("2", Reason::NewAlerts, false),
        ("3", Reason::AllResolved, true),
        ("4", Reason::FirstNotification, false),
    ] {
        bench.commit(&[entry("c", Severity::Info, told(id, reason, is_over))]);
        bench.until_empty("c").await;
    }
    let threads: Vec<_> =
        heard.lock().expect("a list").iter().map(|one| one.thread.clone()).collect();
    let thread = |n| Some(format!("thread {n}"));
    assert_eq!(threads, [None, thread(0), thread(1), None]);
    let page = bench.store.attempts(&store::alerts::AttemptQuery::default(), 1).expect("read");
    assert_eq!(page.items[0].1.message, "the plain form");
}
