//! The history of figures: it agrees with the present, goes on over restarts, and says why it is not
//! there.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use testbed::{Cluster, EtcdVersion};

use crate::http;
use crate::program::Program;

/// Enough pages for rates that mean something.
const WINDOW_SECONDS: f64 = 15.0;

const WITHIN: Duration = Duration::from_mins(1);

/// What a figure is made of.
enum Kind {
    Moment,
    Rate,
    Quantile,
}

impl Kind {
    fn of(promql: &str) -> Self {
        match promql {
            quantile if quantile.starts_with("histogram_quantile") => Self::Quantile,
            rate if rate.contains('[') => Self::Rate,
            _ => Self::Moment,
        }
    }

    /// The first page may have come before the member's name was known, so that rates miss what was
    /// before the second. By a few observations, a quantile is then in a neighbouring bucket.
    fn agrees(&self, found: f64, value: f64) -> bool {
        match self {
            // Times are told to the millisecond.
            Self::Moment => (found - value).abs() <= 0.002,
            Self::Rate => (found - value).abs() <= 0.25 * value.abs(),
            Self::Quantile => (value / 4.0..=value * 4.0).contains(&found),
        }
    }
}

/// The value of a figure of one member at `at`, with rates over `seconds`.
async fn value_at(
    program: &Program,
    metric: &str,
    member: &str,
    at: &str,
    seconds: f64,
) -> (Option<f64>, Kind) {
    let path = format!(
        "/api/v1/metrics/history?metric={metric}&member={member}&from={at}&to={at}&step={seconds}"
    );
    let history = program.json(&path).await;
    let promql = history["promql"].as_str().unwrap();
    (history["series"][0]["points"][0]["value"].as_f64(), Kind::of(promql))
}

/// The value of the first series of a query's answer; 0 without one.
fn first_value(answer: &Value) -> f64 {
    let value = answer["data"]["result"][0]["value"][1].as_str();
    value.map_or(0.0, |value| value.parse().unwrap())
}

/// Writes to the cluster until `done`.
async fn under_load(cluster: &Cluster, done: impl Future<Output = ()>) {
    let work = async {
        loop {
            cluster.fill(64 << 10).await.unwrap();
        }
    };
    tokio::select! {
        () = work => {}
        () = done => {}
    }
}

