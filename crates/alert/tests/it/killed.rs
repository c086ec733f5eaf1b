//! All of alerting in a process that is killed while 1,000 alerts fire and are over, and their webhook
//! fails at random: what sources handed over is told, in order, and hardly ever twice.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use alert::config::Config;
use alert::routing::Routing;
use alert::{Channels, Engine, Start};
use jiff::Timestamp;
use model::alert::{Alert, Fingerprint};
use model::clock::{Clock, SystemClock};
use model::series::Labels;
use store::alerts::{AlertState, Alerts, TransitionQuery};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::webhook::Webhook;

const DIRECTORY: &str = "ENGINE_TEST_DIRECTORY";
const PORT: &str = "ENGINE_TEST_PORT";
/// Set for the last start: no alert changes any more, and the process ends when all is delivered.
const IS_LAST: &str = "ENGINE_TEST_IS_LAST";
const KILLS: &str = "ENGINE_TEST_KILLS";

const ALERTS: usize = 1_000;

/// The part of all requests that the webhook refuses.
const FAILING: f64 = 0.3;

/// Alerts that change together.
const EACH: usize = 50;

/// No more of them change while so many notifications wait.
const MAX_WAITING: u64 = 500;

fn open(directory: &Path) -> Alerts {
    let options = store::alerts::Options::default();
    Alerts::open(&directory.join("alerts.db"), options).expect("a store")
}

fn waiting(store: &Alerts) -> u64 {
    store.waiting().expect("read").iter().map(|waiting| waiting.count).sum()
}

async fn engine(store: Alerts, port: &str, stop: CancellationToken) -> Engine {
    let config = format!(
        "
route:
  receiver: oncall
  group_by: [alertname]
  group_wait: 0s
  group_interval: 500ms
receivers:
  - name: oncall
    webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]
"
    );
    let config = Config::parse(&config).expect("a good configuration");
    let start = Start {
        routing: Routing::new(&config, ""),
        channels: Channels::new(&config, Vec::new()).expect("good channels"),
        store,
        clock: Arc::new(SystemClock),
        external_url: String::new(),
        config_text: String::new(),
        give_up_after: Duration::from_hours(24),
    };
    Engine::start(start, stop).await.expect("it starts").0
}

fn labels(number: usize) -> Labels {
    Labels::new([("alertname", format!("Alert{number}")), ("severity", "critical".to_owned())])
}

fn firing(number: usize) -> Alert {
    // The store keeps microseconds.
    let now = SystemClock.now().as_microsecond();
    let now = Timestamp::from_microsecond(now).expect("a moment");
    Alert {
        labels: labels(number),
        annotations: Labels::default(),
        starts_at: now,
        ends_at: None,
        updated_at: now,
        generator_url: String::new(),
        hidden: None,
    }
}

/// The next state of those alerts whose last one was decided on: as a source that knows nothing of what
/// became of its alerts before, such as one that was itself killed, would tell it.
fn next(store: &Alerts) -> Vec<Alert> {
    let saved = store.load().expect("read");
    let on: HashMap<Fingerprint, Alert> =
        saved.alerts.into_iter().map(|alert| (alert.fingerprint(), alert)).collect();
    let told: HashSet<Fingerprint> = saved.sent.into_iter().flat_map(|sent| sent.firing).collect();
    let mut next: Vec<Alert> = (0..ALERTS)
        .filter_map(|number| {
            let fingerprint = Fingerprint::of(&labels(number));
            match (on.get(&fingerprint), told.contains(&fingerprint)) {
                (None, false) => Some(firing(number)),
                (Some(alert), true) if alert.ends_at.is_none() => {
                    Some(Alert { ends_at: Some(SystemClock.now()), ..alert.clone() })
                }
                _ => None,
            }
        })
        .collect();
    fastrand::shuffle(&mut next);
    next.truncate(EACH);
    next
}

/// What distinguishes a transition from every other one.
type Told = (String, String, &'static str);

fn identity(alert: &Alert) -> Told {
    let name = alert.labels.get("alertname").unwrap_or_default().to_owned();
    let state = if alert.ends_at.is_some() { "resolved" } else { "firing" };
    (name, alert.starts_at.to_string(), state)
}

fn journal(directory: &Path) -> PathBuf {
    directory.join("journal")
}

/// Not a test of its own: the process that [`what_sources_hand_over_is_told_whenever_all_of_it_dies`]
/// kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Some(directory), Ok(port)) = (std::env::var_os(DIRECTORY), std::env::var(PORT)) else {
        return;
    };
    let is_last = std::env::var_os(IS_LAST).is_some();
    let journal = journal(Path::new(&directory));
    let mut journal = OpenOptions::new().append(true).create(true).open(journal).expect("a file");
    let store = open(Path::new(&directory));
    let stop = CancellationToken::new();
    let engine = engine(store.clone(), &port, stop.clone()).await;
    loop {
        if waiting(&store) > if is_last { 0 } else { MAX_WAITING } {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        let look = store.clone();
        let changes = tokio::task::spawn_blocking(move || next(&look)).await.expect("it ends");
        // Then the last state of each alert was decided on and told.
        if is_last && settled(&store) {
            break;
        }
        if is_last || changes.is_empty() {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        let mut lines = String::new();
        for (name, start, state) in changes.iter().map(identity) {
            writeln!(lines, "{name} {start} {state}").expect("invariant: a string takes all");
        }
        engine.receive(changes).await.expect("taken");
        journal.write_all(lines.as_bytes()).expect("written");
    }
    stop.cancel();
    engine.shutdown().await;
}

/// Whether nothing is left to decide on.
fn settled(store: &Alerts) -> bool {
    let saved = store.load().expect("read");
    let on: HashSet<Fingerprint> = saved.alerts.iter().map(Alert::fingerprint).collect();
    let told: HashSet<Fingerprint> = saved.sent.into_iter().flat_map(|sent| sent.firing).collect();
    on == told && saved.alerts.iter().all(|alert| alert.ends_at.is_none()) && waiting(store) == 0
}

fn start(directory: &Path, port: u16, is_last: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "killed::child"])
        .env(DIRECTORY, directory)
        .env(PORT, port.to_string())
        .stdout(Stdio::null());
    if is_last {
        command.env(IS_LAST, "1");
    }
    command.spawn().expect("a child")
}

