//! Prometheus' API: what it answers is what a real Prometheus answers about the same samples, and
//! promtool takes it for one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, programs, wait_until};
use tokio::process::Command;

use crate::http;
use crate::program::Program;
use crate::prometheus::Prometheus;

/// Scrapes that both have before they are compared.
const SCRAPES: u64 = 8;

const WITHIN: Duration = Duration::from_secs(30);

struct Watched {
    program: Program,
    tool: PathBuf,
    server: PathBuf,
    _cluster: Cluster,
}

/// A real cluster, watched until the history has something to compare; `None` without the parts.
async fn watched() -> Option<Watched> {
    let (server, tool) = match (programs::prometheus(), programs::promtool()) {
        (Ok(server), Ok(tool)) => (server, tool),
        (Err(missing), _) | (_, Err(missing)) => {
            skip(&missing);
            return None;
        }
    };
    let cluster = Cluster::builder(EtcdVersion::available().pop()?).start().await.unwrap();
    let program = Program::watch(&cluster).await;
    program.until_healthy().await;
    let path = "/prometheus/api/v1/query?query=min(count_over_time(up[1h]))";
    program
        .until("enough scrapes", WITHIN, path, |answer| {
            let count = answer["data"]["result"][0]["value"][1].as_str();
            count.and_then(|count| count.parse().ok()).is_some_and(|count: u64| count >= SCRAPES)
        })
        .await;
    Some(Watched { program, tool, server, _cluster: cluster })
}

/// Our samples in OpenMetrics, and the moment of the last of them.
async fn exported(program: &Program) -> (String, f64) {
    let query = "/prometheus/api/v1/query?query={member!=%22%22}[1h]";
    let answer = program.json(query).await;
    let mut page = String::new();
    let mut last: f64 = 0.0;
    for series in answer["data"]["result"].as_array().unwrap() {
        let mut labels = series["metric"].as_object().unwrap().clone();
        let name = labels.remove("__name__").unwrap();
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (name, labels) = (name.as_str().unwrap(), labels.join(","));
        for point in series["values"].as_array().unwrap() {
            let (at, value) = (point[0].as_f64().unwrap(), point[1].as_str().unwrap());
            last = last.max(at);
            writeln!(page, "{name}{{{labels}}} {value} {at:.3}").unwrap();
        }
    }
    page.push_str("# EOF\n");
    (page, last)
}

/// Addresses below `/api/v1/` with `{end}` for the last moment and `{start}` for one before.
const GOOD: &[&str] = &[
    "query?query=up{member!=%22%22}&time={end}",
    "query?query=up{member!=%22%22}[20s]&time={end}",
    "query?query={member=~%22m.*%22,__name__=~%22etcd_(disk|mvcc|server).*%22}&time={end}",
    "query?query=sum%20by%20(member)(rate(etcd_disk_wal_fsync_duration_seconds_bucket[1m]))&time={end}",
    "query?query=nothing&time={end}",
    "query?query=1e21&time=1.5",
    "query?query=vector(1e21)&time=1.5",
    "query?query=vector(1e20)&time=1.050",
    "query?query=vector(0.00000012)&time=-1.5",
    "query?query=vector(1e-7)&time=1970-01-01T00:00:01.25Z",
    "query?query=vector(-1/0)&time=7",
    "query?query=0/0&time=7",
    "query?query=-0&time=7",
    "query?query=%22some%20%5C%22text%5C%22%20%C3%A9%22&time=7.25",
    "query_range?query=up{member!=%22%22}&start={start}&end={end}&step=1",
    "query_range?query=etcd_server_has_leader{member!=%22%22}&start={start}&end={end}&step=0.5",
    "query_range?query=rate(process_cpu_seconds_total{member!=%22%22}[5s])&start={start}&end={end}&step=2s",
    "query_range?query=histogram_quantile(0.99,sum%20by%20(member,le)(rate(etcd_disk_wal_fsync_duration_seconds_bucket{member!=%22%22}[10s])))&start={start}&end={end}&step=1",
    "query_range?query=1.5&start=1.5&end=3&step=500ms",
    "query_range?query=nothing&start={start}&end={end}&step=1",
    "series?match[]={member!=%22%22,__name__=~%22etcd_server.*%22}&match[]=up{member!=%22%22}&start={start}&end={end}",
    "series?match[]=nothing",
    "labels?match[]={member!=%22%22}",
    "labels?match[]=nothing",
    "label/__name__/values?match[]={member!=%22%22}",
    "label/member/values",
    "label/le/values?match[]=etcd_disk_wal_fsync_duration_seconds_bucket{member!=%22%22}",
    "label/no_such_label/values",
];

