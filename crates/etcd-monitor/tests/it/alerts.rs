//! The whole chain on a live cluster: a member is killed, somebody is told, takes care of it, and is
//! told that it is over; with amtool beside it, and without a secret anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, programs};
use tokio::process::Command;

use crate::hook::Hook;
use crate::http;
use crate::program::{self, Program};

/// What must not be seen anywhere.
const SECRET: &str = "hunter2-in-the-path";

const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// Writes the configuration of a monitor of `cluster` that tells `hook`.
fn configure(cluster: &Cluster, hook: &Hook, directory: &TempDir) -> PathBuf {
    let config = json!({
        "clusters": [{"name": "test", "endpoints": cluster.endpoints()}],
        "data_dir": directory.path().join("data"),
        "alerts": {
            "webhook": {
                "url": format!("http://{}/{SECRET}", hook.address()),
                "http_config": {"basic_auth": {"username": "me", "password": SECRET}},
            },
        },
    });
    let file = directory.path().join("config.yaml");
    fs::write(&file, config.to_string()).unwrap();
    file
}

/// A monitor of `cluster` that tells `hook`.
async fn start(cluster: &Cluster, hook: &Hook, directory: &TempDir) -> Program {
    let mut command = program::command();
    command.arg("--config").arg(configure(cluster, hook, directory));
    Program::start(command).await
}

