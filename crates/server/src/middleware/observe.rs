//! Request IDs, the request log and the request counters.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::state::Shared;

/// The header that carries the ID of a request, in and out.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer IDs of clients are replaced: they would only fill logs.
const MAX_REQUEST_ID: usize = 64;

/// The ID of a request, among its extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The client's own ID where it is a sane one, else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let sane = headers.get(REQUEST_ID).filter(|id| {
            let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(allowed)
        });
        Self(sane.cloned().unwrap_or_else(|| {
            HeaderValue::from_str(&format!("{:016x}", fastrand::u64(..)))
                .expect("invariant: hex digits are a header value")
        }))
    }

    /// The ID as text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Names, times, counts and logs a request.
pub(crate) async fn observe(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let uri = request.uri().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(id.clone());

    let mut response = next.run(request).await;

    let took = started.elapsed();
    let status = response.status();
    shared.http.record(
        route.as_ref().map_or("unmatched", MatchedPath::as_str),
        status.as_u16(),
        took,
    );
    // Not at info: a dashboard asks every second, and its requests change nothing.
    if status.is_server_error() {
        tracing::warn!(
            %method, path = uri.path(), status = status.as_u16(), duration_seconds = took.as_secs_f64(),
            request_id = id.as_str(), "request failed"
        );
    } else {
        tracing::debug!(
            %method, path = uri.path(), status = status.as_u16(), duration_seconds = took.as_secs_f64(),
            request_id = id.as_str(), "request served"
        );
    }
    response.headers_mut().insert(REQUEST_ID, id.0);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sane_request_id_of_a_client_is_taken_over() {
        let id = |text: &'static str| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(text))]);
            RequestId::of(&headers).as_str().to_owned()
        };
        assert_eq!(id("build-17_a.b"), "build-17_a.b");
        for bad in ["", "a b", "a\"b", "x=1;y", &"a".repeat(65).leak()[..]] {
            let replaced = id(bad);
            assert_eq!(replaced.len(), 16, "{bad:?} became {replaced:?}");
        }
    }
}
