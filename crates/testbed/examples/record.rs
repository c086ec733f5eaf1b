//! Records the metrics of a real three-member cluster under changing load, as if each scrape came
//! 15 s after the one before: a day of them in a few minutes, to measure stores with.
//!
//! usage: `record ETCD_BINARY SCRAPES MILLISECONDS_BETWEEN`; prints OpenMetrics with timestamps that
//! end now, the series that the history keeps by default.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use etcd::{GetRequest, HttpTarget};
use model::clock::{Clock as _, SystemClock};
use testbed::Cluster;
use tokio::time::{Instant, sleep_until};

const INTERVAL_SECONDS: i64 = 15;
const DEADLINE: Duration = Duration::from_secs(5);
const MAX_PAGE_BYTES: usize = 8 << 20;
/// Loads follow one another this often within the whole.
const PHASES: usize = 24;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [binary, scrapes, between] = &arguments[..] else {
        bail!("usage: record ETCD_BINARY SCRAPES MILLISECONDS_BETWEEN");
    };
    let scrapes: usize = scrapes.parse().context("the number of scrapes is none")?;
    let between = Duration::from_millis(between.parse().context("the milliseconds are none")?);
    let cluster = Cluster::builder_with_binary(binary).members(3).start().await?;
    let begun = Instant::now();
    let phase = between * (scrapes / PHASES).max(1) as u32;
    tokio::select! {
        never = work(&cluster, begun, phase) => never,
        done = record(&cluster, scrapes, begun, between) => done,
    }
}

async fn record(
    cluster: &Cluster,
    scrapes: usize,
    begun: Instant,
    between: Duration,
) -> Result<()> {
    let page = HttpTarget::of_member("/metrics");
    let end = SystemClock.now().as_second();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for scrape in 0..scrapes {
        sleep_until(begun + between * scrape as u32).await;
        let before_end = (scrapes - scrape) as i64 * INTERVAL_SECONDS;
        for (index, member) in cluster.members().iter().enumerate() {
            let client = cluster.client_of(member);
            let reply = client.http_get(&page, DEADLINE, MAX_PAGE_BYTES).await?;
            let text = str::from_utf8(&reply.body).context("a page that is no text")?;
            let labels = format!(
                "cluster=\"recorded\",instance=\"10.0.0.{index}:2379\",job=\"etcd\",\
                 member=\"m{index}\""
            );
            for line in text.lines().filter(|line| is_kept(line)) {
                let (series, value) = line.rsplit_once(' ').context("a line without a value")?;
                let (name, own) = series.split_once('{').unwrap_or((series, "}"));
                let comma = if own == "}" { "" } else { "," };
                writeln!(out, "{name}{{{labels}{comma}{own} {value} {}", end - before_end)?;
            }
        }
    }
    writeln!(out, "# EOF")?;
    out.flush()?;
    Ok(())
}

/// As the history's allow-list has it, where a call that nobody made is not kept.
fn is_kept(line: &str) -> bool {
    const PREFIXES: [&str; 5] =
        ["etcd_", "process_", "os_fd_", "go_gc_duration_seconds", "grpc_server_handling_seconds"];
    const NAMES: [&str; 3] = ["go_goroutines ", "go_threads ", "go_info{"];
    let begins = |prefix: &&str| line.starts_with(*prefix);
    PREFIXES.iter().chain(&NAMES).any(begins)
        || line.starts_with("grpc_server_") && !line.ends_with(" 0")
        || line.starts_with("go_memstats_") && line.contains("_bytes")
}

/// Reads and writes, much and little by turns, with the upkeep that a cluster gets.
async fn work(cluster: &Cluster, begun: Instant, phase: Duration) -> Result<()> {
    /// Writes per turn, and the pause after it in milliseconds.
    const LOADS: [(u32, u64); 6] = [(1, 50), (8, 20), (0, 200), (32, 5), (2, 100), (16, 10)];
    let client = cluster.client();
    let mut written = 0_u64;
    loop {
        let number = begun.elapsed().as_millis() / phase.as_millis().max(1);
        let (writes, pause) = LOADS[number as usize % LOADS.len()];
        for _ in 0..writes {
            let key = format!("key-{}", written % 10_000);
            let value = vec![b'v'; 100 + (written * 37 % 900) as usize];
            client.put(key.clone(), value, None, DEADLINE).await?;
            client.get(GetRequest::key(key), DEADLINE).await?;
            written += 1;
            if written.is_multiple_of(20_000) {
                let member = cluster.client_of(cluster.member(0));
                let revision = member.status(DEADLINE).await?.header.revision;
                client.compact(revision, false, DEADLINE).await?;
            }
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}