/// Runs the program as a client of `program`.
async fn ask(program: &Program, arguments: &[&str]) -> Output {
    let mut command = program::command();
    command.args(arguments).args(["--url", &format!("http://{}", program.authority())]);
    command.output().await.unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn is_down(notification: &Value, status: &str) -> bool {
    notification["status"] == status
        && notification["commonLabels"]["alertname"] == "EtcdMemberDown"
}

async fn a_killed_member_is_told_acknowledged_and_told_to_be_back(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    let hook = Hook::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut program = start(&cluster, &hook, &directory).await;
    program.until_healthy().await;

    let victim = cluster.follower().await.unwrap();
    victim.kill().await.unwrap();
    hook.until("told", TOLD_WITHIN, |all| all.iter().any(|one| is_down(one, "firing"))).await;
    let told = hook.taken().into_iter().find(|one| is_down(one, "firing")).unwrap();
    let annotations = &told["alerts"][0]["annotations"];
    assert!(annotations["next_steps"].as_str().is_some_and(|text| !text.is_empty()), "{told:#}");
    let runbook = annotations["runbook_url"].as_str().unwrap();
    let path = runbook.split_once(program.authority()).unwrap().1;
    let (status, page) = http::get(program.authority(), path).await;
    assert!(status == 200 && page.contains("member_down"), "{runbook}: {page}");

    let list = ask(&program, &["alert", "list"]).await;
    assert_eq!(list.status.code(), Some(1), "a critical one is active");
    let fingerprint = told["alerts"][0]["fingerprint"].as_str().unwrap();
    let ack = ask(&program, &["alert", "ack", &fingerprint[..8], "--by", "ada"]).await;
    let expected = format!("EtcdMemberDown test {}: ada takes care of it\n", victim.name());
    assert_eq!(text(&ack), expected);
    let list = ask(&program, &["alert", "list"]).await;
    assert!(text(&list).contains("ack by ada"), "{}", text(&list));

    // What was told and acknowledged is known to the next process, which tells nobody anew.
    program.signal(Signal::KILL);
    program.ended(Duration::from_secs(5)).await;
    let before = hook.taken().len();
    let program = start(&cluster, &hook, &directory).await;
    program
        .until("known", TOLD_WITHIN, "/api/v1/alerts?state=acknowledged", |found| {
            found["alerts"][0]["name"] == "EtcdMemberDown"
        })
        .await;

    victim.restart().await.unwrap();
    hook.until("over", TOLD_WITHIN, |all| all.iter().any(|one| is_down(one, "resolved"))).await;
    let after = hook.taken().split_off(before);
    assert!(!after.iter().any(|one| is_down(one, "firing")), "told twice: {after:#?}");

    let history = text(&ask(&program, &["alert", "history"]).await);
    for word in ["firing", "acknowledged", "resolved", "by ada"] {
        assert!(history.contains(word), "{word}: {history}");
    }
    let sent = text(&ask(&program, &["alert", "history", "--notifications"]).await);
    assert!(sent.contains("delivered"), "{sent}");
    assert_no_secret(&program, directory.path(), &[history, sent]).await;
}

/// Neither in what it says nor in what it keeps.
async fn assert_no_secret(program: &Program, directory: &Path, texts: &[String]) {
    let mut all = texts.to_vec();
    all.push(program.output());
    for path in ["/alertmanager/api/v2/status", "/api/v1/receivers", "/api/v1/alerts/notifications"]
    {
        all.push(program.json(path).await.to_string());
    }
    for file in fs::read_dir(directory.join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            all.push(String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        }
    }
    assert!(all.iter().all(|text| !text.contains(SECRET)), "a secret is out");
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_by_its_test_and_is_changed_while_the_monitor_runs() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let hook = Hook::start().await;
    let directory = tempfile::tempdir().unwrap();
    let program = start(&cluster, &hook, &directory).await;
    let good = ask(&program, &["alert", "test", "everybody"]).await;
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert_eq!(hook.taken()[0]["commonLabels"]["alertname"], "EtcdMonitorTest");
    hook.refuse(500);
    let bad = ask(&program, &["alert", "test", "everybody"]).await;
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    assert!(text(&bad).contains("FAILED") && text(&bad).contains("500"), "{bad:?}");
    let unknown = ask(&program, &["alert", "test", "nobody-knows"]).await;
    assert_eq!(unknown.status.code(), Some(3), "{unknown:?}");

    // Another receiver, while it runs: what was decided stays.
    let silence = [
        "alert",
        "silence",
        "add",
        "alertname=X",
        "--for",
        "1h",
        "--comment",
        "why",
        "--by",
        "ada",
    ];
    let silence = ask(&program, &silence).await;
    assert!(silence.status.success(), "{silence:?}");
    let before = program.json("/api/v1/silences").await;
    let other = Hook::start().await;
    configure(&cluster, &other, &directory);
    program
        .until("the new receiver", TOLD_WITHIN, "/api/v1/receivers", |found| {
            found["receivers"][0]["channels"][0]["failed"] == 0
        })
        .await;
    testbed::wait_until("told to the new receiver", TOLD_WITHIN, async || {
        let _ = ask(&program, &["alert", "test", "everybody"]).await;
        !other.taken().is_empty()
    })
    .await
    .unwrap();
    assert_eq!(program.json("/api/v1/silences").await, before);
    assert!(program.output().contains("alerting goes on"), "{}", program.output());
    let (_, metrics) = http::get(program.authority(), "/metrics").await;
    for series in [
        "etcd_monitor_notifications_waiting{receiver=\"everybody\",channel=\"webhook[0]\"} 0",
        "etcd_monitor_notifications_circuit_state{receiver=\"everybody\",channel=\"webhook[0]\",state=\"closed\"} 1",
        "etcd_monitor_rule_group_missed_evaluations_total{file=\"default\",group=\"etcd-raft\"} 0",
        "etcd_monitor_threshold_db_size_bytes{cluster=\"test\"} 8589934592",
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
    // A mistake changes nothing.
    fs::write(directory.path().join("config.yaml"), "alerts: {slack: {nonsense: 1}}").unwrap();
    let is_told = async || program.output().contains("alerts.slack");
    testbed::wait_until("the mistake", TOLD_WITHIN, is_told).await.unwrap();
    let good = ask(&program, &["alert", "test", "everybody"]).await;
    assert_eq!(good.status.code(), Some(0), "{good:?}");
}

#[tokio::test]
async fn amtool_works_as_with_an_alertmanager() {
    let amtool = match programs::amtool() {
        Ok(amtool) => amtool,
        Err(missing) => return skip(&missing),
    };
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let hook = Hook::start().await;
    let directory = tempfile::tempdir().unwrap();
    let program = start(&cluster, &hook, &directory).await;
    program.until_healthy().await;
    cluster.follower().await.unwrap().kill().await.unwrap();
    hook.until("told", TOLD_WITHIN, |all| all.iter().any(|one| is_down(one, "firing"))).await;
    let run = async |arguments: &[&str]| {
        let url = format!("--alertmanager.url=http://{}/alertmanager", program.authority());
        let output = Command::new(&amtool).arg(url).args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        text(&output)
    };
    let alerts = run(&["alert", "query"]).await;
    assert!(alerts.contains("EtcdMemberDown") && alerts.contains("active"), "{alerts}");
    let none = run(&["alert", "query", "alertname=Other"]).await;
    assert!(!none.contains("EtcdMemberDown"), "{none}");
    let id = run(&[
        "silence",
        "add",
        "alertname=EtcdMemberDown",
        "cluster=~te.*",
        "--comment=c",
        "--author=a",
    ])
    .await;
    let silences = run(&["silence", "query"]).await;
    assert!(silences.contains(id.trim()) && silences.contains("cluster=~\"te.*\""), "{silences}");
    let silenced = run(&["alert", "query", "--silenced"]).await;
    assert!(silenced.contains("EtcdMemberDown") && silenced.contains("suppressed"), "{silenced}");
    run(&["silence", "expire", id.trim()]).await;
    assert!(!run(&["silence", "query"]).await.contains(id.trim()));
    let config = run(&["config", "show"]).await;
    assert!(config.contains("everybody") && !config.contains(SECRET), "{config}");
    // An alert of somebody else is taken, and told.
    run(&["alert", "add", "alertname=Foreign", "severity=critical", "cluster=other"]).await;
    let is_foreign = |one: &Value| one["commonLabels"]["alertname"] == "Foreign";
    hook.until("foreign", TOLD_WITHIN, |all| all.iter().any(is_foreign)).await;
}

mod tests {
    testbed::on_every_version!(a_killed_member_is_told_acknowledged_and_told_to_be_back);
}
