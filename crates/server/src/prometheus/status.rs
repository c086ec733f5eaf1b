//! What Grafana asks a Prometheus about itself.

use axum::extract::State;
use serde_json::json;

use super::json::Success;
use crate::state::Shared;

/// The Prometheus whose API and PromQL this is: Grafana chooses its features by it.
const VERSION: &str = "2.42.0";

/// What this is: the version of Prometheus whose API it speaks, and our own build.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/buildinfo", tag = "prometheus",
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn build_info(State(shared): State<Shared>) -> Success {
    let build = shared.state.build;
    Success::of_data(&json!({
        "version": VERSION,
        "revision": build.commit,
        "branch": format!("etcd-monitor {}", build.version),
        "buildUser": "etcd-monitor",
        "buildDate": build.date,
        "goVersion": "",
    }))
}

/// What is known of metrics beside their series: nothing, since only samples are kept.
pub(super) async fn metadata() -> Success {
    Success::of_data(&json!({}))
}

/// There are no rules.
pub(super) async fn rules() -> Success {
    Success::of_data(&json!({"groups": []}))
}

/// Without rules there are no alerts of rules.
pub(super) async fn alerts() -> Success {
    Success::of_data(&json!({"alerts": []}))
}
