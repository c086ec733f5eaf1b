//! Clusters: list, status, leader, members.

use axum::Json;
use axum::extract::{Path, Query, State};

use super::query::{ClusterQuery, named, named_or_only};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::cluster::{ClusterSummary, Clusters};
use crate::wire::leader::LeaderAnswer;
use crate::wire::member::Members;
use crate::wire::status::Status;

type Answer<T> = Result<Json<T>, Problem>;

/// All clusters, in a few words each.
#[utoipa::path(
    get, path = "/api/v1/clusters", tag = "clusters", responses((status = 200, body = Clusters))
)]
pub(super) async fn list(State(shared): State<Shared>) -> Json<Clusters> {
    let clusters = shared.state.fleet.clusters();
    let clusters = clusters.iter().map(|c| ClusterSummary::from(&*c.view())).collect();
    Json(Clusters { clusters })
}

/// One cluster, in a few words.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = ClusterSummary), (status = 404, body = Problem))
)]
pub(super) async fn summary(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Answer<ClusterSummary> {
    Ok(Json(ClusterSummary::from(&*named(&shared, &cluster)?.view())))
}

/// How a cluster is, why, and what is known of its members.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/status", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = Status), (status = 404, body = Problem))
)]
pub(super) async fn status(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Answer<Status> {
    Ok(Json(Status::new(&named(&shared, &cluster)?.view(), shared.now())))
}

/// Who leads a cluster, since when, and who did before.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/leader", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = LeaderAnswer), (status = 404, body = Problem))
)]
pub(super) async fn leader(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Answer<LeaderAnswer> {
    Ok(Json(LeaderAnswer::new(&named(&shared, &cluster)?.view(), shared.now())))
}

/// The members of a cluster, and what happened to its member list.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/members", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = Members), (status = 404, body = Problem))
)]
pub(super) async fn members(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Answer<Members> {
    Ok(Json(Members::from(&*named(&shared, &cluster)?.view())))
}

/// Status of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/cluster/status", tag = "clusters", params(ClusterQuery),
    responses((status = 200, body = Status), (status = 400, body = Problem))
)]
pub(super) async fn only_status(
    State(shared): State<Shared>,
    Query(query): Query<ClusterQuery>,
) -> Answer<Status> {
    let cluster = named_or_only(&shared, query.cluster.as_deref())?;
    Ok(Json(Status::new(&cluster.view(), shared.now())))
}

/// Leader of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/cluster/leader", tag = "clusters", params(ClusterQuery),
    responses((status = 200, body = LeaderAnswer), (status = 400, body = Problem))
)]
pub(super) async fn only_leader(
    State(shared): State<Shared>,
    Query(query): Query<ClusterQuery>,
) -> Answer<LeaderAnswer> {
    let cluster = named_or_only(&shared, query.cluster.as_deref())?;
    Ok(Json(LeaderAnswer::new(&cluster.view(), shared.now())))
}

/// Members of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/cluster/members", tag = "clusters", params(ClusterQuery),
    responses((status = 200, body = Members), (status = 400, body = Problem))
)]
pub(super) async fn only_members(
    State(shared): State<Shared>,
    Query(query): Query<ClusterQuery>,
) -> Answer<Members> {
    let cluster = named_or_only(&shared, query.cluster.as_deref())?;
    Ok(Json(Members::from(&*cluster.view())))
}
