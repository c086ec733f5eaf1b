//! The cluster of `--demo`: three real members on this machine, gone when the program ends.

use crate::console::Console;
use crate::error::Error;

/// A running demo cluster.
#[cfg(unix)]
pub(super) struct Demo {
    cluster: testbed::Cluster,
    data_dir: tempfile::TempDir,
}

/// Starts the cluster and tells how to reach and how to break it.
#[cfg(unix)]
pub(super) async fn start(console: &Console) -> Result<Demo, Error> {
    use anyhow::Context as _;

    let binary = binary()
        .context("no etcd binary found; run scripts/etcd/get.sh --any, or set ETCD to its path")
        .map_err(Error::Demo)?;
    let cluster = testbed::Cluster::builder_with_binary(&binary)
        .members(3)
        // Without fsync there is nothing to see of the disk.
        .durable(true)
        .start()
        .await
        .map_err(|error| Error::Demo(error.into()))?;
    console.tell(&format!("demo: three members of etcd {} on loopback", cluster.version()));
    for member in cluster.members() {
        let pid = member.pid().map_or_else(|| "?".to_owned(), |pid| pid.to_string());
        console.tell(&format!("  {}  {}  pid {pid}", member.name(), member.endpoint()));
    }
    console.tell("try: kill -9, kill -STOP or kill -CONT one of them, and watch what is said");
    let data_dir = tempfile::tempdir()
        .map_err(|error| Error::System("make a directory for the demo's history", error))?;
    Ok(Demo { cluster, data_dir })
}

/// `$ETCD`, else the newest that scripts/etcd/get.sh has fetched, else `etcd` on the PATH.
#[cfg(unix)]
fn binary() -> Option<std::path::PathBuf> {
    if let Some(path) = std::env::var_os("ETCD").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let fetched = testbed::EtcdVersion::ALL.iter().rev().find_map(|version| version.binary().ok());
    fetched.or_else(|| {
        std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|directory| directory.join("etcd"))
            .find(|path| path.is_file())
    })
}

#[cfg(unix)]
impl Demo {
    /// Where its members are reached.
    pub(super) fn endpoints(&self) -> Vec<String> {
        self.cluster.endpoints()
    }

    /// Where its history is kept, unless told otherwise.
    pub(super) fn data_dir(&self) -> &std::path::Path {
        self.data_dir.path()
    }

    /// Stops its members and removes their files.
    pub(super) fn stop(self) {
        drop(self.cluster);
    }
}

/// There is none on this system.
#[cfg(not(unix))]
pub(super) enum Demo {}

/// Says so.
#[cfg(not(unix))]
pub(super) async fn start(_console: &Console) -> Result<Demo, Error> {
    Err(Error::Demo(anyhow::anyhow!("the demo needs Linux or macOS; use --endpoints")))
}

#[cfg(not(unix))]
impl Demo {
    /// Where its members are reached.
    pub(super) fn endpoints(&self) -> Vec<String> {
        match *self {}
    }

    /// Where its history is kept.
    pub(super) fn data_dir(&self) -> &std::path::Path {
        match *self {}
    }

    /// Stops its members.
    pub(super) fn stop(self) {
        match self {}
    }
}
