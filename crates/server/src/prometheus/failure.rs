//! Errors in Prometheus' shape: status, `errorType` and text.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::queries::QueryError;

/// Why a request has no answer.
///
/// A handler returns it; [`crate::middleware::render`] writes it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    status: &'static str,
    error_type: &'static str,
    error: &'a str,
}

impl Failure {
    fn new(status: StatusCode, kind: &'static str, text: impl Into<String>) -> Self {
        Self { status, kind, text: text.into() }
    }

    /// A request that is wrong in itself.
    pub(super) fn bad_data(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_data", text)
    }

    /// A parameter that is wrong.
    pub(super) fn parameter(name: &str, text: &str) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {text}"))
    }

    /// A body that is no form, or too long.
    pub(super) fn of_form(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::of_status(status),
            _ => Self::bad_data("the body is no form; send application/x-www-form-urlencoded"),
        }
    }

    /// What an error response without a body of its own means: of the router, a limit or a panic.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (kind, text) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is no such address in this API"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("bad_data", "this address takes other methods; see the allow header")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("bad_data", "the body is too large"),
            StatusCode::NOT_ACCEPTABLE => {
                ("bad_data", "no encoding is left; allow identity or gzip")
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                ("timeout", "the answer took longer than server.query.timeout allows")
            }
            status if status.is_server_error() => {
                ("internal", "an error in the monitor itself; its log has more")
            }
            _ => ("bad_data", "the request is not well formed"),
        };
        Self::new(status, kind, text)
    }

    /// The body that tells it.
    pub(crate) fn body(&self) -> Vec<u8> {
        let body = Body { status: "error", error_type: self.kind, error: &self.text };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let (status, kind) = match &error {
            QueryError::NoHistory | QueryError::Stopping => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            QueryError::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            QueryError::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            QueryError::Query(promql::Error::Parse { .. } | promql::Error::BadQuery(_)) => {
                return Self::parameter("query", &error.to_string());
            }
            QueryError::Query(error) => match error.class() {
                "bad_data" => (StatusCode::BAD_REQUEST, "bad_data"),
                class @ ("timeout" | "canceled") => (StatusCode::SERVICE_UNAVAILABLE, class),
                class @ "execution" => (StatusCode::UNPROCESSABLE_ENTITY, class),
                class => (StatusCode::INTERNAL_SERVER_ERROR, class),
            },
        };
        if let QueryError::Query(promql::Error::Storage(source)) = &error {
            tracing::error!(error = %source, "history cannot be read");
            return Self::new(status, kind, format!("{error}: {source}"));
        }
        Self::new(status, kind, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