/// Addresses that both refuse.
const BAD: &[&str] = &[
    "query",
    "query?query=up%2B",
    "query?query=no_such(up)",
    "query?query=up&time=yesterday",
    "query?query=up&time=12:30",
    "query?query=up&timeout=x",
    "query?query=up[5m]%20offset",
    "query?query={job=%22etcd%22}*on(job){job=%22etcd%22}&time={end}",
    "query?query=label_replace(up,%22a-b%22,%22x%22,%22job%22,%22.*%22)&time={end}",
    "query_range?query=up",
    "query_range?query=up&start=0&end=10&step=0",
    "query_range?query=up&start=0&end=10&step=-1",
    "query_range?query=up&start=0&end=10&step=x",
    "query_range?query=up&start=10&end=0&step=1",
    "query_range?query=up&start=0&end=11001&step=1",
    "query_range?query=up[5m]&start=0&end=10&step=1",
    "query_range?query=%22text%22&start=0&end=10&step=1",
    "query_range?query=up&start=x&end=10&step=1",
    "series",
    "series?match[]=up[5m]",
    "series?match[]={}",
    "series?match[]=up&start=x",
    "labels?match[]=(up",
    "labels?end=x",
    "label/a-b/values",
    "label/1a/values",
    "label/member/values?match[]={member=%22%22}",
];

#[tokio::test]
async fn answers_are_those_of_a_real_prometheus() {
    let Some(watched) = watched().await else { return };
    let (page, end) = exported(&watched.program).await;
    let directory = tempfile::tempdir().unwrap();
    let prometheus =
        Prometheus::holding(&page, &watched.tool, &watched.server, directory.path()).await;
    wait_until("prometheus", WITHIN, async || prometheus.is_up().await).await.unwrap();

    let (ours, theirs) = (watched.program.authority(), prometheus.authority());
    let mut differences = String::new();
    for path in GOOD.iter().chain(BAD) {
        let path = path.replace("{end}", &format!("{end:.3}"));
        let path = path.replace("{start}", &format!("{:.3}", end - 6.0));
        let found = http::get(ours, &format!("/prometheus/api/v1/{path}")).await;
        let expected = http::get(theirs, &format!("/api/v1/{path}")).await;
        let is_same =
            if expected.0 == 200 { found == expected } else { is_like(&found, &expected) };
        if !is_same {
            writeln!(differences, "{path}\n  ours   {found:?}\n  theirs {expected:?}").unwrap();
        }
    }
    assert_eq!(differences, "");
}

/// Whether both refuse for the same kind of reason; the texts differ.
fn is_like(ours: &(u16, String), theirs: &(u16, String)) -> bool {
    let kind = |body: &str| {
        let body: Value = serde_json::from_str(body).ok()?;
        Some((body["status"].clone(), body["errorType"].as_str()?.to_owned()))
    };
    ours.0 == theirs.0 && kind(&ours.1) == kind(&theirs.1) && kind(&ours.1).is_some()
}

#[tokio::test]
async fn promtool_takes_us_for_a_prometheus() {
    let Some(watched) = watched().await else { return };
    let url = format!("http://{}/prometheus", watched.program.authority());
    let up = said(&watched.tool, &["query", "instant", &url, "sum(up)"]).await;
    assert!(up.starts_with("{} => 3 @["), "{up}");
    let range = ["query", "range", "--step=1s", &url, "up"];
    let range = said(&watched.tool, &range).await;
    assert_eq!(range.matches("job=\"etcd\"").count(), 3, "{range}");
    let selector = "--match=etcd_server_is_leader";
    let series = said(&watched.tool, &["query", "series", selector, &url]).await;
    assert_eq!(series.lines().count(), 3, "{series}");
    let names = said(&watched.tool, &["query", "labels", &url, "cluster"]).await;
    assert_eq!(names, "test\n");

    let (status, federated) = http::get(watched.program.authority(), "/federate?match[]=up").await;
    assert_eq!((status, federated.lines().count()), (200, 4), "{federated}");
}

async fn said(tool: &Path, arguments: &[&str]) -> String {
    let outcome = Command::new(tool).args(arguments).output().await.unwrap();
    let complaint = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(outcome.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(outcome.stdout).unwrap()
}
