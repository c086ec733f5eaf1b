//! Events: pages of what changed, newest first.

use axum::Json;
use axum::extract::{Path, Query, State};
use model::event::EventKind;
use model::severity::Severity;
use serde::Deserialize;
use store::EventQuery;
use utoipa::IntoParams;

use super::query::{limit, named, read, text, time, word};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::event::{Event, Events};

/// Events in one answer, unless asked for otherwise, and at most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Of this cluster.
    cluster: Option<String>,
    /// Of this kind.
    kind: Option<String>,
    /// Of this severity.
    severity: Option<String>,
    /// With this in the message, in capital or small letters.
    text: Option<String>,
    /// Not before: RFC 3339, seconds of Unix time, or back from now such as `-30m`.
    from: Option<String>,
    /// Before.
    to: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    limit: Option<usize>,
    /// Older than the event with this sequence number: `next_before` of the answer before.
    before: Option<u64>,
}

/// What changed in any cluster, newest first.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(EventsQuery),
    responses((status = 200, body = Events), (status = 400, body = Problem))
)]
pub(super) async fn all(
    State(shared): State<Shared>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>, Problem> {
    page(&shared, query).await.map(Json)
}

/// What changed in a cluster, newest first.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/events", tag = "events",
    params(("cluster" = String, Path, description = "The cluster's name"), EventsQuery),
    responses((status = 200, body = Events), (status = 404, body = Problem))
)]
pub(super) async fn of_cluster(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>, Problem> {
    named(&shared, &cluster)?;
    page(&shared, EventsQuery { cluster: Some(cluster), ..query }).await.map(Json)
}

async fn page(shared: &Shared, query: EventsQuery) -> Result<Events, Problem> {
    let limit = limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let now = shared.now();
    let wanted = EventQuery {
        kind: word("kind", query.kind.as_deref(), EventKind::ALL, EventKind::as_str)?,
        severity: word("severity", query.severity.as_deref(), Severity::ALL, Severity::as_str)?,
        from: time("from", query.from.as_deref(), now)?,
        to: time("to", query.to.as_deref(), now)?,
        text: text(query.text)?,
        cluster: query.cluster,
        after_sequence: None,
        before_sequence: query.before,
    };
    let fleet = shared.state.fleet.clone();
    let page = read(move || fleet.events().page(&wanted, limit)).await?;
    let events = page.items.iter().map(|event| Event::from(&**event)).collect();
    Ok(Events { events, next_before: page.next_before })
}
