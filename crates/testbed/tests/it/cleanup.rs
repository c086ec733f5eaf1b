//! Nothing stays behind: neither after a drop, nor when the owner is killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion, wait_until};

#[tokio::test]
async fn a_dropped_cluster_leaves_no_process_and_no_file() {
    for version in EtcdVersion::available().into_iter().rev().take(1) {
        let cluster = Cluster::builder(version).start().await.unwrap();
        cluster.member(0).pause().await.unwrap();
        cluster.member(1).kill().await.unwrap();
        let pids: Vec<_> = cluster.members().iter().filter_map(testbed::Member::pid).collect();
        let dir = cluster.dir().to_owned();
        assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(*pid)) && dir.exists());
        drop(cluster);
        assert!(!pids.iter().any(|pid| is_alive(*pid)));
        assert!(!dir.exists());
    }
}

/// Runs this test program's `owner` below as a child, kills it, and looks for what it left.
#[tokio::test]
async fn a_cluster_whose_owner_is_killed_goes_with_it() {
    if EtcdVersion::available().is_empty() {
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cleanup::owner", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.into_iter().find_map(|line| Some(line.split_once(OWNER)?.1.to_owned()));
    let (dir, network, pids) = parse(&line.unwrap());
    assert_eq!(remains(&network), Part::Network.check().is_ok());
    assert!(dir.exists() && pids.len() == 3 && pids.iter().all(|pid| is_alive(*pid)));

    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("the sweep", Duration::from_secs(10), async || {
        !dir.exists() && !remains(&network) && !pids.iter().any(|pid| is_alive(*pid))
    })
    .await
    .unwrap();
}

/// Tells the test program to be the owner, and marks its line of output.
const OWNER: &str = "ETCD_MONITOR_TESTBED_OWNER";

/// Not a test by itself: the process that the test above kills.
#[tokio::test]
async fn owner() {
    if std::env::var_os(OWNER).is_none() {
        return;
    }
    let version = EtcdVersion::available().pop().unwrap();
    let in_namespaces = Part::Network.check().is_ok();
    let cluster = Cluster::builder(version).in_namespaces(in_namespaces).start().await.unwrap();
    cluster.member(0).pause().await.unwrap();
    let pids: Vec<_> =
        cluster.members().iter().map(|member| member.pid().unwrap().to_string()).collect();
    let network = cluster.network().unwrap_or("-".to_owned());
    println!("{OWNER}{} {network} {}", cluster.dir().display(), pids.join(" "));
    std::future::pending::<()>().await;
}

fn parse(line: &str) -> (PathBuf, String, Vec<u32>) {
    let mut words = line.split_whitespace();
    let dir = words.next().unwrap().into();
    let network = words.next().unwrap().to_owned();
    (dir, network, words.map(|pid| pid.parse().unwrap()).collect())
}

/// Whether a bridge, link or namespace of the cluster's network exists.
fn remains(network: &str) -> bool {
    let part = format!("{network}-");
    ["/sys/class/net", "/run/netns"].into_iter().any(|dir| {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.any(|name| name == network || name.starts_with(&part))
    })
}

/// Whether the process exists and is more than an entry that its parent has yet to collect.
fn is_alive(pid: u32) -> bool {
    let is_zombie = |status: String| status.lines().any(|line| line.starts_with("State:\tZ"));
    let proc = Path::new("/proc").join(pid.to_string());
    std::fs::read_to_string(proc.join("status")).is_ok_and(|status| !is_zombie(status))
}
