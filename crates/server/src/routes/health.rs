//! `/health`, `/livez`, `/readyz`: the monitor itself.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use monitor::fleet::ClusterHandle;

use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::health::{Alive, Health};

/// How the monitor is, with a summary of the clusters.
///
/// Always 200 while the monitor works: a sick cluster is what it is there to tell of.
#[utoipa::path(get, path = "/health", tag = "monitor", responses((status = 200, body = Health)))]
pub(super) async fn health(State(shared): State<Shared>) -> Json<Health> {
    let views: Vec<_> = shared.state.fleet.clusters().iter().map(ClusterHandle::view).collect();
    let is_ready = shared.waiting_for().is_empty();
    let state = &shared.state;
    let own = state.fleet.own_findings();
    Json(Health::new(state.build, state.started_at, is_ready, &own, &views, shared.now()))
}

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "monitor", responses((status = 200, body = Alive)))]
pub(super) async fn livez() -> Json<Alive> {
    Json(Alive::OK)
}

/// Whether every cluster was swept at least once since the start.
#[utoipa::path(
    get, path = "/readyz", tag = "monitor",
    responses((status = 200, body = Alive), (status = 503, body = Problem))
)]
pub(super) async fn readyz(State(shared): State<Shared>) -> Result<Json<Alive>, Problem> {
    let waiting = shared.waiting_for();
    if waiting.is_empty() {
        return Ok(Json(Alive::OK));
    }
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        format!("not swept yet: {}", waiting.join(", ")),
    ))
}
