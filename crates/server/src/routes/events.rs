//! Events: pages of what changed, newest first.

use axum::Json;
use axum::extract::{Path, Query, State};
use model::event::EventKind;
use monitor::event_log::EventFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::{named, time};
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
    page(&shared, query).map(Json)
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
    page(&shared, EventsQuery { cluster: Some(cluster), ..query }).map(Json)
}

fn page(shared: &Shared, query: EventsQuery) -> Result<Events, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_query(format!("limit={limit} is not accepted; use 1 to 1000")));
    }
    let now = shared.now();
    let filter = EventFilter {
        cluster: query.cluster,
        kind: query.kind.as_deref().map(kind).transpose()?,
        from: time("from", query.from.as_deref(), now)?,
        to: time("to", query.to.as_deref(), now)?,
        after_sequence: None,
        before_sequence: query.before,
    };
    let mut found = shared.state.fleet.events().newest(&filter, limit + 1);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_before = found.last().filter(|_| has_more).map(|oldest| oldest.sequence);
    Ok(Events { events: found.iter().map(|event| Event::from(&**event)).collect(), next_before })
}

fn kind(name: &str) -> Result<EventKind, Problem> {
    EventKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
        Problem::bad_query(format!("kind={name:?} is no kind of event"))
            .accepting(EventKind::ALL.map(|kind| kind.as_str().to_owned()))
    })
}
