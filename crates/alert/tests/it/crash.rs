//! A process that is killed while 1,000 alerts fire and are over, and its receiver fails at random.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use alert::delivery::{ChannelId, Delivery, Options};
use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::clock::{Clock, SystemClock};
use model::notification::{Notification, Reason};
use model::series::Labels;
use model::severity::Severity;
use store::alerts::{AlertState, Alerts, Change, NewEntry, Transition, TransitionQuery};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::receiver::{Line, Receiver};

const DIRECTORY: &str = "ALERT_TEST_DIRECTORY";
const ADDRESS: &str = "ALERT_TEST_ADDRESS";
/// Set for the last start: nothing new comes, and the process ends when all is delivered.
const IS_LAST: &str = "ALERT_TEST_IS_LAST";
const KILLS: &str = "ALERT_TEST_KILLS";

const ALERTS: u64 = 1_000;

/// Transitions of one transaction.
const EACH: u64 = 50;

/// No more transitions come while so many notifications wait.
const MAX_WAITING: u64 = 1_000;

/// The n-th transition: alert after alert fires, then one after the other is over, and again.
fn transition(n: u64) -> [Change; 3] {
    let (number, round) = (n % ALERTS, n / ALERTS);
    let is_over = round % 2 == 1;
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000);
    let at = |round: u64| start + SignedDuration::from_secs(round as i64);
    let (name, group) = (format!("Alert{number}"), format!("g{number}"));
    let alert = Alert {
        labels: Labels::new([("alertname", &*name), ("severity", "critical")]),
        annotations: Labels::default(),
        starts_at: at(round - u64::from(is_over)),
        ends_at: is_over.then(|| at(round)),
        updated_at: at(round),
        generator_url: String::new(),
        hidden: None,
    };
    let notification = Notification {
        id: format!("t{n}"),
        receiver: "oncall".to_owned(),
        group_key: group,
        group_labels: Labels::default(),
        alerts: vec![alert.clone()],
        truncated: 0,
        reason: if is_over { Reason::AllResolved } else { Reason::FirstNotification },
        // Not the time of the alert: it must not be over age.
        at: SystemClock.now(),
        external_url: String::new(),
        acknowledged_by: None,
    };
    let to = if is_over { AlertState::Resolved } else { AlertState::Firing };
    let change = Transition::of(&alert, None, to, notification.at, "");
    let entry = NewEntry {
        channel: "line".to_owned(),
        urgency: Severity::Critical,
        notification: Arc::new(notification),
    };
    [Change::Transition(change), Change::Alert(alert), Change::Enqueue(entry)]
}

fn open(directory: &Path) -> Alerts {
    let options = store::alerts::Options::default();
    Alerts::open(&directory.join("alerts.db"), options).expect("a store")
}

fn transitions(store: &Alerts) -> u64 {
    store.count_transitions(&TransitionQuery::default()).expect("counted")
}

fn waiting(store: &Alerts) -> u64 {
    store.waiting().expect("read").first().map_or(0, |waiting| waiting.count)
}

/// Not a test of its own: the process that [`nothing_is_lost_however_often_the_process_dies`] kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Some(directory), Ok(address)) = (std::env::var_os(DIRECTORY), std::env::var(ADDRESS))
    else {
        return;
    };
    let address: SocketAddr = address.parse().expect("an address");
    let is_last = std::env::var_os(IS_LAST).is_some();
    let store = open(Path::new(&directory));
    let (gave_up, _reports) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let delivery = Delivery::new(store.clone(), Arc::new(SystemClock), gave_up, stop);
    let id = ChannelId { receiver: "oncall".to_owned(), channel: "line".to_owned() };
    // Short waits, so that the test is short.
    let (backoff, max_backoff) = (Duration::from_millis(20), Duration::from_millis(200));
    let options = Options { backoff, max_backoff, ..Options::default() };
    delivery.start(id, Line::new("line", address), options).await;
    let mut next = transitions(&store);
    loop {
        let waiting = waiting(&store);
        if is_last && waiting == 0 {
            break;
        }
        if is_last || waiting > MAX_WAITING {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        let changes: Vec<Change> = (next..next + EACH).flat_map(transition).collect();
        let commit = store.clone();
        let commit = tokio::task::spawn_blocking(move || commit.commit(&changes));
        commit.await.expect("it ends").expect("committed");
        next += EACH;
        delivery.wake();
    }
    delivery.shutdown().await;
}

fn start(directory: &Path, address: SocketAddr, is_last: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "crash::child"])
        .env(DIRECTORY, directory)
        .env(ADDRESS, address.to_string())
        .stdout(Stdio::null());
    if is_last {
        command.env(IS_LAST, "1");
    }
    command.spawn().expect("a child")
}

async fn until(what: &str, mut is_done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !is_done() {
        assert!(Instant::now() < deadline, "waited for {what}");
        sleep(Duration::from_micros(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_however_often_the_process_dies() {
    let kills = std::env::var(KILLS).ok().and_then(|count| count.parse().ok()).unwrap_or(10);
    let directory = TempDir::new().expect("a directory");
    let receiver = Receiver::start(0.3).await;
    let begin = Instant::now();
    let mut known = 0;
    for round in 0..kills {
        let mut child = start(directory.path(), receiver.address, false);
        // So much later that something was delivered, at any moment of whatever it does then.
        let wanted = receiver.count() + fastrand::usize(200..1_500);
        until("deliveries", || receiver.count() >= wanted).await;
        sleep(Duration::from_micros(fastrand::u64(..20_000))).await;
        child.kill().expect("killed");
        child.wait().expect("ended");
        let store = open(directory.path());
        let count = transitions(&store);
        assert!(count >= known && count.is_multiple_of(EACH), "round {round}: {count} {known}");
        assert_eq!(store.damage(), Vec::<String>::new());
        known = count;
    }
    let mut child = start(directory.path(), receiver.address, true);
    let mut ended: Option<ExitStatus> = None;
    until("the end", || {
        ended = child.try_wait().expect("asked");
        ended.is_some()
    })
    .await;
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");

    let store = open(directory.path());
    let count = transitions(&store);
    assert_eq!(waiting(&store), 0);
    let taken = receiver.taken();
    let mut times: HashMap<u64, u64> = HashMap::new();
    let mut last: HashMap<String, u64> = HashMap::new();
    for one in &taken {
        let n: u64 = one.id.strip_prefix('t').and_then(|n| n.parse().ok()).expect("one of ours");
        let is_over = n / ALERTS % 2 == 1;
        assert_eq!(one.status, if is_over { "resolved" } else { "firing" }, "{one:?}");
        *times.entry(n).or_default() += 1;
        // Of a group each transition follows the one before it; the last one may come once more.
        let before = last.insert(one.group.clone(), n);
        let is_next = before.is_none_or(|before| n == before || n == before + ALERTS);
        assert!(is_next, "{} after {before:?}", one.id);
        assert!(before.is_some() || !is_over, "{} is over and never fired", one.id);
    }
    let lost: Vec<u64> = (0..count).filter(|n| !times.contains_key(n)).collect();
    assert_eq!(lost, Vec::<u64>::new(), "lost of {count}");
    let twice = times.values().filter(|times| **times > 1).count();
    let share = twice as f64 / count as f64;
    println!(
        "{kills} kills in {:?}: {count} transitions, {} taken, {twice} twice ({:.2} %)",
        begin.elapsed(),
        taken.len(),
        share * 100.0,
    );
    assert!(share <= 0.01, "{twice} of {count} twice");
}
