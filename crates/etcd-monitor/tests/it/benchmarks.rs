//! Benchmarks that a running monitor makes: by its schedule, on request, and what it tells of them.

use std::time::Duration;

use model::clock::{Clock as _, SystemClock};
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::{Cluster, EtcdVersion};

use crate::http;
use crate::program::{Program, command};

const WITHIN: Duration = Duration::from_mins(1);

fn arguments(cluster: &Cluster, data: &std::path::Path, config: &str) -> std::path::PathBuf {
    let endpoints = cluster.endpoints().join("\", \"");
    let text = format!(
        "clusters:\n  - {{name: test, endpoints: [\"{endpoints}\"], intervals: {{metrics: 1s}}}}\n\
         benchmark: {config}\n"
    );
    let file = data.join("monitor.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

async fn start(file: &std::path::Path, data: &std::path::Path) -> Program {
    let mut command = command();
    command.arg("--config").arg(file).arg("--data-dir").arg(data);
    Program::start(command).await
}

async fn stop(program: &mut Program) {
    program.signal(Signal::TERM);
    assert!(program.ended(WITHIN).await.success(), "{}", program.output());
}

async fn trend(data: &std::path::Path) -> (i32, String) {
    let output = command()
        .args(["bench", "trend", "test", "--data-dir", data.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Keeps copies of a result, each an hour older than the next, which are all this much slower or faster.
fn age(directory: &std::path::Path, newest: &Value, count: i64, factor: f64) {
    let at: jiff::Timestamp = newest["started_at"].as_str().unwrap().parse().unwrap();
    for number in 1..=count {
        let mut copy = newest.clone();
        let at = at - jiff::SignedDuration::from_hours(number);
        copy["started_at"] = json!(at.to_string());
        copy["generator"]["limit"] = Value::Null;
        copy["id"] = json!(format!("{}-mixed", at.strftime("%Y%m%dT%H%M%SZ")));
        for operation in copy["operations"].as_array_mut().unwrap() {
            for pair in operation["latencies"].as_array_mut().unwrap() {
                let spread = 1.0 + 0.002 * (number % 7) as f64;
                let nanoseconds = pair[0].as_f64().unwrap() * factor * spread;
                pair[0] = json!(nanoseconds as u64);
            }
        }
        let file = directory.join(format!("{}.json", copy["id"].as_str().unwrap()));
        std::fs::write(file, copy.to_string()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_makes_benchmarks_by_schedule_and_on_request_and_tells_when_they_go_worse() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let config = "{enabled: true, interval: 12h, operations: 200, rate: 200}";
    let file = arguments(&cluster, data, config);
    let mut program = start(&file, data).await;

    // The first run is due at once.
    let is_there = |answer: &Value| !answer["results"].as_array().unwrap().is_empty();
    program.until("a result", WITHIN, "/api/v1/benchmarks?cluster=test", is_there).await;
    let listed = program.json("/api/v1/benchmarks").await;
    let result = &listed["results"][0];
    assert_eq!((&result["origin"], &result["ended"]), (&json!("schedule"), &json!("complete")));
    assert_eq!(result["succeeded"], 200, "{result}");
    let id = result["id"].as_str().unwrap().to_owned();
    let whole = program.json(&format!("/api/v1/benchmarks/{id}")).await;
    assert_eq!(whole["members"].as_array().unwrap().len(), 1, "{whole}");
    let planned = |answer: &Value| {
        let next = answer["schedule"][0]["next_at"].as_str().unwrap_or_default().to_owned();
        answer["running"].is_null() && *next > *SystemClock.now().to_string()
    };
    program.until("the next run", WITHIN, "/api/v1/benchmarks/running", planned).await;
    for path in ["/api/v1/benchmarks/..%2F..%2Fmonitor.yaml", "/api/v1/benchmarks/none"] {
        assert_eq!(http::get(program.authority(), path).await.0, 404, "{path}");
    }

    // One more on request, which is stopped before its end, and is not the only one meanwhile.
    let post =
        |body: &'static str| http::send(program.authority(), "POST", "/api/v1/benchmarks", body);
    let (status, body) = post(r#"{"operations": 201}"#).await;
    assert_eq!((status, body.contains("use 1 to 200")), (400, true), "{body}");
    let (status, body) = post(r#"{"kind": "nonsense"}"#).await;
    assert_eq!((status, body.contains("mixed")), (400, true), "{body}");
    let (status, body) = post(r#"{"cluster": "test", "kind": "put", "rate": 1}"#).await;
    assert_eq!(status, 202, "{body}");
    let (status, body) = post("{}").await;
    assert_eq!((status, body.contains("is under way")), (409, true), "{body}");
    let measures = |answer: &Value| answer["running"]["is_measured"] == true;
    program.until("progress", WITHIN, "/api/v1/benchmarks/running", measures).await;
    let path = "/api/v1/benchmarks/running";
    assert_eq!(http::send(program.authority(), "DELETE", path, "").await.0, 204);
    let is_kept = |answer: &Value| answer["results"].as_array().unwrap().len() == 2;
    program.until("what was stopped", WITHIN, "/api/v1/benchmarks", is_kept).await;
    let listed = program.json("/api/v1/benchmarks?limit=1").await;
    assert_eq!(listed["results"][0]["ended"], "interrupted", "{listed}");
    assert_eq!(listed["results"][0]["origin"], "request", "{listed}");
    stop(&mut program).await;

    // With a past in which it went faster, six runs are slow, and that is a finding, and an alert.
    let results = data.join("bench");
    let text = std::fs::read_to_string(results.join(format!("{id}.json"))).unwrap();
    let newest: Value = serde_json::from_str(&text).unwrap();
    age(&results, &newest, 18, 0.5);
    age(&results, &newest, 6, 1.0);
    let (code, told) = trend(data).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("WORSE: p99 is ") && told.contains("changed at "), "{told}");
    let mut program = start(&file, data).await;
    let is_worse = |answer: &Value| {
        let mut findings = answer["findings"].as_array().unwrap().iter();
        findings
            .any(|finding| finding["kind"] == "benchmark_regressed" && finding["state"] == "open")
    };
    program.until("a finding", WITHIN, "/api/v1/findings", is_worse).await;
    let alerts = |answer: &Value| answer.to_string().contains("benchmark_regressed");
    program.until("an alert", WITHIN, "/api/v1/alerts", alerts).await;
    stop(&mut program).await;

    // The slow level was accepted.
    let mut accept = command();
    accept.args(["bench", "baseline", "set", "test", "--data-dir"]).arg(data);
    let at: jiff::Timestamp = newest["started_at"].as_str().unwrap().parse().unwrap();
    for hours in 1..=6 {
        let at = at - jiff::SignedDuration::from_hours(hours);
        accept.arg(format!("{}-mixed", at.strftime("%Y%m%dT%H%M%SZ")));
    }
    assert!(accept.output().await.unwrap().status.success());
    assert_eq!(trend(data).await.0, 0);
    let mut program = start(&file, data).await;
    let is_over = |answer: &Value| !is_worse(answer) && answer["sweeps"] != 0;
    program.until("its end", WITHIN, "/api/v1/findings", is_over).await;
    stop(&mut program).await;

    // Without leave to write, nobody has it written.
    let mut program = start(&arguments(&cluster, data, "{enabled: false}"), data).await;
    let (status, body) = http::send(program.authority(), "POST", "/api/v1/benchmarks", "{}").await;
    assert_eq!((status, body.contains("benchmark.enabled")), (403, true), "{body}");
    stop(&mut program).await;
}
