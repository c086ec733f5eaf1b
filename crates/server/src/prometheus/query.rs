//! `query` and `query_range`: PromQL for one moment and for a range.

use std::cmp;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::extract::State;
use promql::{Engine, Query};

use super::failure::Failure;
use super::json::Success;
use super::parameters::{Parameters, Steps};
use crate::state::Shared;

/// The value of a PromQL expression at one moment.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/query", tag = "prometheus",
    params(
        ("query" = String, Query, description = "PromQL"),
        ("time" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time; now"),
        ("timeout" = Option<String>, Query, description = "less than the server's, such as 10s"),
        ("limit" = Option<usize>, Query, description = "how many series at most; 0 is all"),
        ("lookback_delta" = Option<String>, Query, description = "how old a sample may be; 5m"),
    ),
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn query(
    State(shared): State<Shared>,
    parameters: Parameters,
) -> Result<Success, Failure> {
    let at_ms = parameters.time("time")?.unwrap_or_else(|| shared.now().as_millisecond());
    let engine = engine(&shared, &parameters)?;
    let limit = parameters.limit()?;
    let text = parameters.query()?;
    let answer = shared.queries.run_at_once(key(&text, 1), move |store, cancel| {
        let query = Query::parse(&text)?;
        let value = engine.instant(store, &query, at_ms, cancel)?;
        Ok(Success::of_query(&value, limit))
    });
    Ok(answer.await?)
}

/// The values of a PromQL expression at each step of a range.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/query_range", tag = "prometheus",
    params(
        ("query" = String, Query, description = "PromQL"),
        ("start" = String, Query, description = "RFC 3339 or seconds of Unix time"),
        ("end" = String, Query, description = "RFC 3339 or seconds of Unix time"),
        ("step" = String, Query, description = "seconds, or such as 1m; at most 11,000 steps"),
        ("timeout" = Option<String>, Query, description = "less than the server's, such as 10s"),
        ("limit" = Option<usize>, Query, description = "how many series at most; 0 is all"),
        ("lookback_delta" = Option<String>, Query, description = "how old a sample may be; 5m"),
    ),
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn query_range(
    State(shared): State<Shared>,
    parameters: Parameters,
) -> Result<Success, Failure> {
    let steps = parameters.steps()?;
    let engine = engine(&shared, &parameters)?;
    let limit = parameters.limit()?;
    let text = parameters.query()?;
    let Steps { start_ms, end_ms, step_ms } = steps;
    let key = key(&text, end_ms - start_ms);
    let answer = shared.queries.run_at_once(key, move |store, cancel| {
        let query = Query::parse(&text)?;
        let value = engine.range(store, &query, start_ms, end_ms, step_ms, cancel)?;
        Ok(Success::of_query(&value, limit))
    });
    Ok(answer.await?)
}

/// What queries of about the same cost have in common: the text, and how long a time they are about.
fn key(text: &str, span_ms: i64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (text, span_ms).hash(&mut hasher);
    hasher.finish()
}

/// The engine with what the request says; its time is never more than the server's.
fn engine(shared: &Shared, parameters: &Parameters) -> Result<Engine, Failure> {
    let mut engine = shared.queries.engine();
    if let Some(timeout) = parameters.duration("timeout")? {
        engine.limits.timeout = cmp::min(engine.limits.timeout, timeout);
    }
    if let Some(lookback) = parameters.duration("lookback_delta")?.filter(|d| !d.is_zero()) {
        engine.lookback = lookback;
    }
    Ok(engine)
}
