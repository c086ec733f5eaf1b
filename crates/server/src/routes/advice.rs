//! Recommendations: what to change, and the figure behind each.

use axum::Json;
use axum::extract::{Path, State};
use monitor::advice::advice;

use super::query::named;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::advice::Recommendations;

/// What to change in a cluster, from measured facts.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/recommendations", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = Recommendations), (status = 404, body = Problem))
)]
pub(super) async fn of_cluster(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Result<Json<Recommendations>, Problem> {
    let handle = named(&shared, &cluster)?;
    Ok(Json(Recommendations::new(cluster, &advice(&handle.view(), &handle.metrics()))))
}
