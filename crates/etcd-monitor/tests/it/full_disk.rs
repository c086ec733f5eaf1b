//! A disk that is full: the program goes on and says so, and the history goes on when there is space.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion};

use crate::program::Program;

const SOON: Duration = Duration::from_secs(30);

const FINDINGS: &str = "/api/v1/findings?kind=storage_paused";

/// `up` of all members over the last minute: how many samples there are.
const SAMPLES: &str = "/prometheus/api/v1/query?query=sum(count_over_time(up[1m]))";

/// A disk of some megabytes in memory; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// None, with the reason on standard error, where one may not mount.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(directory.path())
            .output();
        let reason = match mount {
            Ok(output) if output.status.success() => return Some(Self(directory)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        skip(&format!("a full disk: none can be mounted: {reason}"));
        None
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("ballast");
        std::fs::write(&path, vec![1; 8 << 20]).unwrap_err();
        assert!(free_bytes(self.0.path()) < 64 << 10);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn free_bytes(path: &Path) -> u64 {
    let found = rustix::fs::statvfs(path).unwrap();
    found.f_bavail * found.f_frsize
}

fn count(answer: &Value) -> f64 {
    let value = answer["data"]["result"][0]["value"][1].as_str();
    value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
}

#[tokio::test]
async fn a_full_disk_is_a_finding_and_the_history_goes_on_when_there_is_space() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let Some(disk) = SmallDisk::mount() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let program = Program::watch_with_data(&cluster, &disk.0).await;
    program.until_healthy().await;
    program.until("samples", SOON, SAMPLES, |answer| count(answer) >= 9.0).await;

    let ballast = disk.fill();
    let is_open = |answer: &Value| {
        let finding = &answer["findings"][0];
        finding["state"] == "open" && finding["cluster"] == "etcd-monitor"
    };
    program.until("the finding", SOON, FINDINGS, is_open).await;
    let health = program.json("/health").await;
    assert!(health["own_troubles"][0].as_str().unwrap().contains("cannot be written"), "{health}");
    assert_eq!(program.json("/api/v1/cluster/status").await["state"], "healthy");
    let then = program.json("/api/v1/metrics/current").await["members"][0]["as_of"].clone();
    let is_scraped = |answer: &Value| answer["members"][0]["as_of"] != then;
    program.until("another scrape", SOON, "/api/v1/metrics/current", is_scraped).await;

    std::fs::remove_file(ballast).unwrap();
    let is_over = |answer: &Value| answer["findings"].as_array().unwrap().is_empty();
    program.until("the end of it", SOON, FINDINGS, is_over).await;
    // What was scraped meanwhile waited in memory: nothing is missing.
    let series = program.json("/prometheus/api/v1/query?query=up[5m]").await;
    for one in series["data"]["result"].as_array().unwrap() {
        let times: Vec<f64> = one["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| pair[0].as_f64().unwrap())
            .collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] < 3.0), "{times:?}");
    }
    let closed = program.json(&format!("{FINDINGS}&state=closed")).await;
    assert_eq!(closed["findings"][0]["kind"], "storage_paused", "{closed}");
}
