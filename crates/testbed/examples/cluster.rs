//! Runs a real cluster until it is told to stop, for measurements by scripts.
//!
//! usage: `cluster ETCD_BINARY [MEMBERS]`, three when not given; prints its endpoints, comma separated, when it is ready.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]

use anyhow::{Context, Result};
use testbed::Cluster;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<()> {
    let binary = std::env::args().nth(1).context("usage: cluster ETCD_BINARY [MEMBERS]")?;
    let members = match std::env::args().nth(2) {
        Some(members) => members.parse().context("the number of members is not a number")?,
        None => 3,
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let cluster = Cluster::builder_with_binary(binary).members(members).start().await?;
    println!("{}", cluster.endpoints().join(","));
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
