//! What Grafana asks a Prometheus about itself.

use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::json;
use tsdb::Metric;

use super::failure::Failure;
use super::json::Success;
use super::parameters::Parameters;
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

/// What members say of their metrics: type and meaning.
#[utoipa::path(
    get, path = "/prometheus/api/v1/metadata", tag = "prometheus",
    params(
        ("metric" = Option<String>, Query, description = "only this one"),
        ("limit" = Option<usize>, Query, description = "how many metrics at most; 0 is all"),
    ),
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn metadata(
    State(shared): State<Shared>,
    parameters: Parameters,
) -> Result<Success, Failure> {
    let limit = parameters.limit()?.unwrap_or(usize::MAX);
    let metric = parameters.get("metric").map(str::to_owned);
    let answer = shared.queries.run(move |store, _| {
        let metrics = store.metrics().into_iter();
        let wanted = metrics.filter(|(name, _)| metric.as_ref().is_none_or(|one| one == name));
        let data = wanted.take(limit).map(|(name, Metric { kind, help })| {
            (name, json!([{"type": kind.as_str(), "help": help, "unit": ""}]))
        });
        Ok(Success::of_data(&serde_json::Value::Object(data.collect())))
    });
    Ok(answer.await?)
}

/// Which rules.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RulesQuery {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The rules that are evaluated, and their alerts.
pub(super) async fn rules(
    State(shared): State<Shared>,
    Query(query): Query<RulesQuery>,
) -> Result<Success, Failure> {
    let alerting = match query.kind.as_deref() {
        None | Some("") => None,
        Some("alert") => Some(true),
        Some("record") => Some(false),
        Some(other) => {
            return Err(Failure::parameter("type", &format!("not supported value {other:?}")));
        }
    };
    Ok(Success::of_data(&shared.state.rules.groups(alerting)))
}

/// The alerts of rules that are pending or firing.
pub(super) async fn alerts(State(shared): State<Shared>) -> Success {
    Success::of_data(&shared.state.rules.alerts())
}
