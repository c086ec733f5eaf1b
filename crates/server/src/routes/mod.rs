//! What is served:
//!
//! - `/` links to everything; `/silences/new` and `/runbooks/{kind}`, which notifications link to;
//!   `/health`, `/livez`, `/readyz`; `/metrics`
//! - `/api/v1/clusters`, and below `/api/v1/clusters/{cluster}`: `status`, `leader`,
//!   `leader/history`, `members`, `members/history`, `findings`, `recommendations`, `capacity`, `events`, `metrics/current`,
//!   `metrics/latency`, `metrics/history`
//! - `/api/v1/cluster/…` and `/api/v1/metrics/…`: the same for `?cluster=NAME`, or the only cluster
//! - `/api/v1/findings`, `/api/v1/events`, `/api/v1/stream`
//! - `/api/v1/alerts`, below it `history`, `notifications`, `{fingerprint}` and its
//!   `acknowledgement`; `/api/v1/silences`, `/api/v1/receivers`
//! - `/api/v1/benchmarks`, below it `{id}` and `running`
//! - `/api/openapi.json`, `/api/docs`
//! - what [`crate::prometheus`] and [`crate::alertmanager`] list

mod advice;
mod alert_history;
mod alerts;
mod benchmarks;
mod capacity;
mod changes;
mod clusters;
mod events;
mod exporter;
mod findings;
mod health;
mod history;
mod metrics;
mod pages;
mod query;
mod receivers;
mod silences;
mod stream;

use axum::Router;
use axum::routing::get;
use http::{HeaderName, Method, StatusCode};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::config::Config;
use crate::state::Shared;
use crate::{alertmanager, middleware, prometheus};

#[derive(OpenApi)]
#[openapi(info(
    title = "etcd-monitor",
    description = "Who is a member, who leads, since when, what is wrong, how fast every member \
                   answers. Errors are problem+json (RFC 9457)."
))]
struct Api;

/// Requests that have a time limit; streams have none.
fn limited() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(health::health))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(exporter::metrics))
        .routes(routes!(clusters::list))
        .routes(routes!(clusters::summary))
        .routes(routes!(clusters::status))
        .routes(routes!(clusters::leader))
        .routes(routes!(clusters::members))
        .routes(routes!(changes::of_leader))
        .routes(routes!(changes::of_members))
        .routes(routes!(findings::of_cluster))
        .routes(routes!(advice::of_cluster))
        .routes(routes!(capacity::of_cluster))
        .routes(routes!(clusters::only_status))
        .routes(routes!(clusters::only_leader))
        .routes(routes!(clusters::only_members))
        .routes(routes!(findings::all))
        .routes(routes!(alerts::all))
        .routes(routes!(alerts::of_cluster))
        .routes(routes!(alerts::one))
        .routes(routes!(alert_history::transitions))
        .routes(routes!(alert_history::notifications))
        .routes(routes!(alerts::acknowledge, alerts::unacknowledge))
        .routes(routes!(silences::list, silences::make))
        .routes(routes!(silences::expire))
        .routes(routes!(receivers::list))
        .routes(routes!(receivers::test))
        .routes(routes!(benchmarks::list, benchmarks::start))
        .routes(routes!(benchmarks::running, benchmarks::stop))
        .routes(routes!(benchmarks::one))
        .routes(routes!(events::of_cluster))
        .routes(routes!(events::all))
        .routes(routes!(metrics::current))
        .routes(routes!(metrics::latency))
        .routes(routes!(history::of_cluster))
        .routes(routes!(metrics::only_current))
        .routes(routes!(metrics::only_latency))
        .routes(routes!(history::of_only))
}

fn streams() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(stream::stream))
}

/// The OpenAPI document, made from the handlers.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    limited().merge(prometheus::described()).merge(streams()).into_openapi()
}

/// Everything that is served.
pub(crate) fn router(config: &Config, shared: Shared) -> Router {
    let (limited, _) = limited().split_for_parts();
    let (streams, _) = streams().split_for_parts();
    let limits = ServiceBuilder::new()
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            config.request_timeout,
        ))
        .layer(RequestBodyLimitLayer::new(config.max_body_bytes));
    let docs = SwaggerUi::new("/api/docs").url("/api/openapi.json", openapi());
    limited
        .route("/", get(pages::index))
        .route("/silences/new", get(pages::new_silence))
        .route("/silences/new.js", get(pages::new_silence_script))
        .route("/runbooks/{kind}", get(pages::runbook))
        .merge(docs)
        .layer(limits)
        .merge(prometheus::router(config))
        .merge(alertmanager::router())
        .layer(CompressionLayer::new())
        .merge(streams)
        .fallback(async || StatusCode::NOT_FOUND)
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(middleware::render))
        .layer(axum::middleware::map_response(middleware::add_headers))
        .layer(cors(config))
        .layer(axum::middleware::from_fn_with_state(shared.clone(), middleware::observe))
        .with_state(shared)
}

/// No origin may read the API, unless configured.
fn cors(config: &Config) -> CorsLayer {
    let origins = match config.origins() {
        None => AllowOrigin::any(),
        Some(origins) => AllowOrigin::list(origins),
    };
    let request_id: [HeaderName; 1] = [middleware::REQUEST_ID];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD])
        .expose_headers(request_id)
}
