//! Alerts: what there is, and what others tell of.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;

use super::Refusal;
use super::filter::Filter;
use super::wire::{GettableAlert, PostableAlert};
use crate::changes::Changer;
use crate::state::Shared;

/// Alerts that are kept at most, whoever tells of them: some hundred megabytes.
const MAX_ALERTS: usize = 100_000;

/// Alerts that are not over.
pub(super) async fn list(
    State(shared): State<Shared>,
    filter: Filter,
) -> Result<Json<Vec<GettableAlert>>, Refusal> {
    let now = shared.now();
    let alerts = super::engine(&shared)?.alerts();
    let wanted = alerts.iter().filter(|view| filter.accepts(view));
    Ok(Json(wanted.map(|view| GettableAlert::new(view, now)).collect()))
}

/// Takes alerts of others. As in Alertmanager the sound ones are taken where some are not.
pub(super) async fn take(
    State(shared): State<Shared>,
    changer: Result<Changer, crate::changes::NotAllowed>,
    body: Result<Json<Vec<PostableAlert>>, JsonRejection>,
) -> Result<(), Refusal> {
    changer?;
    let Json(posted) = body.map_err(|error| Refusal::bad(error.body_text()))?;
    let now = shared.now();
    let (mut alerts, mut mistakes) = (Vec::new(), Vec::new());
    for posted in posted {
        match posted.into_alert(now) {
            Ok(alert) => alerts.push(alert),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    let engine = super::engine(&shared)?;
    if engine.count() + alerts.len() > MAX_ALERTS {
        let text =
            format!("there would be more than {MAX_ALERTS} alerts; try again when some are over");
        return Err(Refusal::unavailable(text));
    }
    engine.receive(alerts).await.map_err(super::failed)?;
    if mistakes.is_empty() { Ok(()) } else { Err(Refusal::bad(mistakes.join("; "))) }
}
