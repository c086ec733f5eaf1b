//! What the program finds wrong with itself: that it does not see, and that its files are damaged.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use testbed::{Cluster, EtcdVersion};
use tokio::time::sleep;

use crate::program::{Program, command};

const SOON: Duration = Duration::from_secs(30);

const BLIND: &str = "/api/v1/findings?kind=monitor_blind";
const DAMAGED: &str = "/api/v1/findings?kind=storage_damaged";

/// More than three of its looks at itself.
const FROZEN_FOR: Duration = Duration::from_secs(8);

/// The first finding, open and of the program itself, with this in its summary.
fn is_open(answer: &Value, part: &str) -> bool {
    let finding = &answer["findings"][0];
    finding["state"] == "open"
        && finding["cluster"] == "etcd-monitor"
        && finding["summary"].as_str().is_some_and(|summary| summary.contains(part))
}

fn is_over(answer: &Value) -> bool {
    answer["findings"].as_array().is_some_and(Vec::is_empty)
}

#[tokio::test]
async fn that_it_is_cut_off_and_that_it_was_frozen_is_told() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let one = Cluster::builder(version).members(1).start().await.unwrap();
    let other = Cluster::builder(version).members(1).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("clusters.yaml");
    let entry = |name, of: &Cluster| {
        format!("- name: {name}\n  endpoints: [\"{}\"]\n", of.endpoints().join(","))
    };
    let text = format!("clusters:\n{}{}", entry("one", &one), entry("other", &other));
    fs::write(&file, text).unwrap();
    let mut command = command();
    command.arg("--config").arg(&file).arg("--data-dir").arg(directory.path().join("data"));
    let program = Program::start(command).await;
    let are_known = |answer: &Value| {
        let clusters = answer["clusters"].as_array().unwrap();
        clusters.len() == 2 && clusters.iter().all(|cluster| cluster["leader"].is_object())
    };
    program.until("both clusters", SOON, "/api/v1/clusters", are_known).await;

    for of in [&one, &other] {
        of.member(0).kill().await.unwrap();
    }
    let is_told = |answer: &Value| is_open(answer, "2 of 2 clusters do not answer");
    program.until("that it is cut off", SOON, BLIND, is_told).await;
    for of in [&one, &other] {
        of.member(0).restart().await.unwrap();
    }
    program.until("that it sees again", SOON, BLIND, is_over).await;
    let closed = program.json(&format!("{BLIND}&state=closed")).await;
    assert_eq!(closed["findings"][0]["kind"], "monitor_blind", "{closed:#}");

    program.signal(Signal::STOP);
    sleep(FROZEN_FOR).await;
    program.signal(Signal::CONT);
    // It goes on being told for a minute.
    let is_told = |answer: &Value| is_open(answer, "the monitor did not run for");
    program.until("that it was frozen", SOON, BLIND, is_told).await;
}

#[tokio::test]
async fn a_file_with_a_flipped_bit_is_told_until_it_is_restored() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let path = data_dir.path().join("records.db");
    let run = async |check: &dyn Fn(&Value) -> bool| {
        let mut program = Program::watch_with_data(&cluster, &data_dir).await;
        program.until("its findings", SOON, DAMAGED, check).await;
        let known = "/api/v1/cluster/status";
        let is_led = |status: &Value| status["leader"]["member"]["id"].is_string();
        program.until("the cluster is watched", SOON, known, is_led).await;
        let found = program.json(DAMAGED).await;
        program.signal(Signal::TERM);
        assert!(program.ended(SOON).await.success(), "{}", program.output());
        found
    };
    let found = run(&is_over).await;
    assert!(is_over(&found), "{found:#}");
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[0] ^= 1;
    fs::write(&path, damaged).unwrap();
    let found = run(&|answer| is_open(answer, "files in the data directory are damaged")).await;
    let finding = &found["findings"][0];
    assert_eq!(finding["severity"], "warning", "{found:#}");
    let observed = finding["evidence"][0]["observed"].as_str().unwrap();
    assert!(observed.contains("records.damaged-0"), "{found:#}");
    fs::write(&path, whole).unwrap();
    let found = run(&is_over).await;
    assert!(is_over(&found), "{found:#}");
}
