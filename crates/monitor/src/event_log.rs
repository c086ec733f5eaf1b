//! The events of all clusters: the latest ones in memory, and a subscription to the coming ones.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use model::event::{Event, EventKind};
use model::finding::MemberRef;
use model::severity::Severity;
use tokio::sync::broadcast;

/// Events kept in memory; the oldest go first.
pub const CAPACITY: usize = 10_000;

/// How far a subscriber may fall behind before it loses events (and is told so).
const SUBSCRIBER_CAPACITY: usize = 1_024;

/// An event before it has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What changed.
    pub kind: EventKind,
    /// How bad.
    pub severity: Severity,
    /// The member, where it is about one.
    pub member: Option<MemberRef>,
    /// One line for a person.
    pub message: String,
}

/// The events of all clusters.
#[derive(Debug)]
pub struct EventLog {
    recent: Mutex<Recent>,
    live: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug, Default)]
struct Recent {
    last_sequence: u64,
    events: VecDeque<Arc<Event>>,
}

/// Which events to return: all given conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this cluster.
    pub cluster: Option<String>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// With a sequence number above this one.
    pub after_sequence: Option<u64>,
    /// With a sequence number below this one: the cursor towards older events.
    pub before_sequence: Option<u64>,
}

impl EventFilter {
    fn matches(&self, event: &Event) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| *cluster == event.cluster)
            && self.kind.is_none_or(|kind| kind == event.kind)
            && self.from.is_none_or(|from| event.at >= from)
            && self.to.is_none_or(|to| event.at < to)
            && self.after_sequence.is_none_or(|after| event.sequence > after)
            && self.before_sequence.is_none_or(|before| event.sequence < before)
    }
}

impl Default for EventLog {
    fn default() -> Self {
        Self { recent: Mutex::default(), live: broadcast::channel(SUBSCRIBER_CAPACITY).0 }
    }
}

impl EventLog {
    /// Numbers an event, keeps it and tells the subscribers.
    pub fn append(&self, cluster: &str, at: Timestamp, new: NewEvent) -> Arc<Event> {
        let mut recent = self.recent();
        recent.last_sequence += 1;
        let event = Arc::new(Event {
            sequence: recent.last_sequence,
            at,
            cluster: cluster.to_owned(),
            kind: new.kind,
            severity: new.severity,
            member: new.member,
            message: new.message,
        });
        if recent.events.len() == CAPACITY {
            recent.events.pop_front();
        }
        recent.events.push_back(Arc::clone(&event));
        // Sent under the lock, so that subscribers see the order of the numbers. It never blocks;
        // an error only means that nobody listens.
        let _ = self.live.send(Arc::clone(&event));
        event
    }

    /// The newest `limit` events that match, newest first.
    pub fn newest(&self, filter: &EventFilter, limit: usize) -> Vec<Arc<Event>> {
        let recent = self.recent();
        recent.events.iter().rev().filter(|e| filter.matches(e)).take(limit).cloned().collect()
    }

    /// The events to come. A subscriber that falls too far behind gets `RecvError::Lagged`.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// The number of the newest event; 0 before the first.
    pub fn last_sequence(&self) -> u64 {
        self.recent().last_sequence
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().expect("invariant: no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> NewEvent {
        NewEvent { kind, severity: Severity::Info, member: None, message: String::new() }
    }

    #[test]
    fn events_are_numbered_filtered_and_bounded() {
        let log = EventLog::default();
        for index in 0..=CAPACITY {
            let cluster = if index % 2 == 0 { "even" } else { "odd" };
            log.append(cluster, Timestamp::UNIX_EPOCH, event(EventKind::LeaderElected));
        }
        let all = log.newest(&EventFilter::default(), usize::MAX);
        assert_eq!(all.len(), CAPACITY);
        assert_eq!(all[0].sequence, CAPACITY as u64 + 1);
        let filter = EventFilter { cluster: Some("odd".into()), ..EventFilter::default() };
        let odd = log.newest(&filter, 3);
        assert_eq!(odd.iter().map(|e| e.sequence).collect::<Vec<_>>(), [10_000, 9_998, 9_996]);
    }

    #[test]
    fn a_subscriber_sees_events_in_order() {
        let log = EventLog::default();
        let mut live = log.subscribe();
        log.append("a", Timestamp::UNIX_EPOCH, event(EventKind::LeaderLost));
        log.append("a", Timestamp::UNIX_EPOCH, event(EventKind::LeaderElected));
        assert_eq!(live.try_recv().unwrap().sequence, 1);
        assert_eq!(live.try_recv().unwrap().kind, EventKind::LeaderElected);
    }
}