async fn until(what: &str, mut is_done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(3);
    while !is_done() {
        assert!(Instant::now() < deadline, "waited for {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Every transition that is on record, by the alert's name, the oldest first.
fn on_record(store: &Alerts) -> HashMap<String, Vec<&'static str>> {
    let mut all = Vec::new();
    let mut query = TransitionQuery::default();
    loop {
        let page = store.transitions(&query, 10_000).expect("read");
        all.extend(page.items.into_iter().map(|(_, transition)| transition));
        query.before = page.next_before;
        if query.before.is_none() {
            break;
        }
    }
    let mut states: HashMap<String, Vec<&'static str>> = HashMap::new();
    for transition in all.into_iter().rev() {
        let name = transition.labels.get("alertname").unwrap_or_default().to_owned();
        assert!(matches!(transition.to, AlertState::Firing | AlertState::Resolved));
        states.entry(name).or_default().push(transition.to.as_str());
    }
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sources_hand_over_is_told_whenever_all_of_it_dies() {
    let kills = std::env::var(KILLS).ok().and_then(|count| count.parse().ok()).unwrap_or(3);
    let directory = TempDir::new().expect("a directory");
    let webhook = Webhook::start(FAILING).await;
    let begin = Instant::now();
    for _ in 0..kills {
        let mut child = start(directory.path(), webhook.port, false);
        let wanted = webhook.count() + fastrand::usize(300..1_200);
        until("deliveries", || webhook.count() >= wanted).await;
        sleep(Duration::from_micros(fastrand::u64(..20_000))).await;
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert_eq!(open(directory.path()).damage(), Vec::<String>::new());
    }
    // Well again, or what failed often would be waited for for a minute.
    webhook.set_failing(0.0);
    let mut child = start(directory.path(), webhook.port, true);
    let mut ended = None;
    until("the end", || {
        ended = child.try_wait().expect("asked");
        ended.is_some()
    })
    .await;
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");

    let taken = webhook.taken();
    let mut told: HashMap<String, Vec<(Timestamp, &str)>> = HashMap::new();
    let mut twice = 0_usize;
    for one in &taken {
        let of_alert = told.entry(one.alert.clone()).or_default();
        let is = (one.starts_at, one.status.as_str());
        if of_alert.contains(&is) {
            // What was under way when it died may come once more, before anything later.
            assert_eq!(of_alert.last(), Some(&is), "{} is out of order", one.alert);
            twice += 1;
            continue;
        }
        match is.1 {
            "firing" => {
                assert!(of_alert.last().is_none_or(|(_, status)| *status == "resolved"), "{one:?}");
            }
            _ => assert_eq!(of_alert.last(), Some(&(is.0, "firing")), "{one:?}"),
        }
        of_alert.push(is);
    }
    // None is lost of those that are on record, and those that sources were told to be safe are.
    let recorded = on_record(&open(directory.path()));
    assert_eq!(told.len(), recorded.len());
    for (alert, recorded) in &recorded {
        let told: Vec<&str> = told[alert].iter().map(|(_, status)| *status).collect();
        assert_eq!(&told, recorded, "{alert}");
    }
    let journal = std::fs::read_to_string(journal(directory.path())).expect("a journal");
    for line in journal.lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        let [alert, start, status] = parts[..] else { panic!("{line:?}") };
        let start: Timestamp = start.parse().expect("a moment");
        assert!(told[alert].contains(&(start, status)), "{line:?} was taken, and never told");
    }
    let transitions = told.values().map(Vec::len).sum::<usize>();
    let share = twice as f64 / transitions as f64;
    println!(
        "{kills} kills in {:?}: {transitions} transitions, {} requests refused, {twice} told twice \
         ({:.2} %)",
        begin.elapsed(),
        webhook.refused(),
        share * 100.0,
    );
    assert!(share <= 0.01, "{twice} of {transitions} twice");
}
