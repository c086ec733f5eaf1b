//! Changes of leader and of the member list, all the way back.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use store::ChangeQuery;
use utoipa::IntoParams;

use super::query::{limit, named, read, time};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::leader::LeaderHistory;
use crate::wire::member::MemberListHistory;

/// Changes in one answer, unless asked for otherwise, and at most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Which changes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// Not before: RFC 3339, seconds of Unix time, or back from now such as `-30m`.
    from: Option<String>,
    /// Before.
    to: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    limit: Option<usize>,
    /// Older ones: `next_before` of the answer before.
    before: Option<u64>,
}

/// The changes of a cluster's leader, newest first.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/leader/history", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name"), ChangesQuery),
    responses((status = 200, body = LeaderHistory), (status = 400, body = Problem),
              (status = 404, body = Problem))
)]
pub(super) async fn of_leader(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<LeaderHistory>, Problem> {
    named(&shared, &cluster)?;
    let (wanted, limit) = wanted(&shared, cluster, &query)?;
    let fleet = shared.state.fleet.clone();
    let page = read(move || fleet.leader_changes(&wanted, limit)).await?;
    Ok(Json(LeaderHistory::from(&page)))
}

/// What happened to a cluster's member list, newest first.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/members/history", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name"), ChangesQuery),
    responses((status = 200, body = MemberListHistory), (status = 400, body = Problem),
              (status = 404, body = Problem))
)]
pub(super) async fn of_members(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<MemberListHistory>, Problem> {
    named(&shared, &cluster)?;
    let (wanted, limit) = wanted(&shared, cluster, &query)?;
    let fleet = shared.state.fleet.clone();
    let page = read(move || fleet.membership_changes(&wanted, limit)).await?;
    Ok(Json(MemberListHistory::from(&page)))
}

fn wanted(
    shared: &Shared,
    cluster: String,
    query: &ChangesQuery,
) -> Result<(ChangeQuery, usize), Problem> {
    let now = shared.now();
    let wanted = ChangeQuery {
        cluster,
        from: time("from", query.from.as_deref(), now)?,
        to: time("to", query.to.as_deref(), now)?,
        before: query.before,
    };
    Ok((wanted, limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?))
}
