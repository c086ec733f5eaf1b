//! Thousands of alerts at once through all of alerting, with the routes that people have by default:
//! grouped, none lost, the critical ones first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use alert::config::Config;
use alert::routing::Routing;
use alert::{Channels, Engine, Start};
use model::alert::Alert;
use model::clock::{Clock, SystemClock};
use model::series::Labels;
use serde_json::json;
use store::alerts::Alerts;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::storm::most_memory_kb;
use crate::webhook::Webhook;

/// How many alerts; 10,000 is the figure in docs/performance.md.
const COUNT: &str = "ALERT_TEST_STORM";

/// Alerts of each cluster: one is critical, four are warnings, the others for information.
const EACH: usize = 10;

fn alert(number: usize) -> Alert {
    let severity = match number % EACH {
        0 => "critical",
        1..=4 => "warning",
        _ => "info",
    };
    let now = SystemClock.now();
    Alert {
        labels: Labels::new([
            ("alertname", format!("Alert{}", number % EACH)),
            ("cluster", format!("c{}", number / EACH)),
            ("instance", format!("10.0.{}.{}:2379", number / 250, number % 250)),
            ("severity", severity.to_owned()),
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
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_alerts_is_told_in_groups_and_the_critical_ones_first() {
    let count = std::env::var(COUNT).ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let clusters = count / EACH;
    let directory = TempDir::new().expect("a directory");
    let webhook = Webhook::start(0.0).await;
    let url = format!("http://127.0.0.1:{}/", webhook.port);
    let config = Config::simple(&json!({"webhook": {"url": url}})).expect("a good configuration");
    let store =
        Alerts::open(&directory.path().join("alerts.db"), store::alerts::Options::default());
    let start = Start {
        routing: Routing::new(&config, ""),
        channels: Channels::new(&config, Vec::new()).expect("good channels"),
        store: store.expect("a store"),
        clock: Arc::new(SystemClock),
        external_url: String::new(),
        config_text: String::new(),
        give_up_after: Duration::from_hours(24),
    };
    let stop = CancellationToken::new();
    let engine = Engine::start(start, stop.clone()).await.expect("it starts").0;
    let before = most_memory_kb();
    let begin = Instant::now();
    engine.receive((0..clusters * EACH).map(alert).collect()).await.expect("taken");
    let stored = begin.elapsed();
    let deadline = begin + Duration::from_mins(2);
    // Of each cluster the critical one, and ten seconds later the warnings together.
    while webhook.count() < 2 * clusters {
        assert!(Instant::now() < deadline, "{} of {}", webhook.count(), 2 * clusters);
        sleep(Duration::from_millis(10)).await;
    }
    let taken = webhook.taken();
    let since = |at: &Instant| at.duration_since(begin);
    let critical: Vec<_> = taken.iter().filter(|one| one.severity == "critical").collect();
    println!(
        "{} alerts: stored {stored:?}, {} notifications, last critical {:?}, last {:?}, most memory \
         {before:?} -> {:?} kB",
        clusters * EACH,
        taken.len(),
        critical.iter().map(|one| since(&one.at)).max(),
        taken.iter().map(|one| since(&one.at)).max(),
        most_memory_kb(),
    );
    stop.cancel();
    engine.shutdown().await;
    assert_eq!((taken.len(), critical.len()), (2 * clusters, clusters));
    assert!(taken[..clusters].iter().all(|one| one.severity == "critical"), "they come first");
    let mut told: HashMap<&str, usize> = HashMap::new();
    for one in &taken {
        *told.entry(one.severity.as_str()).or_default() += one.alerts;
    }
    assert_eq!(told, HashMap::from([("critical", clusters), ("warning", 4 * clusters)]));
}
