//! Rules and alerts in Prometheus' API: for the same rule file the answers of a real Prometheus and
//! ours have the same fields, and in all that does not tell the time the same values.

use std::fs;
use std::time::Duration;

use serde_json::{Map, Value, json};
use testbed::version::skip;
use testbed::{programs, wait_until};

use crate::http;
use crate::program::{self, Program};
use crate::prometheus::Prometheus;

const WITHIN: Duration = Duration::from_mins(1);

/// Expressions stand here as Prometheus writes them; we show them as they stand in the file.
const RULES: &str = r#"
groups:
- name: first
  interval: 1s
  limit: 7
  rules:
  - record: a:number
    expr: vector(42.5)
    labels: {kind: plain}
  - alert: Fires
    expr: a:number{kind="plain"} > 1
    labels: {severity: critical, value: '{{ $value }}'}
    annotations:
      summary: 'it is {{ $value }} of {{ $labels.kind }}'
  - alert: Waits
    expr: vector(1e+21)
    for: 1h
    keep_firing_for: 5m
  - alert: Silent
    expr: vector(1) > 2
    for: 90s
    annotations: {summary: never}
  - alert: Fails
    expr: >-
      vector(1) + on () (label_replace(vector(1), "x", "y", "", "") or vector(2))
- name: second
  interval: 2s
  rules:
  - alert: Infinite
    expr: vector(1) / 0
"#;

/// What tells times and places, of which only the kind is compared.
const VOLATILE: [&str; 6] =
    ["file", "evaluationTime", "lastEvaluation", "activeAt", "lastError", "keepFiringSince"];

/// What has nothing to compare in it left out.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let is_volatile = VOLATILE.contains(&name.as_str());
                let value = if is_volatile { json!(kind(value)) } else { comparable(value) };
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(comparable).collect()),
        other => other.clone(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "a number",
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => "a time",
        Value::String(_) => "a text",
        _ => "something else",
    }
}

/// The groups of the file by name, since their order is that of the files elsewhere.
fn groups(answer: &Value) -> Value {
    assert_eq!(answer["status"], "success", "{answer:#}");
    let mut groups = answer["data"]["groups"].as_array().unwrap().clone();
    groups.retain(|group| ["first", "second"].contains(&group["name"].as_str().unwrap()));
    comparable(&Value::Array(groups))
}

fn alerts(answer: &Value) -> Value {
    assert_eq!(answer["status"], "success", "{answer:#}");
    let mut alerts = answer["data"]["alerts"].as_array().unwrap().clone();
    alerts.retain(|alert| alert["labels"]["source"] != "finding");
    alerts.sort_by_key(|alert| alert["labels"]["alertname"].to_string());
    comparable(&Value::Array(alerts))
}

#[tokio::test]
async fn rules_and_alerts_are_answered_as_by_a_real_prometheus() {
    let server = match programs::prometheus() {
        Ok(server) => server,
        Err(missing) => return skip(&missing),
    };
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yaml");
    fs::write(&rules, RULES).unwrap();
    let config = json!({
        "clusters": [{"name": "test", "endpoints": ["127.0.0.1:1"]}],
        "data_dir": directory.path().join("monitor"),
        "alerts": {"rule_files": [rules], "default_rules": false, "findings": false},
    });
    let file = directory.path().join("config.yaml");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = program::command();
    command.arg("--config").arg(file);
    let program = Program::start(command).await;
    let text = format!("rule_files: ['{}']\n", rules.display());
    let prometheus = Prometheus::start(&text, &server, directory.path());
    wait_until("prometheus", WITHIN, async || prometheus.is_up().await).await.unwrap();

    // Until both have evaluated each rule, and what fires does.
    for path in ["rules", "rules?type=alert", "rules?type=record"] {
        let ours = async || {
            groups(
                &http::get_json(program.authority(), &format!("/prometheus/api/v1/{path}")).await,
            )
        };
        let theirs = async || {
            groups(&http::get_json(prometheus.authority(), &format!("/api/v1/{path}")).await)
        };
        let is_same = async || {
            let theirs = theirs().await;
            !theirs.to_string().contains("unknown") && theirs == ours().await
        };
        if let Err(error) = wait_until(path, WITHIN, is_same).await {
            panic!("{error}: ours {:#}\ntheirs {:#}", ours().await, theirs().await);
        }
    }
    let ours = http::get_json(program.authority(), "/prometheus/api/v1/alerts").await;
    let theirs = http::get_json(prometheus.authority(), "/api/v1/alerts").await;
    let (ours, theirs) = (alerts(&ours), alerts(&theirs));
    assert_eq!(theirs.as_array().map(Vec::len), Some(3), "{theirs:#}");
    assert_eq!(ours, theirs, "ours {ours:#}\ntheirs {theirs:#}");
}
