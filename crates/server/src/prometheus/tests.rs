//! Requests against the router with a small history: good ones, bad ones, and those given up.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use expfmt::Kind;
use http::{Request, StatusCode};
use model::series::{Labels, METRIC_NAME};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tsdb::{Options, Tsdb};

use crate::config::{Config, QueryConfig};
use crate::tests::{ask_about, json, state, text};
use crate::{Server, State};

const QUERY: &str = "/prometheus/api/v1/query";

/// A store with one scrape of two members, now; one of them has ended since.
fn history(directory: &TempDir, at_ms: i64) -> Tsdb {
    let store = Tsdb::open(directory.path(), Options::default()).unwrap();
    store.describe("up", Kind::Gauge, "Is it?");
    let up = store.series_id(&Labels::new([(METRIC_NAME, "up")]));
    let size = store.series_id(&Labels::new([(METRIC_NAME, "size_total"), ("kind", "a\\b")]));
    for member in ["m1", "m2"] {
        let target = store.target(&Labels::new([("job", "etcd"), ("member", member)]));
        target.append(at_ms, &[(up, 1.0), (size, 0.5)]).unwrap();
        if member == "m2" {
            target.append(at_ms + 1, &[]).unwrap();
        }
    }
    store.flush();
    store
}

fn filled(directory: &TempDir) -> (State, i64) {
    let mut state = state(None);
    let at_ms = state.clock.now().as_millisecond() - 1_000;
    state.history = Some(history(directory, at_ms));
    (state, at_ms)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post(path: &str, form: impl Into<Body>) -> Request<Body> {
    let kind = "application/x-www-form-urlencoded";
    Request::post(path).header("content-type", kind).body(form.into()).unwrap()
}

async fn error(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    let answer = json(response).await;
    assert_eq!(answer["status"], "error", "{answer}");
    assert!(!answer["error"].as_str().unwrap().is_empty(), "{answer}");
    (status, answer["errorType"].clone())
}

#[tokio::test]
async fn every_bad_request_is_told_as_prometheus_tells_it() {
    let directory = tempfile::tempdir().unwrap();
    let (state, _) = filled(&directory);
    for (path, status, kind) in [
        ("query", 400, "bad_data"),
        ("query?query=up%20%2B", 400, "bad_data"),
        ("query?query=nosuch(up)", 400, "bad_data"),
        ("query?query=up&time=yesterday", 400, "bad_data"),
        ("query?query=up&time=1e300", 400, "bad_data"),
        ("query?query=up&time=NaN", 400, "bad_data"),
        ("query?query=up&timeout=soon", 400, "bad_data"),
        ("query?query=up&timeout=0", 503, "timeout"),
        ("query?query=up&limit=many", 400, "bad_data"),
        ("query?query={job=%22etcd%22}*on(job){job=%22etcd%22}", 422, "execution"),
        ("query_range?query=up&end=1&step=1", 400, "bad_data"),
        ("query_range?query=up&start=0&end=1", 400, "bad_data"),
        ("query_range?query=up&start=0&end=1&step=0", 400, "bad_data"),
        ("query_range?query=up&start=0&end=1&step=-5s", 400, "bad_data"),
        ("query_range?query=up&start=2&end=1&step=1", 400, "bad_data"),
        ("query_range?query=up&start=0&end=11001&step=1", 400, "bad_data"),
        ("query_range?query=up[5m]&start=0&end=1&step=1", 400, "bad_data"),
        ("query_range?query=up&start=-9e12&end=9e12&step=1", 400, "bad_data"),
        ("series", 400, "bad_data"),
        ("series?match[]=up%5B5m%5D", 400, "bad_data"),
        ("series?match[]={}", 400, "bad_data"),
        ("labels?match[]=1", 400, "bad_data"),
        ("labels?start=x", 400, "bad_data"),
        ("label/a-b/values", 400, "bad_data"),
        ("label/%FF/values", 400, "bad_data"),
        ("label/a/values?limit=x", 400, "bad_data"),
        ("nowhere", 404, "not_found"),
    ] {
        let request = get(&format!("/prometheus/api/v1/{path}"));
        let response = ask_about(state.clone(), &Config::default(), request).await;
        assert_eq!(error(response).await, (status, json!(kind)), "{path}");
    }
    let long = |size: usize| format!("query={}", "1+".repeat(size / 2));
    for (request, status) in [
        (Request::delete(QUERY).body(Body::empty()).unwrap(), 405),
        (get("/federate?match[]=up%20offset%205m"), 400),
        (post(QUERY, long(1_000_000)), 400),
        (post(QUERY, long(5_000_000)), 413),
        (post(QUERY, vec![0xff, b'=', b'%', 0]), 400),
        (Request::post(QUERY).body(Body::from("query=up")).unwrap(), 400),
    ] {
        let response = ask_about(state.clone(), &Config::default(), request).await;
        assert_eq!(error(response).await, (status, json!("bad_data")));
    }
}

#[tokio::test]
async fn without_a_data_directory_the_answer_says_what_to_do() {
    for path in [
        "/prometheus/api/v1/query?query=1",
        "/prometheus/api/v1/labels",
        "/prometheus/federate?match[]=up",
    ] {
        let response = ask_about(state(None), &Config::default(), get(path)).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let answer = json(response).await;
        assert_eq!(answer["errorType"], "unavailable", "{path}");
        assert!(answer["error"].as_str().unwrap().contains("--data-dir"), "{answer}");
    }
}

#[tokio::test]
async fn a_form_counts_before_the_address_and_a_limit_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (state, at_ms) = filled(&directory);
    let request = post(
        "/prometheus/api/v1/query?query=none&limit=1",
        format!("query=size_total&time={}", at_ms as f64 / 1_000.0),
    );
    let answer = json(ask_about(state, &Config::default(), request).await).await;
    let labels = json!({"__name__": "size_total", "job": "etcd", "kind": "a\\b", "member": "m1"});
    assert_eq!(answer["data"]["result"][0]["metric"], labels, "{answer}");
    assert_eq!(answer["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(answer["warnings"], json!(["results truncated due to limit"]));
}

#[tokio::test]
async fn what_there_is_can_be_listed() {
    let directory = tempfile::tempdir().unwrap();
    let (state, _) = filled(&directory);
    for (path, expected) in [
        ("labels", json!(["__name__", "job", "kind", "member"])),
        ("labels?match[]=up", json!(["__name__", "job", "member"])),
        ("label/__name__/values", json!(["size_total", "up"])),
        ("label/member/values?match[]=up&limit=5", json!(["m1", "m2"])),
        ("label/nothing/values", json!([])),
        (
            "series?match[]={member=%22m1%22}&match[]=up{member=~%22m1|x%22}",
            json!([
                {"__name__": "size_total", "job": "etcd", "kind": "a\\b", "member": "m1"},
                {"__name__": "up", "job": "etcd", "member": "m1"},
            ]),
        ),
        ("metadata", json!({"up": [{"type": "gauge", "help": "Is it?", "unit": ""}]})),
        ("metadata?metric=down", json!({})),
        ("rules", json!({"groups": []})),
        ("alerts", json!({"alerts": []})),
    ] {
        let request = get(&format!("/prometheus/api/v1/{path}"));
        let answer = json(ask_about(state.clone(), &Config::default(), request).await).await;
        assert_eq!(answer, json!({"status": "success", "data": expected}), "{path}");
    }
}

#[tokio::test]
async fn a_federation_has_the_latest_samples_and_their_times() {
    let directory = tempfile::tempdir().unwrap();
    let (state, at_ms) = filled(&directory);
    for path in ["/federate", "/prometheus/federate"] {
        let request = get(&format!("{path}?match[]=up&match[]={{job=%22etcd%22}}%23all"));
        let page = text(ask_about(state.clone(), &Config::default(), request).await).await;
        let expected = format!(
            "# TYPE size_total untyped\n\
             size_total{{job=\"etcd\",kind=\"a\\\\b\",member=\"m1\"}} 0.5 {at_ms}\n\
             # TYPE up untyped\n\
             up{{job=\"etcd\",member=\"m1\"}} 1 {at_ms}\n"
        );
        assert_eq!(page, expected);
    }
}

/// One query at a time; the first would take for ever.
#[tokio::test]
async fn a_client_that_hangs_up_makes_room_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let (state, _) = filled(&directory);
    let query = QueryConfig { concurrency: 1, ..QueryConfig::default() };
    let config = Config { port: 0, query, ..Config::default() };
    let server = Server::bind(&config).await.unwrap();
    let (address, stop) = (server.local_addr(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(state, stop.clone()));

    let ask = async |query: &str| {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {QUERY}?query={query} HTTP/1.0\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        client
    };
    let endless = "max_over_time(sum_over_time(vector(1)[1d:1s])[10d:1s])";
    let mut busy = ask(endless).await;
    let no_answer = tokio::time::timeout(Duration::from_secs(1), busy.read_u8()).await;
    assert!(no_answer.is_err(), "the first query goes on");
    drop(busy);

    let mut answer = String::new();
    let mut next = ask("1").await;
    tokio::time::timeout(Duration::from_secs(8), next.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.contains(r#""resultType":"scalar""#), "{answer}");
    stop.cancel();
    serving.await.unwrap();
}
