//! Findings: what is wrong now, and what was.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use model::finding::{FindingKind, FindingState};
use monitor::fleet::ClusterHandle;
use monitor::own;
use serde::Deserialize;
use store::FindingQuery;
use utoipa::IntoParams;

use super::query::{limit, named, read, text, time, word};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::finding::{Finding, Findings};

/// Closed findings in one answer, unless asked for otherwise, and at most.
const DEFAULT_LIMIT: usize = 500;
const MAX_LIMIT: usize = 1_000;

/// Which findings. Those that are not over, unless `closed` or `state` says otherwise.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingsQuery {
    /// Also those that are over.
    #[serde(default)]
    closed: bool,
    /// Only those in this state: `pending`, `open`, `clearing` or `closed`.
    state: Option<String>,
    /// Of this kind.
    kind: Option<String>,
    /// Not over before: RFC 3339, seconds of Unix time, or back from now such as `-30m`.
    from: Option<String>,
    /// Begun before.
    to: Option<String>,
    /// With this in the summary or the explanation, in capital or small letters.
    text: Option<String>,
    /// How many of those that are over, 1 to 1000; 500 by default.
    limit: Option<usize>,
    /// Only those that are over, and older: `next_before` of the answer before.
    before: Option<u64>,
}

/// What is wrong with a cluster, why, and what to do.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/findings", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name"), FindingsQuery),
    responses((status = 200, body = Findings), (status = 400, body = Problem),
              (status = 404, body = Problem))
)]
pub(super) async fn of_cluster(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<FindingsQuery>,
) -> Result<Json<Findings>, Problem> {
    let only = named(&shared, &cluster)?;
    page(&shared, &[only], Some(cluster), query).await.map(Json)
}

/// What is wrong with any cluster, and with the monitor itself (as the cluster `etcd-monitor`).
#[utoipa::path(
    get, path = "/api/v1/findings", tag = "clusters", params(FindingsQuery),
    responses((status = 200, body = Findings), (status = 400, body = Problem))
)]
pub(super) async fn all(
    State(shared): State<Shared>,
    Query(query): Query<FindingsQuery>,
) -> Result<Json<Findings>, Problem> {
    let clusters = shared.state.fleet.clusters();
    page(&shared, &clusters, None, query).await.map(Json)
}

async fn page(
    shared: &Shared,
    clusters: &[ClusterHandle],
    cluster: Option<String>,
    query: FindingsQuery,
) -> Result<Findings, Problem> {
    let limit = limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let now = shared.now();
    let state = word("state", query.state.as_deref(), FindingState::ALL, FindingState::as_str)?;
    let wanted = FindingQuery {
        cluster,
        kind: word("kind", query.kind.as_deref(), FindingKind::ALL, FindingKind::as_str)?,
        is_closed: None,
        from: time("from", query.from.as_deref(), now)?,
        to: time("to", query.to.as_deref(), now)?,
        text: text(query.text)?,
        before: query.before,
    };
    let mut findings = Vec::new();
    if wanted.before.is_none() {
        let mut add = |cluster: &str, active: &[Arc<model::finding::Finding>]| {
            let active = active.iter().filter(|finding| {
                wanted.accepts(cluster, finding) && state.is_none_or(|state| state == finding.state)
            });
            findings.extend(active.map(|finding| Finding::new(cluster, finding)));
        };
        if wanted.cluster.is_none() {
            add(own::NAME, &shared.state.fleet.own_findings());
        }
        for view in clusters.iter().map(ClusterHandle::view) {
            add(&view.name, &view.findings);
        }
    }
    let wants_closed = query.closed || query.before.is_some();
    if !state.map_or(wants_closed, |state| state == FindingState::Closed) {
        return Ok(Findings { findings, next_before: None });
    }
    let fleet = shared.state.fleet.clone();
    let closed = read(move || fleet.closed_findings(&wanted, limit)).await?;
    findings.extend(closed.items.iter().map(|(cluster, finding)| Finding::new(cluster, finding)));
    Ok(Findings { findings, next_before: closed.next_before })
}
