//! What becomes of notifications that a channel does not take for ever.

use std::time::Duration;

use model::notification::Reason;
use model::severity::Severity;
use store::alerts::{Change, GivenUp, Outcome};

use super::super::testing::{Bench, alert, down, entry, ids, notification, refused};
use super::super::{Options, Receipt};
use model::notification::Notification;

const NOW: Duration = Duration::ZERO;

fn told(id: &str, alerts: &[(&str, bool)]) -> Notification {
    let alerts = alerts.iter().map(|(name, is_over)| alert(name, 1, is_over.then_some(5)));
    Notification { reason: Reason::NewAlerts, ..notification(id, "g", alerts.collect()) }
}

fn info(id: &str, alerts: &[(&str, bool)]) -> Change {
    entry("c", Severity::Info, told(id, alerts))
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_reported_and_its_end_is_withheld() {
    let mut bench = Bench::new();
    let answer = |notification: &Notification, _| {
        let is_refused = notification.id.starts_with("refused");
        (NOW, if is_refused { Err(refused()) } else { Ok(Receipt::default()) })
    };
    let heard = bench.channel("c", Options::default(), answer).await;
    bench.commit(&[
        info("1", &[("a", false)]),
        info("refused", &[("a", false), ("b", false)]),
        // The end of a is news, that of b is not.
        info("2", &[("a", true), ("b", true)]),
        info("refused again", &[("c", false)]),
        info("3", &[("c", true)]),
        info("4", &[("c", false)]),
        info("5", &[("c", true)]),
    ]);
    // It adds up until somebody puts it on record.
    let mut reported = bench.gave_up.recv().await.expect("a report");
    while reported.count < 2 {
        assert_eq!(&*reported.notification, "refused");
        reported = bench.gave_up.recv().await.expect("a report");
    }
    bench.until_empty("c").await;
    assert_eq!((&*reported.class, &*reported.message), ("refused", "answered 403"));
    assert_eq!(ids(&heard), ["1", "refused", "2", "refused again", "4", "5"]);
    let names: Vec<_> = heard.lock().expect("a list")[2]
        .notification
        .alerts
        .iter()
        .map(|alert| alert.name().to_owned())
        .collect();
    assert_eq!(names, ["a"]);
    let withheld = ("3".to_owned(), Outcome::Withheld, 0);
    assert!(bench.history("c").contains(&withheld), "{:?}", bench.history("c"));
    let figures = bench.delivery.figures().expect("figures").remove(0);
    assert_eq!((figures.delivered, figures.gave_up, figures.left_out), (4, 2, 1));

    // Nobody put it on record, so it is reported again after a restart; then it is told.
    let mut bench = bench.restarted().await;
    bench.channel("c", Options::default(), |_, _| (NOW, Err(down()))).await;
    let GivenUp { receiver, channel, last_at, count, .. } =
        bench.gave_up.recv().await.expect("a report");
    assert_eq!(count, 2);
    bench.commit(&[Change::GivenUpTold { receiver, channel, last_at }]);
    assert_eq!(bench.store.given_up().expect("read"), []);
}

#[tokio::test(start_paused = true)]
async fn after_a_day_a_notification_is_given_up_though_the_channel_is_out_of_order() {
    let mut bench = Bench::new();
    let answer = |_: &_, _| (NOW, Err(down()));
    bench.channel("c", Options::default(), answer).await;
    let start = bench.now();
    let decided = Notification { at: start, ..told("1", &[("a", false)]) };
    bench.commit(&[entry("c", Severity::Info, decided)]);
    let report = bench.gave_up.recv().await.expect("a report");
    let waited = Duration::try_from(report.last_at.duration_since(start)).expect("later");
    let day = Duration::from_hours(24);
    assert!(waited >= day && waited < day + Duration::from_mins(1), "{waited:?}");
    assert_eq!(bench.waiting("c"), 0);
    let history = bench.history("c");
    assert_eq!(history.last().map(|(_, outcome, _)| *outcome), Some(Outcome::GaveUp));
    assert!(history.len() > 200, "it was tried all the time: {}", history.len());

    // Its end is no news; a new beginning is.
    let later = |id: &str, is_over| Notification { at: bench.now(), ..told(id, &[("a", is_over)]) };
    let heard = bench.channel("c", Options::default(), |_, _| (NOW, Ok(Receipt::default()))).await;
    bench.commit(&[
        entry("c", Severity::Info, later("2", true)),
        entry("c", Severity::Info, later("3", false)),
    ]);
    bench.until_empty("c").await;
    assert_eq!(ids(&heard), ["3"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_old_because_nobody_was_there_to_deliver_it_is_tried() {
    let mut bench = Bench::new();
    let at = bench.now() - jiff::SignedDuration::from_hours(48);
    let old = |id: &str| {
        entry(
            "c",
            Severity::Info,
            Notification { at, group_key: id.to_owned(), ..told(id, &[(id, false)]) },
        )
    };
    bench.commit(&[old("1"), old("2")]);
    let answer = |_: &_, place| {
        let is_up = (4..8).contains(&place);
        (NOW, if is_up { Ok(Receipt::default()) } else { Err(down()) })
    };
    let heard = bench.channel("c", Options::default(), answer).await;
    bench.until_empty("c").await;
    assert!(
        ids(&heard).len() > 4 && bench.gave_up.try_recv().is_err(),
        "a few failures are no end"
    );
    bench.commit(&[old("3"), old("4"), old("5"), old("6"), old("7")]);
    let start = tokio::time::Instant::now();
    while bench.waiting("c") > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let took = start.elapsed();
    assert!(took > Duration::from_mins(4) && took < Duration::from_mins(10), "{took:?}");
    let report = bench.gave_up.recv().await.expect("a report");
    assert!(["too_old", "unreachable"].contains(&&*report.class), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_a_working_channel_never_takes_is_given_up_after_a_day() {
    let mut bench = Bench::new();
    let answer = |notification: &Notification, _| {
        let is_bad = notification.id == "bad";
        (NOW, if is_bad { Err(down()) } else { Ok(Receipt::default()) })
    };
    bench.channel("c", Options::default(), answer).await;
    let start = bench.now();
    let now = |id: &str, at| {
        let told = Notification { at, group_key: id.to_owned(), ..told(id, &[("a", false)]) };
        entry("c", Severity::Info, told)
    };
    bench.commit(&[now("bad", start)]);
    for n in 0..300 {
        bench.commit(&[now(&format!("good {n}"), bench.now())]);
        tokio::time::sleep(Duration::from_mins(5)).await;
    }
    let report = bench.gave_up.try_recv().expect("a report");
    let waited = Duration::try_from(report.last_at.duration_since(start)).expect("later");
    let day = Duration::from_hours(24);
    assert!(waited >= day && waited < day + Duration::from_mins(6), "{waited:?}");
    assert_eq!((report.count, bench.waiting("c")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_refusals_are_one_report_and_delay_nobody() {
    let mut bench = Bench::with_room(1);
    bench.channel("c", Options::default(), |_, _| (NOW, Err(refused()))).await;
    let changes: Vec<_> = (0..1_000)
        .map(|n| {
            let told = notification(&format!("n{n}"), &format!("g{n}"), vec![alert("a", 1, None)]);
            entry("c", Severity::Info, told)
        })
        .collect();
    bench.commit(&changes);
    bench.until_empty("c").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (first, second) = (bench.gave_up.recv().await, bench.gave_up.recv().await);
    let counts = [first, second].map(|report| report.map_or(0, |report| report.count));
    assert!(counts[0] < 1_000 && counts[1] == 1_000, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_channel_that_is_gone_is_given_up() {
    let bench = Bench::new();
    let known = bench.channel("c", Options::default(), |_, _| (NOW, Ok(Receipt::default()))).await;
    let changes: Vec<_> = (0..1_200)
        .map(|n| {
            let told = notification(&format!("n{n}"), &format!("g{n}"), vec![alert("a", 1, None)]);
            entry("gone", Severity::Info, told)
        })
        .chain([info("1", &[("a", false)])])
        .collect();
    bench.commit(&changes);
    let delivery = bench.delivery.clone();
    let gone = tokio::task::spawn_blocking(move || delivery.abandon_others());
    let gone = gone.await.expect("it ends").expect("given up");
    assert_eq!((gone.len(), gone[0].count, &*gone[0].class), (1, 1_200, "no_channel"));
    bench.until_empty("c").await;
    assert_eq!((bench.waiting("gone"), ids(&known)), (0, vec!["1".to_owned()]));
}
