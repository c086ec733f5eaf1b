//! `etcd-monitor query` as its users run it: beside a real Prometheus, and where something is wrong.

use std::time::Duration;

use serde_json::Value;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, Security, programs, wait_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::program::{Program, command};
use crate::prometheus::Prometheus;

/// An answer, or the lack of one, is told soon.
const WITHIN: Duration = Duration::from_secs(10);

/// What a query came to.
struct Outcome {
    code: i32,
    answer: String,
    remarks: String,
}

async fn query(url: &str, arguments: &[&str]) -> Outcome {
    let mut command = command();
    let run = command.args(["query", "--utc", "--url", url]).args(arguments).output();
    let outcome = timeout(WITHIN, run).await.expect("it ends").unwrap();
    Outcome {
        code: outcome.status.code().unwrap(),
        answer: String::from_utf8(outcome.stdout).unwrap(),
        remarks: String::from_utf8(outcome.stderr).unwrap(),
    }
}

async fn check(url: &str, arguments: &[&str], code: i32, part: &str) {
    let Outcome { code: found, answer, remarks } = query(url, arguments).await;
    assert_eq!(found, code, "{arguments:?}: {remarks}");
    assert!(remarks.contains(part), "{part:?} is not in {remarks:?}");
    assert_eq!(answer, "", "{arguments:?}");
}

#[tokio::test]
async fn arguments_that_are_none() {
    let url = "127.0.0.1:1";
    for (url, arguments, part) in [
        ("ftp://127.0.0.1:1", &["up"][..], "http and https are supported"),
        ("http://127.0.0.1:0", &["up"], "a port is a number from 1 to 65535"),
        ("http://me:secret@127.0.0.1:1", &["up"], "is not supported"),
        (url, &[], "PROMQL"),
        (url, &["up", "--range", "6h", "--step", "0s"], "give a number over 0 with a unit"),
        (url, &["up", "--range", "6"], "such as 15s, 6h or 7d"),
        (url, &["up", "--step", "1m"], "--range"),
        (url, &["up", "--time", "yesterday"], "'2h ago'"),
        (url, &["up", "-o", "yaml"], "possible values: table, json, csv, graph"),
        (url, &["up", "--width", "10"], "40..=1000"),
    ] {
        check(url, arguments, 128, part).await;
    }
    check(url, &["up", "--cacert", "no-file"], 3, "--cacert: cannot read no-file").await;
    check(url, &["up", "--range", "1000000w"], 3, "before the year -9999").await;
}

#[tokio::test]
async fn servers_that_are_not_there() {
    // Bound and not listening any more: nobody else gets it soon.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let expected = format!("cannot ask {url}: connection refused; start etcd-monitor there, or");
    check(&url, &["up"], 2, &expected).await;
    check("http://no-such-host.invalid:1", &["up"], 2, "cannot resolve").await;
}

/// Answers each request of one connection after the other with `status` and `body`.
async fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 1 << 16];
            // The requests of these tests come in one piece.
            let _ = connection.read(&mut request).await;
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = connection.write_all(reply.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn answers_that_are_errors() {
    for (status, body, code, part) in [
        (
            "400 Bad Request",
            r#"{"status":"error","errorType":"bad_data","error":"1:5: parse error: no"}"#,
            3,
            "the query is not accepted: 1:5: parse error: no\n  sum(up\n      ^\n",
        ),
        (
            "422 Unprocessable Entity",
            r#"{"status":"error","errorType":"execution","error":"too many samples"}"#,
            1,
            "the query failed (execution): too many samples",
        ),
        (
            "503 Service Unavailable",
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
            1,
            "the query failed (timeout): query timed out",
        ),
        ("502 Bad Gateway", "<h1>sorry</h1>\n", 1, "the query failed (HTTP 502): <h1>sorry</h1>"),
        ("404 Not Found", "", 3, "it answers 404 Not Found for /api/v1/query"),
        ("405 Method Not Allowed", "", 3, "is no etcd-monitor and no Prometheus"),
        ("200 OK", "hello", 3, "is no etcd-monitor and no Prometheus"),
        (
            "200 OK",
            r#"{"status":"success","data":{"resultType":"streams","result":[]}}"#,
            3,
            "its answer cannot be read: unknown variant `streams`",
        ),
        (
            "200 OK",
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            0,
            "no series; is the label right",
        ),
    ] {
        check(&answering(status, body).await, &["sum(up"], code, part).await;
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_asked() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let secure =
        Cluster::builder(version).members(1).security(Security::Tls).start().await.unwrap();
    let url = secure.member(0).client_url();
    check(&url, &["up"], 2, "signed by an unknown authority; give the CA that signed it").await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    check(&url, &["up", "--timeout", "300ms"], 1, "no answer within 300ms").await;
}

#[tokio::test]
async fn a_running_monitor_answers_about_its_cluster() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let program = Program::watch(&cluster).await;
    program.until_healthy().await;
    let history = "count(count_over_time(etcd_server_has_leader[1m])%3E1)";
    let path = format!("/prometheus/api/v1/query?query={history}");
    let is_kept = |answer: &Value| answer["data"]["result"][0]["value"][1] == "3";
    program.until("a history", WITHIN, &path, is_kept).await;

    // With the path and without it, as users have it from the console.
    for url in
        [program.authority().to_owned(), format!("http://{}/prometheus", program.authority())]
    {
        let Outcome { code, answer, remarks } = query(&url, &["etcd_server_has_leader"]).await;
        assert_eq!((code, remarks.as_str()), (0, ""));
        let heading = "etcd_server_has_leader{cluster=\"test\", job=\"etcd\"}\n";
        assert!(answer.starts_with(heading), "{answer}");
        for member in cluster.members() {
            let is_row = |line: &str| line.ends_with(&format!("  {}          1", member.name()));
            assert!(answer.lines().any(is_row), "{}: {answer}", member.name());
        }
        let graph = ["etcd_server_has_leader", "-o", "graph", "--range", "30s", "--step", "1s"];
        let Outcome { code, answer, remarks } = query(&url, &graph).await;
        assert_eq!((code, remarks.as_str()), (0, ""));
        assert!(answer.contains('▲') && answer.contains("┬"), "{answer}");
        check(&url, &["ratee(up[5m])"], 3, "did you mean rate?\n  ratee(up[5m])\n  ^\n").await;
        check(&url, &["no_such_metric"], 0, "no series; is the label right").await;
        // Not even the first scrape was kept without the member's name.
        check(&url, &["last_over_time(up{member=''}[1h])"], 0, "no series").await;
    }
}

#[tokio::test]
async fn an_endpoint_where_nobody_answers_is_down_in_the_history() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    // Bound and not listening any more: nobody else gets it soon.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let data_dir = tempfile::tempdir().unwrap();
    let mut command = command();
    let endpoints = format!("{},127.0.0.1:{port}", cluster.endpoints().join(","));
    command.args(["--endpoints", &endpoints]).arg("--data-dir").arg(data_dir.path());
    let program = Program::start(command).await;
    let path = format!("/prometheus/api/v1/query?query=up{{instance=%22127.0.0.1:{port}%22}}");
    program
        .until("down", WITHIN, &path, |answer| answer["data"]["result"][0]["value"][1] == "0")
        .await;
}

