//! A storm: thousands of notifications at once for three channels, a tenth of them critical.

use std::sync::Arc;
use std::time::Duration;

use alert::delivery::{ChannelId, Delivery, Options};
use model::alert::Alert;
use model::clock::{Clock, SystemClock};
use model::notification::{Notification, Reason};
use model::series::Labels;
use model::severity::Severity;
use store::alerts::{AlertState, Alerts, Change, NewEntry, Transition};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::receiver::{Line, Receiver};

/// How many notifications for each channel; 10,000 is the figure in docs/performance.md.
const COUNT: &str = "ALERT_TEST_STORM";

const CHANNELS: [&str; 3] = ["a", "b", "c"];

fn changes(n: usize) -> Vec<Change> {
    let (severity, urgency) = match n % 10 {
        0 => ("critical", Severity::Critical),
        1..=4 => ("warning", Severity::Warning),
        _ => ("info", Severity::Info),
    };
    let now = SystemClock.now();
    let instance = format!("m{n}");
    let alert = Alert {
        labels: Labels::new([
            ("alertname", "MemberDown"),
            ("cluster", "prod"),
            ("instance", &*instance),
            ("severity", severity),
        ]),
        annotations: Labels::new([
            ("summary", "a member of the cluster does not answer"),
            ("description", "its process ended, or the network between it and the monitor did"),
            ("runbook_url", "https://runbooks/etcd/member-down"),
        ]),
        starts_at: now,
        ends_at: None,
        updated_at: now,
        generator_url: "http://monitor/findings/1".to_owned(),
        hidden: None,
    };
    let notification = Arc::new(Notification {
        id: format!("n{n}"),
        receiver: "oncall".to_owned(),
        group_key: format!("{{}}:{{instance=\"m{n}\"}}"),
        group_labels: Labels::new([("instance", &*instance)]),
        alerts: vec![alert.clone()],
        truncated: 0,
        reason: Reason::FirstNotification,
        at: now,
        external_url: "http://monitor".to_owned(),
        acknowledged_by: None,
    });
    let mut changes = vec![
        Change::Transition(Transition::of(&alert, None, AlertState::Firing, now, "it fires")),
        Change::Alert(alert),
    ];
    changes.extend(CHANNELS.map(|channel| {
        let notification = Arc::clone(&notification);
        Change::Enqueue(NewEntry { channel: channel.to_owned(), urgency, notification })
    }));
    changes
}

/// The most memory that this process ever had, in kB; none where the system does not say.
pub(crate) fn most_memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_the_critical_ones_come_first() {
    let count = std::env::var(COUNT).ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("alerts.db");
    let store = Alerts::open(&path, store::alerts::Options::default()).expect("a store");
    let receiver = Receiver::start(0.0).await;
    let (gave_up, _reports) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let delivery = Delivery::new(store.clone(), Arc::new(SystemClock), gave_up, stop);
    for name in CHANNELS {
        let id = ChannelId { receiver: "oncall".to_owned(), channel: name.to_owned() };
        delivery.start(id, Line::new(name, receiver.address), Options::default()).await;
    }
    let all: Vec<Change> = (0..count).flat_map(changes).collect();
    let before = most_memory_kb();
    let start = Instant::now();
    let commit = store.clone();
    tokio::task::spawn_blocking(move || commit.commit(&all)).await.expect("done").expect("stored");
    let stored = start.elapsed();
    delivery.wake();
    let deadline = start + Duration::from_mins(2);
    let wanted = count * CHANNELS.len();
    while receiver.count() < wanted {
        assert!(Instant::now() < deadline, "{} of {wanted}", receiver.count());
        sleep(Duration::from_millis(5)).await;
    }
    let taken = receiver.taken();
    let critical: Vec<Duration> = taken
        .iter()
        .filter(|one| one.severity == "critical")
        .map(|one| one.at.duration_since(start))
        .collect();
    println!(
        "{count} for each of 3 channels: stored {stored:?}, last critical {:?}, last {:?}, \
         most memory {before:?} -> {:?} kB",
        critical.iter().max(),
        taken.last().map(|one| one.at.duration_since(start)),
        most_memory_kb(),
    );
    delivery.shutdown().await;
    assert_eq!(store.waiting().expect("read"), []);
    for name in CHANNELS {
        let of: Vec<&str> = taken
            .iter()
            .filter(|one| one.receiver_channel == name)
            .map(|one| &*one.severity)
            .collect();
        // Four are under way at once, so neighbours may change places.
        let critical = count.div_ceil(10);
        assert!(of[..critical - 4].iter().all(|severity| *severity == "critical"), "{name}");
        assert!(of[critical + 4..].iter().all(|severity| *severity != "critical"), "{name}");
    }
}
