//! Requests against the router, without a cluster: what every answer has in common.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use model::clock::{Clock as _, SystemClock};
use monitor::config::ClusterConfig;
use monitor::fleet::Fleet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tsdb::Tsdb;

use super::*;

/// A monitor of no clusters.
pub(crate) fn state(history: Option<Tsdb>) -> State {
    let clock: Arc<dyn model::clock::Clock> = Arc::new(SystemClock);
    let build = BuildInfo { version: "1.2.3", commit: "abc", date: "today", rustc: "rustc" };
    let started_at = SystemClock.now();
    let fleet = Fleet::new(Arc::clone(&clock));
    State {
        fleet,
        history,
        alerts: Alerts::default(),
        benchmarks: Benchmarks::default(),
        rules: rules::Rules::default(),
        clock,
        build,
        started_at,
    }
}

async fn ask(config: &Config, request: Request<Body>) -> Response {
    ask_about(state(None), config, request).await
}

pub(crate) async fn ask_about(state: State, config: &Config, request: Request<Body>) -> Response {
    let shared = Shared::new(state, &config.query, true, CancellationToken::new());
    routes::router(config, shared).oneshot(request).await.unwrap()
}

async fn get(path: &str) -> Response {
    let request = Request::get(path).body(Body::empty()).unwrap();
    ask(&Config::default(), request).await
}

pub(crate) async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

pub(crate) async fn json(response: Response) -> serde_json::Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn pages_have_no_script_within_since_the_policy_forbids_it() {
    for path in ["/", "/silences/new", "/runbooks/member_down", "/runbooks/backup_old"] {
        let page = text(get(path).await).await;
        assert!(!page.contains("<script>"), "{path}");
    }
    assert!(text(get("/silences/new").await).await.contains(r#"src="/silences/new.js""#));
    let script = get("/silences/new.js").await;
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
}

#[tokio::test]
async fn a_monitor_without_clusters_is_alive() {
    for path in ["/health", "/livez", "/readyz", "/", "/api/v1/clusters", "/api/openapi.json"] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        assert!(response.headers().contains_key("x-request-id"), "{path}");
    }
}

#[tokio::test]
async fn errors_are_problems_with_the_request_id() {
    for (path, status, code) in [
        ("/nowhere", 404, "not_found"),
        ("/api/v1/clusters/none/status", 404, "cluster_not_found"),
        ("/api/v1/cluster/status", 404, "cluster_not_found"),
        ("/api/v1/clusters/none/metrics/history", 404, "cluster_not_found"),
        ("/api/v1/events?limit=0", 400, "bad_query"),
        ("/api/v1/events?limit=many", 400, "bad_request"),
        ("/api/v1/events?kind=nothing", 400, "bad_query"),
        ("/api/v1/events?severity=worst", 400, "bad_query"),
        ("/api/v1/findings?state=over", 400, "bad_query"),
        ("/api/v1/findings?kind=nothing", 400, "bad_query"),
        ("/api/v1/findings?limit=1001", 400, "bad_query"),
        ("/api/v1/findings?before=x", 400, "bad_request"),
        ("/api/v1/clusters/none/leader/history", 404, "cluster_not_found"),
        ("/api/v1/clusters/none/members/history", 404, "cluster_not_found"),
        ("/api/v1/events?from=yesterday", 400, "bad_query"),
    ] {
        let response = get(path).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem = json(response).await;
        assert_eq!(problem["status"], status, "{path}: {problem}");
        assert_eq!(problem["code"], code, "{path}: {problem}");
        assert_eq!(problem["request_id"], id, "{path}");
    }
    let post = Request::post("/health").body(Body::empty()).unwrap();
    let response = ask(&Config::default(), post).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(json(response).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn without_a_data_directory_there_is_no_history() {
    let state = state(None);
    let config = ClusterConfig {
        name: "test".to_owned(),
        endpoints: vec!["127.0.0.1:1".to_owned()],
        ..ClusterConfig::default()
    };
    state.fleet.apply(vec![config]);
    let path = "/api/v1/metrics/history?metric=db_size";
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = ask_about(state.clone(), &Config::default(), request).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem = json(response).await;
    assert_eq!(problem["code"], "no_history", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--data-dir"), "{problem}");
    state.fleet.shutdown().await;
}

#[tokio::test]
async fn no_origin_may_read_unless_configured() {
    let request = || {
        Request::get("/health").header("origin", "https://a.example").body(Body::empty()).unwrap()
    };
    let closed = ask(&Config::default(), request()).await;
    assert!(!closed.headers().contains_key("access-control-allow-origin"));
    let config = Config { cors_origins: vec!["https://a.example".to_owned()], ..Config::default() };
    let open = ask(&config, request()).await;
    assert_eq!(open.headers()["access-control-allow-origin"], "https://a.example");
}

#[tokio::test]
async fn metrics_are_negotiated() {
    let text_page = text(get("/metrics").await).await;
    assert!(text_page.contains("etcd_monitor_self_build_info{version=\"1.2.3\""), "{text_page}");
    let request = Request::get("/metrics")
        .header("accept", "application/openmetrics-text; version=1.0.0")
        .body(Body::empty())
        .unwrap();
    let response = ask(&Config::default(), request).await;
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(text(response).await.ends_with("# EOF\n"));
}

#[test]
fn the_committed_openapi_document_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let fresh = format!("{}\n", openapi_json());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == fresh, "openapi.json is stale; run: UPDATE_EXPECT=1 cargo test -p server");
}
