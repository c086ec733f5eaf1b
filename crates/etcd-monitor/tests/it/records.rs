//! What happened is still known after the program was killed and started again.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Cluster, EtcdVersion, wait_until};
use tokio::time::timeout;

use crate::http::EventStream;
use crate::program::{Program, command};

const SOON: Duration = Duration::from_secs(20);

const FINDINGS: &str = "/api/v1/findings?kind=member_down";
const CLOSED: &str = "/api/v1/findings?kind=member_down&state=closed&text=IS%20DOWN&limit=1";

async fn kill(mut program: Program) {
    program.signal(Signal::KILL);
    program.ended(Duration::from_secs(5)).await;
}

/// All events, oldest first, gathered page by page.
async fn all_events(program: &Program) -> Vec<Value> {
    let mut path = "/api/v1/events?limit=2".to_owned();
    let mut events = Vec::new();
    loop {
        let page = program.json(&path).await;
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        let Some(before) = page["next_before"].as_u64() else { break };
        path = format!("/api/v1/events?limit=2&before={before}");
    }
    events.reverse();
    events
}

fn sequence(event: &Value) -> u64 {
    event["sequence"].as_u64().unwrap()
}

/// Watches a cluster through a new learner and the loss of its leader.
async fn watch_bad_times(cluster: &mut Cluster, program: &Program) {
    program.until_healthy().await;
    cluster.add_learner().await.unwrap();
    let is_added = |answer: &Value| answer["history"][0]["kind"].is_string();
    program.until("the learner", SOON, "/api/v1/cluster/members", is_added).await;
    cluster.leader().await.unwrap().kill().await.unwrap();
    let is_down = |answer: &Value| answer["findings"][0]["state"] == "open";
    program.until("the finding", SOON, FINDINGS, is_down).await;
    let is_elected = |answer: &Value| answer["leader"]["seen_elected"] == true;
    program.until("the new leader", SOON, "/api/v1/cluster/leader", is_elected).await;
    // The present is shown at once; an event is told when it, and what it tells of, is on disk.
    for told in ["kind=finding_opened&text=is%20down", "kind=leader_elected"] {
        let is_told = |answer: &Value| answer["events"][0]["sequence"].is_u64();
        program.until("the event", SOON, &format!("/api/v1/events?{told}"), is_told).await;
    }
}

#[tokio::test]
async fn killed_in_bad_times_it_goes_on_where_it_was() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let mut cluster = Cluster::builder(version).start().await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let program = Program::watch_with_data(&cluster, &data_dir).await;
    watch_bad_times(&mut cluster, &program).await;
    let leader = program.json("/api/v1/cluster/leader").await;
    let members = program.json("/api/v1/cluster/members").await;
    let finding = program.json(FINDINGS).await["findings"][0].clone();
    let before = all_events(&program).await;
    kill(program).await;

    let program = Program::watch_with_data(&cluster, &data_dir).await;
    let is_open = |answer: &Value| {
        let found = &answer["findings"][0];
        found["state"] == "open" && found["since"] == finding["since"]
    };
    program.until("the same finding", SOON, FINDINGS, is_open).await;
    let is_same = |answer: &Value| {
        let (now, then) = (&answer["leader"], &leader["leader"]);
        ["member", "term", "since", "seen_elected"].iter().all(|key| now[key] == then[key])
    };
    program.until("the same leader", SOON, "/api/v1/cluster/leader", is_same).await;
    let again = program.json("/api/v1/cluster/leader").await;
    assert_eq!(again["history"], leader["history"]);
    assert_eq!(again["changes_total"], leader["changes_total"]);
    let again = program.json("/api/v1/cluster/members").await;
    assert_eq!(again["history"], members["history"]);
    for (path, history) in [("leader", &leader["history"]), ("members", &members["history"])] {
        let page = program.json(&format!("/api/v1/clusters/test/{path}/history")).await;
        assert_eq!(page["changes"], *history);
    }

    let after = all_events(&program).await;
    assert_eq!(after[..before.len()], before);
    assert!(after.is_sorted_by(|one, other| sequence(one) < sequence(other)));
    let told_twice = after[before.len()..].iter().any(|event| event["kind"] == "finding_opened");
    assert!(!told_twice, "{after:#?}");
    // A client from before the restart gets what it missed, and nothing else.
    let seen = &before[before.len() - 3];
    let mut stream =
        EventStream::open_after(program.authority(), "/api/v1/stream", sequence(seen)).await;
    for missed in &after[before.len() - 2..] {
        let (_, event) = timeout(SOON, stream.next()).await.expect("soon").expect("an event");
        assert_eq!(event, *missed);
    }
    let found = program.json("/api/v1/events?text=WAS%20ADDED&severity=info").await;
    assert_eq!(found["events"][0]["kind"], "member_added", "{found:#}");
    kill(program).await;
    the_end_of_a_finding_that_nobody_saw_is_told(&cluster, &data_dir, &finding).await;
}

