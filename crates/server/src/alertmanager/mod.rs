//! Alertmanager's HTTP API v2 over our alerts, for amtool, Karma and whatever sends alerts.
//!
//! Below `/alertmanager/api/v2/`:
//!
//! - `status`, `receivers`
//! - `alerts` (GET; POST takes alerts of others), `alerts/groups`
//! - `silences` (GET, POST), `silence/{id}` (GET, DELETE)
//!
//! What changes something is subject to [`crate::changes`]. Errors are a JSON string, as there.

mod alerts;
mod filter;
mod groups;
mod silences;
mod status;
mod wire;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;

use crate::changes::NotAllowed;
use crate::state::{NO_ALERTS, Shared};

/// The longest body that is read: a thousand alerts with long annotations.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The routes.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/alertmanager/api/v2/status", get(status::status))
        .route("/alertmanager/api/v2/receivers", get(status::receivers))
        .route("/alertmanager/api/v2/alerts", get(alerts::list).post(alerts::take))
        .route("/alertmanager/api/v2/alerts/groups", get(groups::list))
        .route("/alertmanager/api/v2/silences", get(silences::list).post(silences::put))
        .route("/alertmanager/api/v2/silence/{id}", get(silences::one).delete(silences::expire))
        .route("/alertmanager/-/healthy", get(async || "OK"))
        .route("/alertmanager/-/ready", get(async || "OK"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// Whether the path is one where errors have Alertmanager's shape.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with("/alertmanager/")
}

/// Why a request has no answer; [`crate::middleware::render`] writes it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    fn bad(text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    fn missing(text: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, text: text.into() }
    }

    fn unavailable(text: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text: text.into() }
    }

    /// What an error response without a body of its own means.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self { status, text: crate::problem::Problem::of_status(status).detail }
    }

    /// The body that tells it.
    pub(crate) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.text).unwrap_or_default()
    }
}

impl From<NotAllowed> for Refusal {
    fn from(refused: NotAllowed) -> Self {
        Self { status: StatusCode::FORBIDDEN, text: refused.to_string() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The alerts of this monitor, where they are switched on.
fn engine(shared: &Shared) -> Result<alert::Engine, Refusal> {
    shared.state.alerts.engine().ok_or_else(|| Refusal::unavailable(NO_ALERTS))
}

fn failed(error: alert::EngineError) -> Refusal {
    match error {
        alert::EngineError::Bad(text) => Refusal::bad(text),
        alert::EngineError::Missing(text) => Refusal::missing(text),
        alert::EngineError::Unavailable(text) => Refusal::unavailable(text),
    }
}
