//! Receivers: how the ways to them are, and trying them out.

use axum::Json;
use axum::extract::{Path, State};

use crate::changes::Changer;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::alert::{Receiver, Receivers, Tested, TestedChannel};

/// Whom alerts can go to, and how the ways to them are.
#[utoipa::path(
    get, path = "/api/v1/receivers", tag = "alerts",
    responses((status = 200, body = Receivers), (status = 503, body = Problem))
)]
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Receivers>, Problem> {
    let receivers = shared.alerts()?.receivers().await;
    Ok(Json(Receivers { receivers: receivers.iter().map(Receiver::from).collect() }))
}

/// Sends a test notification to a receiver, past all routes and silences.
#[utoipa::path(
    post, path = "/api/v1/receivers/{name}/test", tag = "alerts",
    params(("name" = String, Path, description = "The receiver's name")),
    responses((status = 200, body = Tested), (status = 403, body = Problem),
              (status = 404, body = Problem))
)]
pub(super) async fn test(
    State(shared): State<Shared>,
    _: Changer,
    Path(name): Path<String>,
) -> Result<Json<Tested>, Problem> {
    let outcomes = shared.alerts()?.test(&name).await?;
    let channels = outcomes.into_iter().map(|tested| {
        let (ok, detail) = match tested.outcome {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        TestedChannel { name: tested.channel, ok, detail, took_seconds: tested.took.as_secs_f64() }
    });
    Ok(Json(Tested { channels: channels.collect() }))
}