async fn the_end_of_a_finding_that_nobody_saw_is_told(
    cluster: &Cluster,
    data_dir: &TempDir,
    finding: &Value,
) {
    let dead = cluster.members().iter().find(|member| !member.is_running()).unwrap();
    dead.restart().await.unwrap();
    let is_back = async || cluster.client_of(dead).status(SOON).await.is_ok();
    cluster.wait_until("the member", SOON, is_back).await.unwrap();

    let program = Program::watch_with_data(cluster, data_dir).await;
    let is_closed = |answer: &Value| answer["findings"][0]["state"] == "closed";
    program.until("its end", SOON, CLOSED, is_closed).await;
    let closed = program.json(CLOSED).await["findings"][0].clone();
    assert_eq!(closed["since"], finding["since"]);
    let evidence = closed["evidence"].as_array().unwrap().last().unwrap();
    assert!(evidence["observed"].as_str().unwrap().contains("nobody saw"), "{closed:#}");
    assert_eq!(program.json(FINDINGS).await["findings"], Value::Array(Vec::new()));
    let overlapping = format!("{CLOSED}&to={}", finding["since"].as_str().unwrap());
    assert_eq!(program.json(&overlapping).await["findings"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_damaged_file_of_records_does_not_keep_it_from_watching() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    std::fs::write(data_dir.path().join("records.db"), "what is this? ".repeat(1_000)).unwrap();
    let program = Program::watch_with_data(&cluster, &data_dir).await;
    program.until_healthy().await;
    assert!(data_dir.path().join("records.damaged-0").exists());
    let output = program.output();
    assert!(output.contains("records.db") && output.contains("records.damaged-0"), "{output}");
}

#[tokio::test]
async fn a_member_that_goes_in_a_maintenance_window_is_told_for_information() {
    testbed::on(EtcdVersion::V3_6, async |version| {
        let cluster = Cluster::builder(version).members(3).start().await.unwrap();
        let data_dir = tempfile::tempdir().unwrap();
        let program = Program::watch_with_data(&cluster, &data_dir).await;
        let start = ["maintenance", "start", "test", "--for", "5m", "--why", "disk swap"];
        let mut command = command();
        let outcome = command.args(start).arg("--data-dir").arg(data_dir.path()).output().await;
        assert!(outcome.unwrap().status.success());
        let status = || program.json("/api/v1/cluster/status");
        let in_window = async || status().await["maintenance"]["why"] == "disk swap";
        wait_until("the window", SOON, in_window).await.unwrap();
        cluster.member(2).kill().await.unwrap();
        let is_told = async || {
            let status = status().await;
            let findings = status["findings"].as_array().unwrap();
            findings.iter().any(|finding| {
                finding["kind"] == "member_down"
                    && finding["state"] == "open"
                    && finding["severity"] == "info"
                    && finding["expected"].as_str().is_some_and(|why| why.ends_with("disk swap"))
            })
        };
        wait_until("the finding", SOON, is_told).await.unwrap();
    })
    .await;
}
