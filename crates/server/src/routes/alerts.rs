//! Alerts: what there is, and who takes care of it.

use alert::view::AlertView;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use model::alert::Fingerprint;
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::named;
use crate::changes::Changer;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::alert::{Acknowledge, Acknowledgement, Alert, Alerts};

/// The longest name or note that is kept.
const MAX_TEXT: usize = 1_000;

/// Which alerts; all conditions must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertsQuery {
    /// About this cluster.
    cluster: Option<String>,
    /// Of this severity.
    severity: Option<String>,
    /// In this state: `active`, `suppressed` or `acknowledged`.
    state: Option<String>,
    /// For this receiver.
    receiver: Option<String>,
    /// With these labels, as Alertmanager writes it: `{member="m1",alertname=~"Etcd.*"}`.
    filter: Option<String>,
}

/// What is wrong, as alerts, the worst first.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", params(AlertsQuery),
    responses((status = 200, body = Alerts), (status = 400, body = Problem),
              (status = 503, body = Problem))
)]
pub(super) async fn all(
    State(shared): State<Shared>,
    Query(query): Query<AlertsQuery>,
) -> Result<Json<Alerts>, Problem> {
    wanted(&shared, &query).map(Json)
}

/// The alerts about a cluster, the worst first.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/alerts", tag = "alerts",
    params(("cluster" = String, Path, description = "The cluster's name"), AlertsQuery),
    responses((status = 200, body = Alerts), (status = 404, body = Problem))
)]
pub(super) async fn of_cluster(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<AlertsQuery>,
) -> Result<Json<Alerts>, Problem> {
    named(&shared, &cluster)?;
    wanted(&shared, &AlertsQuery { cluster: Some(cluster), ..query }).map(Json)
}

fn wanted(shared: &Shared, query: &AlertsQuery) -> Result<Alerts, Problem> {
    const STATES: [&str; 3] = ["active", "suppressed", "acknowledged"];
    if let Some(state) = query.state.as_deref().filter(|state| !STATES.contains(state)) {
        return Err(Problem::bad_query(format!("state={state:?} is not known"))
            .accepting(STATES.map(str::to_owned)));
    }
    let matchers = query.filter.as_deref().map(alert::matcher::parse_all).transpose();
    let matchers = matchers.map_err(|error| Problem::bad_query(format!("filter: {error}")))?;
    let views = shared.alerts()?.alerts();
    let mut views: Vec<&AlertView> = views
        .iter()
        .filter(|view| matchers.iter().flatten().all(|m| m.accepts(&view.alert.labels)))
        .filter(|view| query.receiver.as_ref().is_none_or(|name| view.receivers.contains(name)))
        .collect();
    views.sort_by_key(|view| (rank(view), std::cmp::Reverse(view.alert.starts_at)));
    let is_of = |alert: &Alert| {
        query.cluster.as_ref().is_none_or(|cluster| alert.cluster.as_ref() == Some(cluster))
            && query.severity.as_ref().is_none_or(|word| alert.severity.as_ref() == Some(word))
            && query.state.as_ref().is_none_or(|state| alert.state == state)
    };
    Ok(Alerts { alerts: views.into_iter().map(Alert::from).filter(is_of).collect() })
}

/// How far up it stands: critical first; words that we do not know between warning and info.
fn rank(view: &AlertView) -> u8 {
    match view.alert.labels.get("severity") {
        Some("critical") => 0,
        Some("warning") => 1,
        Some("info" | "none") => 3,
        _ => 2,
    }
}

/// One alert.
#[utoipa::path(
    get, path = "/api/v1/alerts/{fingerprint}", tag = "alerts",
    params(("fingerprint" = String, Path, description = "The alert's fingerprint")),
    responses((status = 200, body = Alert), (status = 404, body = Problem))
)]
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(fingerprint): Path<String>,
) -> Result<Json<Alert>, Problem> {
    let wanted = parse(&fingerprint)?;
    let views = shared.alerts()?.alerts();
    let found = views.iter().find(|view| view.alert.fingerprint() == wanted);
    found.map(|view| Json(Alert::from(view))).ok_or_else(|| {
        let detail = format!("there is no alert {fingerprint}, or it is over");
        Problem::new(StatusCode::NOT_FOUND, "alert_not_found", detail)
    })
}

/// Says who takes care of an alert: nobody is told of it again until its group changes.
#[utoipa::path(
    post, path = "/api/v1/alerts/{fingerprint}/acknowledgement", tag = "alerts",
    params(("fingerprint" = String, Path, description = "The alert's fingerprint")),
    request_body = Acknowledge,
    responses((status = 200, body = Acknowledgement), (status = 403, body = Problem),
              (status = 404, body = Problem))
)]
pub(super) async fn acknowledge(
    State(shared): State<Shared>,
    _: Changer,
    Path(fingerprint): Path<String>,
    body: Result<Json<Acknowledge>, JsonRejection>,
) -> Result<Json<Acknowledgement>, Problem> {
    let fingerprint = parse(&fingerprint)?;
    let Json(Acknowledge { by, note }) = body?;
    for (name, text) in [("by", &by), ("note", &note)] {
        if text.len() > MAX_TEXT {
            return Err(Problem::bad_body(format!("{name} is longer than {MAX_TEXT} bytes")));
        }
    }
    if by.trim().is_empty() {
        return Err(Problem::bad_body("by is empty; say who takes care of it"));
    }
    let ack = shared.alerts()?.acknowledge(fingerprint, by, note).await?;
    Ok(Json(Acknowledgement::from(&ack)))
}

/// Takes an acknowledgement back.
#[utoipa::path(
    delete, path = "/api/v1/alerts/{fingerprint}/acknowledgement", tag = "alerts",
    params(("fingerprint" = String, Path, description = "The alert's fingerprint")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn unacknowledge(
    State(shared): State<Shared>,
    _: Changer,
    Path(fingerprint): Path<String>,
) -> Result<StatusCode, Problem> {
    shared.alerts()?.unacknowledge(parse(&fingerprint)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(text: &str) -> Result<Fingerprint, Problem> {
    Fingerprint::parse(text).ok_or_else(|| {
        Problem::bad_query(format!("{text:?} is no fingerprint; it has 16 hexadecimal digits"))
    })
}
