//! The configuration changes while the program runs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use testbed::{Cluster, EtcdVersion};

use crate::program::{Program, command};

/// Changes are looked for every two seconds.
const APPLIED_WITHIN: Duration = Duration::from_secs(5);

fn write(file: &Path, clusters: &[(&str, String)]) {
    let mut text = String::from("clusters:\n");
    for (name, endpoints) in clusters {
        writeln!(text, "- name: {name}\n  endpoints: [\"{endpoints}\"]").unwrap();
    }
    fs::write(file, text).unwrap();
}

fn names(clusters: &serde_json::Value) -> Vec<&str> {
    let clusters = clusters["clusters"].as_array().unwrap();
    clusters.iter().map(|cluster| cluster["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_change_leaves_the_other_clusters_as_they_are() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let there = cluster.endpoints().join(",");
    let nowhere = "127.0.0.1:1".to_owned();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("clusters.yaml");
    write(&file, &[("stays", there.clone()), ("goes", nowhere.clone())]);
    let mut command = command();
    command.arg("--config").arg(&file);
    let program = Program::start(command).await;
    let status = "/api/v1/clusters/stays/status";
    program.until("healthy", APPLIED_WITHIN, status, |status| status["state"] == "healthy").await;
    let before = program.json(status).await;

    // A new file is noticed by itself.
    write(&file, &[("stays", there.clone()), ("comes", nowhere.clone())]);
    program
        .until("the other cluster", APPLIED_WITHIN, "/api/v1/clusters", |clusters| {
            names(clusters) == ["comes", "stays"]
        })
        .await;
    let after = program.json(status).await;
    assert_eq!(after["state"], "healthy", "{after:#}");
    assert_eq!(after["leader"]["since"], before["leader"]["since"], "{after:#}");
    let events = program.json("/api/v1/clusters/stays/events").await;

    // A file with mistakes changes nothing, and the mistakes are told.
    fs::write(&file, "clusters:\n- name: stays\n  colour: red\n").unwrap();
    program.signal(Signal::HUP);
    let is_told = async || program.output().contains("clusters[0].colour");
    testbed::wait_until("the mistake", APPLIED_WITHIN, is_told).await.unwrap();
    assert_eq!(names(&program.json("/api/v1/clusters").await), ["comes", "stays"]);

    // Told to, it takes the file at once.
    write(&file, &[("stays", there)]);
    program.signal(Signal::HUP);
    program
        .until("the old cluster alone", Duration::from_secs(1), "/api/v1/clusters", |clusters| {
            names(clusters) == ["stays"]
        })
        .await;
    assert_eq!(program.json("/api/v1/clusters/stays/events").await, events);
}
