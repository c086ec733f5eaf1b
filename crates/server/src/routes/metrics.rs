//! Figures of the members as they are: from their own metrics, and the latency of our probes.

use axum::Json;
use axum::extract::{Path, Query, State};
use monitor::fleet::ClusterHandle;

use super::query::{ClusterQuery, named, named_or_only};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::latency::Latency;
use crate::wire::metrics::Metrics;

type Answer<T> = Result<Json<T>, Problem>;

/// The figures of a cluster's members, from their own metrics.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/metrics/current", tag = "metrics",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = Metrics), (status = 404, body = Problem))
)]
pub(super) async fn current(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Answer<Metrics> {
    Ok(Json(current_of(&named(&shared, &cluster)?)))
}

/// Figures of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/metrics/current", tag = "metrics", params(ClusterQuery),
    responses((status = 200, body = Metrics), (status = 400, body = Problem))
)]
pub(super) async fn only_current(
    State(shared): State<Shared>,
    Query(query): Query<ClusterQuery>,
) -> Answer<Metrics> {
    Ok(Json(current_of(&named_or_only(&shared, query.cluster.as_deref())?)))
}

/// How fast a cluster's members answered our probes.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/metrics/latency", tag = "metrics",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = Latency), (status = 404, body = Problem))
)]
pub(super) async fn latency(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Answer<Latency> {
    Ok(Json(latency_of(&named(&shared, &cluster)?)))
}

/// Latencies of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/metrics/latency", tag = "metrics", params(ClusterQuery),
    responses((status = 200, body = Latency), (status = 400, body = Problem))
)]
pub(super) async fn only_latency(
    State(shared): State<Shared>,
    Query(query): Query<ClusterQuery>,
) -> Answer<Latency> {
    Ok(Json(latency_of(&named_or_only(&shared, query.cluster.as_deref())?)))
}

fn current_of(cluster: &ClusterHandle) -> Metrics {
    Metrics::new(cluster.name(), &cluster.metrics())
}

fn latency_of(cluster: &ClusterHandle) -> Latency {
    Latency::new(cluster.name(), &cluster.latencies())
}
