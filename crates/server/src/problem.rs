//! Errors as clients see them: RFC 9457 problem details.
//!
//! A handler returns a [`Problem`]; [`crate::middleware::render`] writes it out, because only there
//! the request's ID is known, and there too the bare errors of routing and limits get their body.

use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::changes::NotAllowed;
use crate::queries::QueryError;

/// What went wrong with a request (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` tells the kinds apart.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The phrase of the HTTP status.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, for programs.
    pub code: &'static str,
    /// What is wrong with this request, and what to do about it, for people.
    pub detail: String,
    /// The request, as the log names it; also in the `x-request-id` header.
    pub request_id: String,
    /// The values that would have been accepted, where they can be listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
}

impl Problem {
    /// A problem of this status and code.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            request_id: String::new(),
            accepted: Vec::new(),
        }
    }

    /// A query parameter that is missing, unknown or malformed.
    pub(crate) fn bad_query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", detail)
    }

    /// A body that is malformed, or lacks something.
    pub(crate) fn bad_body(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", detail)
    }

    /// What an error response without a body of its own means.
    ///
    /// The router, the limits and the timeout answer with a bare status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "no such page; /api/docs lists what there is"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this address takes other methods; see the allow header")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("body_too_large", "the body is larger than server.max_body_bytes allows")
            }
            StatusCode::NOT_ACCEPTABLE => {
                ("not_acceptable", "no encoding is left; allow identity or gzip")
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                ("timeout", "the answer took longer than server.request_timeout; try again")
            }
            StatusCode::INTERNAL_SERVER_ERROR => (
                "internal",
                "an error in the monitor itself; its log has more under the request ID",
            ),
            status if status.is_server_error() => ("server_error", "the request failed"),
            _ => ("bad_request", "the request is not well formed"),
        };
        Self::new(status, code, detail)
    }

    /// The same problem with the values that would have been accepted.
    pub(crate) fn accepting(mut self, accepted: impl IntoIterator<Item = String>) -> Self {
        self.accepted = accepted.into_iter().collect();
        self
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let (status, code) = match &error {
            QueryError::NoHistory => (StatusCode::SERVICE_UNAVAILABLE, "no_history"),
            QueryError::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            QueryError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            QueryError::Panicked => return Self::of_status(StatusCode::INTERNAL_SERVER_ERROR),
            QueryError::Query(promql::Error::Timeout | promql::Error::Canceled) => {
                (StatusCode::SERVICE_UNAVAILABLE, "timeout")
            }
            QueryError::Query(promql::Error::TooLarge { .. }) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "query_too_large")
            }
            QueryError::Query(error) => {
                tracing::error!(error = %error, "history cannot be read");
                return Self::of_status(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<alert::EngineError> for Problem {
    fn from(error: alert::EngineError) -> Self {
        match error {
            alert::EngineError::Bad(detail) => Self::bad_body(detail),
            alert::EngineError::Missing(detail) => {
                Self::new(StatusCode::NOT_FOUND, "not_found", detail)
            }
            alert::EngineError::Unavailable(detail) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "alerts_unavailable", detail)
            }
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::of_status(StatusCode::PAYLOAD_TOO_LARGE),
            _ => Self::bad_body(rejection.body_text()),
        }
    }
}

impl From<NotAllowed> for Problem {
    fn from(refused: NotAllowed) -> Self {
        Self::new(StatusCode::FORBIDDEN, "changes_refused", refused.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