#[tokio::test]
async fn the_history_agrees_with_the_present() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let program = Program::watch(&cluster).await;
    program.until_healthy().await;
    let long_enough = program.until("a window", WITHIN, "/api/v1/metrics/current", |current| {
        let members = current["members"].as_array().unwrap();
        members.iter().all(|m| m["window_seconds"].as_f64() >= Some(WINDOW_SECONDS))
    });
    under_load(&cluster, long_enough).await;

    let current = program.json("/api/v1/metrics/current").await;
    let members = current["members"].as_array().unwrap();
    let newest = members.iter().map(|m| m["as_of"].as_str().unwrap().parse::<Timestamp>().unwrap());
    let newest = newest.max().unwrap().as_millisecond() as f64 / 1_000.0;
    // Readers see what is on disk, which is a moment later.
    let path = "/prometheus/api/v1/query?query=min(timestamp(up{member!=%22%22}))";
    program.until("the pages on disk", WITHIN, path, |answer| first_value(answer) >= newest).await;

    let (mut compared, mut wrong) = (0, Vec::new());
    for member in members {
        let (name, as_of) = (member["member"]["name"].as_str().unwrap(), &member["as_of"]);
        let seconds = member["window_seconds"].as_f64().unwrap() + 0.5;
        for (figure, value) in member["figures"].as_object().unwrap() {
            let Some(value) = value.as_f64() else { continue };
            let as_of = as_of.as_str().unwrap();
            let (found, kind) = value_at(&program, figure, name, as_of, seconds).await;
            // A histogram that began in the window has no rate until it grows again.
            if found.is_none() && figure.starts_with("peer_round_trip_") {
                continue;
            }
            compared += 1;
            if !found.is_some_and(|found| kind.agrees(found, value)) {
                wrong.push(format!("{name} {figure}: {found:?} in the history, {value} now"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared > 3 * 50, "{compared}");
    println!("{compared} figures agree");

    other_ways_to_ask(&program, &cluster).await;
}

async fn other_ways_to_ask(program: &Program, cluster: &Cluster) {
    let member = cluster.member(0);
    let (name, endpoint, id) = (member.name(), member.endpoint(), member.id());
    let points = async |query: &str| -> Value {
        let path = format!("/api/v1/metrics/history?from=-5s&step=1&{query}");
        program.json(&path).await["series"].clone()
    };
    for metric in ["db_size_bytes", "db_size", "etcd_mvcc_db_total_size_in_bytes"] {
        for member in [name, &endpoint, &id.to_string()] {
            let series = points(&format!("metric={metric}&member={member}")).await;
            assert_eq!(series.as_array().unwrap().len(), 1, "{metric} {member}: {series}");
            assert_eq!(series[0]["member"]["id"], id.to_string(), "{metric} {member}: {series}");
            assert_eq!(series[0]["points"].as_array().unwrap().len(), 6, "{series}");
        }
    }
    let buckets = points("metric=etcd_network_active_peers").await;
    assert_eq!(buckets.as_array().unwrap().len(), 6, "each member sees two others: {buckets}");
    assert!(buckets[0]["labels"]["Remote"].is_string(), "{buckets}");

    let path = "/api/v1/clusters/test/metrics/history?metric=db_size&from=-2s&step=1&format=csv";
    let (status, table) = http::get(program.authority(), path).await;
    assert_eq!((status, table.lines().count()), (200, 1 + 3 * 3), "{table}");
    assert!(table.starts_with("time,cluster,member,value\r\n"), "{table}");
    for (query, status) in [
        ("metric=no_such_series", 400),
        ("metric=a%20b", 400),
        ("metric=db_size&step=0", 400),
        ("metric=db_size&from=-1d&step=1", 400),
        ("metric=db_size&format=xml", 400),
        ("metric=db_size&cluster=none", 404),
    ] {
        let path = format!("/api/v1/metrics/history?{query}");
        let (found, body) = http::get(program.authority(), &path).await;
        assert_eq!(found, status, "{query}: {body}");
    }
}

#[tokio::test]
async fn a_restart_of_a_member_is_no_burst_of_proposals() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let client = cluster.client();
    for _ in 0..300 {
        let lease = client.lease_grant(60, WITHIN).await.unwrap();
        client.lease_revoke(lease.id, WITHIN).await.unwrap();
    }
    let program = Program::watch(&cluster).await;
    program.until_healthy().await;
    let member = cluster.follower().await.unwrap();
    let name = member.name();
    let started = format!("process_start_time_seconds{{member=%22{name}%22}}");
    let path = format!("/prometheus/api/v1/query?query={started}");
    program.until("a start", WITHIN, &path, |answer| first_value(answer) > 0.0).await;
    let began = first_value(&program.json(&path).await);
    member.kill().await.unwrap();
    member.restart().await.unwrap();
    let path =
        format!("/prometheus/api/v1/query?query=count_over_time(({started}%3E{began})[1m:1s])");
    program.until("scrapes", WITHIN, &path, |answer| first_value(answer) >= 10.0).await;
    let metric = "proposals_applied_per_second";
    let path = format!("/api/v1/metrics/history?metric={metric}&member={name}&from=-40s&step=1");
    let history = program.json(&path).await;
    let points = history["series"][0]["points"].as_array().unwrap();
    let most = points.iter().filter_map(|point| point["value"].as_f64()).fold(0.0, f64::max);
    assert!(points.len() >= 8 && most < 60.0, "the index is above 600: {history:#}");
}
