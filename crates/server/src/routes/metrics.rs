//! Figures of the members: current, latency of our probes, history.

use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::SignedDuration;
use monitor::fleet::ClusterHandle;
use monitor::metrics::catalogue::{CATALOGUE, FigureId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::{ClusterQuery, named, named_or_only, time};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::history::History;
use crate::wire::latency::Latency;
use crate::wire::metrics::Metrics;

type Answer<T> = Result<Json<T>, Problem>;

/// Which figure, of whom, when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// The cluster's name; not needed when there is only one.
    cluster: Option<String>,
    /// The figure, such as `db_size_bytes`; `metrics/current` lists all.
    metric: Option<String>,
    /// One member, by name, ID or endpoint; all of them by default.
    member: Option<String>,
    /// From when: RFC 3339, seconds of Unix time, or back from now such as `-30m`; default `-1h`.
    from: Option<String>,
    /// Until when; default now.
    to: Option<String>,
}

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

/// One figure of a cluster's members over the last hour.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/metrics/history", tag = "metrics",
    params(("cluster" = String, Path, description = "The cluster's name"), HistoryQuery),
    responses((status = 200, body = History), (status = 404, body = Problem))
)]
pub(super) async fn history(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Answer<History> {
    history_of(&shared, &named(&shared, &cluster)?, &query).map(Json)
}

/// History of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/metrics/history", tag = "metrics", params(HistoryQuery),
    responses((status = 200, body = History), (status = 400, body = Problem))
)]
pub(super) async fn only_history(
    State(shared): State<Shared>,
    Query(query): Query<HistoryQuery>,
) -> Answer<History> {
    let cluster = named_or_only(&shared, query.cluster.as_deref())?;
    history_of(&shared, &cluster, &query).map(Json)
}

fn current_of(cluster: &ClusterHandle) -> Metrics {
    Metrics::new(cluster.name(), &cluster.metrics())
}

fn latency_of(cluster: &ClusterHandle) -> Latency {
    Latency::new(cluster.name(), &cluster.latencies())
}

fn history_of(
    shared: &Shared,
    cluster: &ClusterHandle,
    query: &HistoryQuery,
) -> Result<History, Problem> {
    let accepted = || CATALOGUE.iter().map(|spec| spec.name.to_owned());
    let name = query.metric.as_deref().ok_or_else(|| {
        Problem::bad_query("metric is missing; say which figure").accepting(accepted())
    })?;
    let figure = FigureId::named(name).ok_or_else(|| {
        Problem::bad_query(format!("metric={name:?} is no figure")).accepting(accepted())
    })?;
    let now = shared.now();
    let hour_ago = now - SignedDuration::from_hours(1);
    let from = time("from", query.from.as_deref(), now)?.unwrap_or(hour_ago);
    let to = time("to", query.to.as_deref(), now)?.unwrap_or(now);
    if from > to {
        return Err(Problem::bad_query("from is after to"));
    }
    let series = cluster.history(name, query.member.as_deref(), from, to);
    Ok(History {
        cluster: cluster.name(),
        metric: name.to_owned(),
        unit: figure.spec().unit.as_str(),
        series: series.into_iter().map(Into::into).collect(),
    })
}
