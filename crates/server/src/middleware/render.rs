//! Writes every error out: as problem+json, or as Prometheus and Alertmanager would where their
//! APIs are spoken.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::alertmanager::{self, Refusal};
use crate::middleware::observe::RequestId;
use crate::problem::Problem;
use crate::prometheus::{self, Failure};

/// Gives error responses their body: the handler's [`Problem`], [`Failure`] or [`Refusal`], or what the bare
/// status means.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let is_prometheus = prometheus::owns(request.uri().path());
    let is_alertmanager = alertmanager::owns(request.uri().path());
    let mut response = next.run(request).await;
    let failure = response.extensions_mut().remove::<Failure>();
    let problem = response.extensions_mut().remove::<Problem>();
    let refusal = response.extensions_mut().remove::<Refusal>();
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if !is_error {
        return response;
    }
    let (kind, body) = if is_prometheus {
        let failure = failure.unwrap_or_else(|| Failure::of_status(response.status()));
        ("application/json", failure.body())
    } else if is_alertmanager {
        let refusal = refusal.unwrap_or_else(|| Refusal::of_status(response.status()));
        ("application/json", refusal.body())
    } else {
        let mut problem = problem.unwrap_or_else(|| Problem::of_status(response.status()));
        problem.request_id = id.map(|id| id.as_str().to_owned()).unwrap_or_default();
        ("application/problem+json", serde_json::to_vec(&problem).unwrap_or_default())
    };
    // Other headers stay: `allow` of a 405 tells the methods.
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    *response.body_mut() = Body::from(body);
    response
}
