//! Runs a real three-member cluster until it is told to stop, for measurements by scripts.
//!
//! usage: `cluster ETCD_BINARY`; prints its endpoints, comma separated, when it is ready.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]

use anyhow::{Context, Result};
use testbed::Cluster;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<()> {
    let binary = std::env::args().nth(1).context("usage: cluster ETCD_BINARY")?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let cluster = Cluster::builder_with_binary(binary).members(3).start().await?;
    println!("{}", cluster.endpoints().join(","));
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
