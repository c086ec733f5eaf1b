//! `/api/v1/stream`: each change as it happens, as server-sent events.
//!
//! The ID of an event is its sequence number: a client that comes back with `Last-Event-ID` gets
//! what it missed, as far as it is kept.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::{Event as Message, KeepAlive};
use futures::stream::{self, Stream, StreamExt as _};
use http::{HeaderMap, StatusCode};
use model::event::Event as Change;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::query::{ClusterQuery, named, read};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::event::{Event, Lagged};

/// Proxies close connections that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Each change as a server-sent event, named by its kind; `lagged` tells of events that were lost.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "events", params(ClusterQuery),
    responses((status = 200, body = Event, content_type = "text/event-stream"),
              (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn stream(
    State(shared): State<Shared>,
    Query(query): Query<ClusterQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    if let Some(cluster) = &query.cluster {
        named(&shared, cluster)?;
    }
    let permit = Arc::clone(&shared.streams).try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "too many event streams are open; close one, or ask /api/v1/events",
        )
    })?;
    let log = shared.state.fleet.events();
    // Subscribed before the past is read, so that nothing falls between.
    let live = BroadcastStream::new(log.subscribe());
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let (missed, lost) = match last_id {
        Some(after) => past(&shared, after).await?,
        None => Default::default(),
    };
    // A number that was never given says nothing about the events of now.
    let known = last_id.filter(|id| *id <= log.last_sequence()).unwrap_or(0);
    let newest = missed.last().map_or(known, |event| event.sequence);
    let is_wanted =
        move |event: &Change| query.cluster.as_ref().is_none_or(|name| *name == event.cluster);
    let lost = stream::iter(lost.map(message_of_loss));
    let past = stream::iter(missed).filter_map({
        let is_wanted = is_wanted.clone();
        move |event| futures::future::ready(is_wanted(&event).then(|| message(&event)))
    });
    let live = live.filter_map(move |received| {
        let message = match received {
            Ok(event) if is_wanted(&event) && event.sequence > newest => Some(message(&event)),
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(count)) => {
                Some(message_of_loss(Lagged { missed: Some(count) }))
            }
        };
        futures::future::ready(message)
    });
    let stopping = shared.stopping.clone();
    let all = lost.chain(past).chain(live).map(Ok).take_until(async move {
        stopping.cancelled().await;
        drop(permit);
    });
    Ok(Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The events after `after`, oldest first, and whether some are no longer kept.
async fn past(shared: &Shared, after: u64) -> Result<(Vec<Arc<Change>>, Option<Lagged>), Problem> {
    if after > shared.state.fleet.events().last_sequence() {
        return Ok((Vec::new(), Some(Lagged { missed: None })));
    }
    let fleet = shared.state.fleet.clone();
    let (events, is_incomplete) = read(move || fleet.events().after(after)).await?;
    Ok((events, is_incomplete.then_some(Lagged { missed: None })))
}

fn message(event: &Change) -> Message {
    let body = serde_json::to_string(&Event::from(event)).unwrap_or_default();
    Message::default().id(event.sequence.to_string()).event(event.kind.as_str()).data(body)
}

fn message_of_loss(lagged: Lagged) -> Message {
    let body = serde_json::to_string(&lagged).unwrap_or_default();
    Message::default().event("lagged").data(body)
}
