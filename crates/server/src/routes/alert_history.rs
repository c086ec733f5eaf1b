//! What happened to alerts, and what came of telling of them: pages, newest first.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use store::alerts::{AlertState, AttemptQuery, Outcome, TransitionQuery};
use utoipa::IntoParams;

use super::query::{limit, read, text, time, word};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::alert_history::{Notifications, OneAttempt, OneTransition, Transitions};

/// Items in one answer, unless asked for otherwise, and at most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Which transitions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// Of this cluster.
    cluster: Option<String>,
    /// Of alerts of this name.
    name: Option<String>,
    /// Of this severity.
    severity: Option<String>,
    /// Into this state: `pending`, `firing`, `suppressed`, `acknowledged` or `resolved`.
    state: Option<String>,
    /// With this in the text or the labels, in capital or small letters.
    text: Option<String>,
    /// Not before: RFC 3339, seconds of Unix time, or back from now such as `-30m`.
    from: Option<String>,
    /// Before.
    to: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    limit: Option<usize>,
    /// Older: `next_before` of the answer before.
    before: Option<u64>,
}

/// What happened to alerts, newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts/history", tag = "alerts", params(HistoryQuery),
    responses((status = 200, body = Transitions), (status = 400, body = Problem))
)]
pub(super) async fn transitions(
    State(shared): State<Shared>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Transitions>, Problem> {
    let limit = limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let now = shared.now();
    let wanted = TransitionQuery {
        cluster: query.cluster,
        name: query.name,
        severity: query.severity,
        to_state: word("state", query.state.as_deref(), AlertState::ALL, AlertState::as_str)?,
        from: time("from", query.from.as_deref(), now)?,
        to: time("to", query.to.as_deref(), now)?,
        text: text(query.text)?,
        before: query.before,
        ..TransitionQuery::default()
    };
    let store = shared.alerts()?.store().clone();
    let page = read(move || store.transitions(&wanted, limit)).await?;
    let transitions = page.items.iter().map(|(_, item)| OneTransition::from(item)).collect();
    Ok(Json(Transitions { transitions, next_before: page.next_before }))
}

/// Which attempts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NotificationsQuery {
    /// Of this cluster.
    cluster: Option<String>,
    /// Of this severity.
    severity: Option<String>,
    /// For this receiver.
    receiver: Option<String>,
    /// With this outcome.
    outcome: Option<String>,
    /// With this in the text, in capital or small letters.
    text: Option<String>,
    /// Not before: RFC 3339, seconds of Unix time, or back from now such as `-30m`.
    from: Option<String>,
    /// Before.
    to: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    limit: Option<usize>,
    /// Older: `next_before` of the answer before.
    before: Option<u64>,
}

/// Every attempt to tell somebody, and what came of it, newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts/notifications", tag = "alerts", params(NotificationsQuery),
    responses((status = 200, body = Notifications), (status = 400, body = Problem))
)]
pub(super) async fn notifications(
    State(shared): State<Shared>,
    Query(query): Query<NotificationsQuery>,
) -> Result<Json<Notifications>, Problem> {
    let limit = limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let now = shared.now();
    let wanted = AttemptQuery {
        cluster: query.cluster,
        severity: query.severity,
        receiver: query.receiver,
        outcome: word("outcome", query.outcome.as_deref(), Outcome::ALL, Outcome::as_str)?,
        from: time("from", query.from.as_deref(), now)?,
        to: time("to", query.to.as_deref(), now)?,
        text: text(query.text)?,
        before: query.before,
        ..AttemptQuery::default()
    };
    let store = shared.alerts()?.store().clone();
    let page = read(move || store.attempts(&wanted, limit)).await?;
    let notifications = page.items.iter().map(|(_, item)| OneAttempt::from(item)).collect();
    Ok(Json(Notifications { notifications, next_before: page.next_before }))
}
