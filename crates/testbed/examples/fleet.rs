//! Runs a simulated fleet until it is told to stop: the other side of a load test.
//!
//! `cargo run --release -p testbed --example fleet -- --clusters 334 --write-config fleet.yaml`,
//! then `etcd-monitor --config fleet.yaml`.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use testbed::fleet::{Fleet, FleetConfig};

/// A simulated fleet of etcd clusters on loopback.
#[derive(Debug, Parser)]
struct Options {
    /// How many clusters
    #[arg(long, default_value_t = 1)]
    clusters: usize,
    /// How many members each cluster has
    #[arg(long, default_value_t = 3)]
    members: usize,
    /// How fast the revision of each cluster grows
    #[arg(long, default_value_t = 20.0)]
    writes_per_second: f64,
    /// How many milliseconds a member waits before it answers
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Write a configuration of etcd-monitor that names every member
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

// One thread: a load test should leave the other cores to what it measures.
#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the endpoints are the output of this program")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // Room for a listener and four clients of each member.
    raise_open_files((options.clusters * options.members * 5 + 64) as u64)?;
    let fleet = Fleet::start(&FleetConfig {
        clusters: options.clusters,
        members_per_cluster: options.members,
        writes_per_second: options.writes_per_second,
        latency: Duration::from_millis(options.latency_ms),
    })
    .context("cannot start the fleet")?;
    for cluster in fleet.clusters() {
        println!("{} {}", cluster.name(), cluster.endpoints().join(","));
    }
    if let Some(path) = options.write_config {
        std::fs::write(&path, fleet.config_yaml())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    until_told_to_stop().await.context("cannot wait for signals")
}

#[cfg(unix)]
async fn until_told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn until_told_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Makes sure that the process may open this many files, up to what the system allows it.
#[cfg(unix)]
fn raise_open_files(needed: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = limit.maximum;
    ensure!(
        maximum.is_none_or(|maximum| maximum >= needed),
        "this fleet needs {needed} open files, and the hard limit is {}: raise it (`ulimit -Hn`) or ask for fewer members",
        maximum.unwrap_or_default(),
    );
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .context("cannot raise the limit on open files")
}

#[cfg(not(unix))]
fn raise_open_files(_needed: u64) -> anyhow::Result<()> {
    Ok(())
}
