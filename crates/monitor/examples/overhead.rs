//! Measures what being watched costs a busy cluster: operations per second of clients that never
//! rest, in turns with and without a monitor.
//!
//! usage: overhead MONITOR [PAIRS] [SECONDS]   MONITOR: the etcd-monitor program; 10 pairs of 15 s
//!
//! Each pair is two runs, one after the other, the watched one first in every second pair. Exits with
//! 1 when the median of the pairs' ratios is below 0.98.
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd::{Connector, Endpoint, GetRequest, Scheme};
use testbed::{Cluster, EtcdVersion, Login};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const CLIENTS: usize = 16;
const KEYS: u64 = 2_000;
const CALL: Duration = Duration::from_secs(5);

/// A start, or an end, of the monitor is over by then.
const SETTLE: Duration = Duration::from_secs(3);

/// The least part of the operations that must be left.
const LEAST: f64 = 0.98;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| {
        arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let Some(monitor) = arguments.first() else {
        println!("usage: overhead MONITOR [PAIRS] [SECONDS]");
        return ExitCode::from(128);
    };
    let (pairs, length) = (number(1, 10), Duration::from_secs(number(2, 15)));
    let etcd = Cluster::builder(EtcdVersion::V3_5).members(3).start().await.expect("it starts");
    let done = Arc::new(AtomicU64::new(0));
    for _ in 0..CLIENTS {
        tokio::spawn(work(client_of(&etcd), Arc::clone(&done)));
    }
    sleep(SETTLE).await;
    let mut ratios = Vec::new();
    for pair in 0..pairs {
        let (mut alone, mut watched) = (0.0, 0.0);
        for is_watched in [pair % 2 == 0, pair % 2 != 0] {
            let child = is_watched.then(|| start(monitor, &etcd));
            sleep(SETTLE).await;
            let rate = measure(&done, length).await;
            *(if is_watched { &mut watched } else { &mut alone }) = rate;
            if let Some(mut child) = child {
                child.kill().await.expect("it ends");
            }
        }
        ratios.push(watched / alone);
        println!(
            "pair {:>2}: {alone:>6.0} operations/s alone, {watched:>6.0} watched, ratio {:.3}",
            pair + 1,
            watched / alone
        );
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("median ratio {median:.3} (at least {LEAST})");
    if median >= LEAST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn start(monitor: &str, etcd: &Cluster) -> Child {
    Command::new(monitor)
        .args(["--endpoints", &etcd.endpoints().join(","), "--api-port", "0"])
        .arg("--data-dir")
        .arg(etcd.dir().join("monitor"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts")
}

async fn measure(done: &AtomicU64, length: Duration) -> f64 {
    let (start, before) = (Instant::now(), done.load(Ordering::Relaxed));
    sleep(length).await;
    (done.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64()
}

fn client_of(etcd: &Cluster) -> etcd::Cluster {
    let connector = Connector::new(etcd.client_config(Login::Root)).expect("it can connect");
    let endpoint = |text: &String| Endpoint::parse(text, Scheme::Http).expect("it is one");
    connector.cluster(etcd.endpoints().iter().map(endpoint).collect())
}

async fn work(client: etcd::Cluster, done: Arc<AtomicU64>) {
    let value = vec![b'x'; 256];
    loop {
        let key = format!("overhead/{}", fastrand::u64(0..KEYS));
        let outcome = if fastrand::u8(0..10) < 7 {
            client.get(GetRequest::key(key), CALL).await.map(drop)
        } else {
            client.put(key, value.clone(), None, CALL).await.map(drop)
        };
        done.fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
    }
}
