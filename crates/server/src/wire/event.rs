//! Events in answers and in the stream.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::{MemberName, event_kinds, severities};
use crate::wire::time::Time;

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    /// Newest first.
    pub(crate) events: Vec<Event>,
    /// Give this as `before` to get the next, older page; null on the last one.
    pub(crate) next_before: Option<u64>,
}

/// Something changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Grows with each event, over restarts too; a crash may leave numbers out.
    pub(crate) sequence: u64,
    /// When the monitor saw it.
    pub(crate) at: Time,
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// What changed.
    #[schema(schema_with = event_kinds)]
    pub(crate) kind: &'static str,
    /// How bad.
    #[schema(schema_with = severities)]
    pub(crate) severity: &'static str,
    /// The member, where it is about one.
    pub(crate) member: Option<MemberName>,
    /// One line.
    pub(crate) message: String,
}

impl From<&model::event::Event> for Event {
    fn from(event: &model::event::Event) -> Self {
        Self {
            sequence: event.sequence,
            at: Time(event.at),
            cluster: event.cluster.clone(),
            kind: event.kind.as_str(),
            severity: event.severity.as_str(),
            member: event.member.as_ref().map(MemberName::from),
            message: event.message.clone(),
        }
    }
}

/// Told in the stream, as an event named `lagged`, when events are lost to its reader.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Lagged {
    /// How many events of all clusters the reader was too slow for; null when it comes back so late
    /// that some of what it missed is no longer kept, and nobody knows how many.
    pub(crate) missed: Option<u64>,
}
