//! Rules over a live cluster: pending, firing, told, known to Prometheus' API, and not begun anew
//! after a crash.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, programs};
use tokio::process::Command;
use tokio::time::Instant;

use crate::hook::Hook;
use crate::program::{self, Program};

const TOLD_WITHIN: Duration = Duration::from_secs(40);

/// `for` of the rule: longer than one run of the monitor in this test.
const HOLD: Duration = Duration::from_secs(20);

const RULES: &str = "
groups:
- name: own
  interval: 1s
  rules:
  - record: cluster:etcd_monitor_members:max
    expr: max by (cluster) (etcd_monitor_members)
  - alert: HasMembers
    expr: cluster:etcd_monitor_members:max >= 1
    for: 20s
    labels: {severity: critical}
    annotations:
      summary: '{{ $labels.cluster }} has {{ $value }} members'
      runbook_url: docs/runbooks/cluster_size.md
";

async fn start(cluster: &Cluster, hook: &Hook, directory: &TempDir) -> Program {
    fs::write(directory.path().join("rules.yaml"), RULES).unwrap();
    let config = json!({
        "clusters": [{"name": "test", "endpoints": cluster.endpoints()}],
        "data_dir": directory.path().join("data"),
        "alerts": {
            "rule_files": ["rul*.yaml"],
            "webhook": {"url": format!("http://{}/", hook.address())},
        },
    });
    let file = directory.path().join("config.yaml");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = program::command();
    command.arg("--config").arg(file);
    Program::start(command).await
}

fn state(rules: &Value) -> Option<&str> {
    let groups = rules["data"]["groups"].as_array()?;
    let own = groups.iter().find(|group| group["name"] == "own")?;
    own["rules"].as_array()?.iter().find(|rule| rule["name"] == "HasMembers")?["state"].as_str()
}

#[tokio::test]
async fn an_alert_of_a_rule_waits_through_a_crash_is_told_and_is_a_series() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let hook = Hook::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut program = start(&cluster, &hook, &directory).await;
    program.until_healthy().await;
    const RULES_PATH: &str = "/prometheus/api/v1/rules?type=alert";
    program
        .until("pending", TOLD_WITHIN, RULES_PATH, |rules| state(rules) == Some("pending"))
        .await;
    let pending_since = Instant::now();
    tokio::time::sleep_until(pending_since + HOLD / 2).await;
    program.signal(Signal::KILL);
    program.ended(Duration::from_secs(5)).await;
    assert!(hook.taken().is_empty(), "{:#?}", hook.taken());

    let program = start(&cluster, &hook, &directory).await;
    let restarted = Instant::now();
    program.until("firing", TOLD_WITHIN, RULES_PATH, |rules| state(rules) == Some("firing")).await;
    assert!(restarted.elapsed() < HOLD, "`for` began anew: {:?}", restarted.elapsed());
    assert!(pending_since.elapsed() + Duration::from_secs(1) >= HOLD, "too early");
    let is_told = |one: &Value| one["commonLabels"]["alertname"] == "HasMembers";
    hook.until("told", TOLD_WITHIN, |all| all.iter().any(is_told)).await;
    let told = hook.taken().into_iter().find(is_told).unwrap();
    let annotations = &told["alerts"][0]["annotations"];
    assert_eq!(annotations["summary"], "test has 3 members");
    let runbook = format!("http://{}/runbooks/cluster_size", program.authority());
    assert_eq!(annotations["runbook_url"], *runbook);
    for (query, value) in
        [("ALERTS%7Balertstate=%22firing%22%7D", "1"), ("cluster:etcd_monitor_members:max", "3")]
    {
        let path = format!("/prometheus/api/v1/query?query={query}");
        program
            .until(query, TOLD_WITHIN, &path, |answer| {
                answer["data"]["result"][0]["value"][1] == value
            })
            .await;
    }
    // The rules that come with the program have nothing to say of a cluster that is well.
    let rules = program.json("/prometheus/api/v1/rules").await;
    for group in rules["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_ne!(rule["health"], "err", "{rule:#}");
        }
    }
    let alerts = program.json("/prometheus/api/v1/alerts").await;
    let firing: Vec<&Value> = alerts["data"]["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["state"] == "firing" && alert["labels"]["severity"] == "critical")
        .collect();
    assert_eq!(firing.len(), 1, "{firing:#?}");
}

#[tokio::test]
async fn the_rules_of_the_etcd_mixin_load_unchanged_and_hold_its_own_test() {
    let (mixin, promtool) = match (programs::mixin(), programs::promtool()) {
        (Ok(mixin), Ok(promtool)) => (mixin, promtool),
        (Err(missing), _) | (_, Err(missing)) => return skip(&missing),
    };
    let run = async |command: &mut Command, arguments: &[&str], file: &str| {
        let output = command.args(arguments).arg(mixin.join(file)).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let checked = run(&mut program::command(), &["rules", "check"], "rules.json").await;
    assert!(checked.contains("well, 15 rules"), "{checked}");
    run(&mut program::command(), &["rules", "test"], "test.yaml").await;
    run(&mut Command::new(promtool), &["test", "rules"], "test.yaml").await;
}
