//! Alerts as they are told: by receiver and group.

use axum::Json;
use axum::extract::State;

use super::Refusal;
use super::filter::Filter;
use super::wire::AlertGroup;
use crate::state::Shared;

/// The groups that have an alert that is wanted.
pub(super) async fn list(
    State(shared): State<Shared>,
    filter: Filter,
) -> Result<Json<Vec<AlertGroup>>, Refusal> {
    let now = shared.now();
    let mut groups = super::engine(&shared)?.groups();
    groups.retain(|group| filter.accepts_receiver(&group.receiver));
    for group in &mut groups {
        group.alerts.retain(|view| filter.accepts(view));
    }
    groups.retain(|group| !group.alerts.is_empty());
    Ok(Json(groups.iter().map(|group| AlertGroup::new(group, now)).collect()))
}
