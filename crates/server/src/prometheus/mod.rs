//! Prometheus' HTTP API over the history, as of Prometheus 2.42, for Grafana, promtool and scripts.
//!
//! Below `/prometheus/api/v1/`:
//!
//! - `query`, `query_range`: PromQL, by GET and by POST
//! - `series`, `labels`, `label/{name}/values`, `metadata`: what there is
//! - `status/buildinfo`, `rules`, `alerts`: what Grafana asks for to know whom it talks to
//!
//! And `/federate`, also as `/prometheus/federate`: the latest samples, for a Prometheus to scrape.

mod failure;
mod federate;
mod json;
mod parameters;
mod query;
mod series;
mod status;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use http::StatusCode;
use tower::ServiceBuilder;
use tower_http::timeout::TimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use failure::Failure;

use crate::config::Config;
use crate::queries::PATIENCE;
use crate::state::Shared;

/// The longest body that is read: a query of the greatest length with each byte escaped, and more.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The routes, with their description.
pub(crate) fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(query::query))
        .routes(routes!(query::query_range))
        .routes(routes!(series::series))
        .routes(routes!(series::labels))
        .routes(routes!(series::label_values))
        .routes(routes!(federate::federate))
        .routes(routes!(status::build_info))
        .routes(routes!(status::metadata))
}

/// The routes with their limits, which are those of queries and not of other requests.
pub(crate) fn router(config: &Config) -> Router<Shared> {
    let (described, _) = described().split_for_parts();
    let limits = ServiceBuilder::new()
        // The query itself is over before; this ends bodies that do not come.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            config.query.timeout + 2 * PATIENCE,
        ))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    described
        .route("/prometheus/federate", axum::routing::get(federate::federate))
        .route("/prometheus/api/v1/rules", axum::routing::get(status::rules))
        .route("/prometheus/api/v1/alerts", axum::routing::get(status::alerts))
        .layer(limits)
}

/// Whether the path is one where errors have Prometheus' shape.
pub(crate) fn owns(path: &str) -> bool {
    path == "/federate" || path == "/prometheus" || path.starts_with("/prometheus/")
}

#[cfg(test)]
mod tests;