#[tokio::test]
async fn a_real_prometheus_answers_in_every_format() {
    let server = match programs::prometheus() {
        Ok(server) => server,
        Err(missing) => return skip(&missing),
    };
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let target = cluster.member(0).client_url();
    let target = target.trim_start_matches("http://");
    let directory = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::scraping(target, &server, directory.path());
    let within = Duration::from_secs(30);
    wait_until("prometheus", within, async || prometheus.is_up().await).await.unwrap();
    prometheus.until("count_over_time(etcd_server_has_leader[1m])>bool(2)", 1.0, WITHIN).await;

    let url = format!("http://{}", prometheus.authority());
    let answer = async |arguments: &[&str]| {
        let Outcome { code, answer, remarks } = query(&url, arguments).await;
        assert_eq!((code, remarks.as_str()), (0, ""), "{arguments:?}");
        answer
    };
    let table = answer(&["etcd_mvcc_db_total_size_in_bytes"]).await;
    let name = format!("etcd_mvcc_db_total_size_in_bytes{{instance=\"{target}\", job=\"it\"}}\n2");
    assert!(table.starts_with(&name) && table.contains(" KiB\n"), "{table}");

    let data: Value = serde_json::from_str(&answer(&["up", "-o", "json"]).await).unwrap();
    assert_eq!(data["result"][0]["value"][1], "1", "{data}");

    let csv =
        answer(&["etcd_server_has_leader", "--range", "2m", "--step", "1s", "-o", "csv"]).await;
    let mut lines = csv.split("\r\n");
    assert_eq!(lines.next(), Some("time,__name__,instance,job,value"));
    let first = lines.next().unwrap();
    assert!(first.ends_with(&format!(",etcd_server_has_leader,{target},it,1")), "{csv}");

    let course = answer(&["rate(process_cpu_seconds_total[5s])", "--range", "1m"]).await;
    assert!(course.contains("min") && course.contains("trend"), "{course}");
    let graph = answer(&["etcd_server_has_leader", "-o", "graph", "--width", "60"]).await;
    assert!(graph.contains("┤") && graph.contains('●'), "{graph}");
    assert!(!graph.contains('\x1b'), "{graph:?}");
    let scalar = answer(&["scalar(etcd_server_has_leader)"]).await;
    assert_eq!(scalar, "1\n");

    check(&url, &["sum(up"], 3, "1:7: parse error: unclosed left parenthesis\n  sum(up\n        ^")
        .await;
    check(&url, &["up", "--range", "1w", "--step", "1s"], 3, "exceeded maximum resolution").await;
    check(&url, &["up + on(job) group_left() {job=~\"a|b\"}[1m]"], 3, "^").await;
    check(&url, &["no_such_metric"], 0, "no series; is the label right").await;
    check(&format!("{url}/nowhere"), &["up"], 3, "404 Not Found for /nowhere/api/v1/query").await;
    // Longer than any URL may be.
    let long = format!("scalar(up{{instance!=\"{}\"}})", "x".repeat(100_000));
    assert_eq!(answer(&[&long]).await, "1\n");
}
