//! The events of all clusters: the latest ones in memory, all of them in the records, and a
//! subscription to the coming ones.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use model::event::{Event, EventKind};
use model::finding::MemberRef;
use model::severity::Severity;
use store::{EventQuery, Page, Record, Records};
use tokio::sync::broadcast;
use tokio::time::Instant;

/// Events kept in memory; the oldest go first.
pub const CAPACITY: usize = 10_000;

/// How far a subscriber may fall behind before it loses events (and is told so).
const SUBSCRIBER_CAPACITY: usize = 1_024;

/// An event that is not on disk by then is told all the same.
const TELL_WITHIN: Duration = Duration::from_secs(1);

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
    records: Option<Records>,
}

#[derive(Debug, Default)]
struct Recent {
    last_sequence: u64,
    /// The newest ones that were told.
    told: VecDeque<Arc<Event>>,
    /// Those that are on their way to the disk, each since when. They are told when they are there,
    /// so that nobody is told of an event that a crash takes back.
    untold: VecDeque<(Instant, Arc<Event>)>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self::with(None)
    }
}

impl EventLog {
    /// A log that also keeps its events in `records`, and goes on where they end.
    pub fn with_records(records: &Records) -> Arc<Self> {
        let log = Arc::new(Self::with(Some(records.clone())));
        let listener = Arc::downgrade(&log);
        records.on_written(move |sequence| {
            if let Some(log) = listener.upgrade() {
                log.tell(&mut log.recent(), |event, _| event.sequence <= sequence);
            }
        });
        log
    }

    fn with(records: Option<Records>) -> Self {
        let first_sequence = records.as_ref().map_or(1, Records::first_sequence);
        let recent = Recent { last_sequence: first_sequence - 1, ..Recent::default() };
        let live = broadcast::channel(SUBSCRIBER_CAPACITY).0;
        Self { recent: Mutex::new(recent), live, records }
    }

    /// Numbers an event, keeps it and tells the subscribers, as soon as it is on disk where there is
    /// one.
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
        recent.untold.push_back((Instant::now(), Arc::clone(&event)));
        // Under the lock, so that the order on disk is that of the numbers. It never waits.
        let will_be_heard_of = self
            .records
            .as_ref()
            .is_some_and(|records| records.put(Record::Event(Arc::clone(&event))));
        if !will_be_heard_of {
            self.tell(&mut recent, |_, _| true);
        }
        event
    }

    /// Tells what has waited too long for a disk that hangs.
    pub(crate) fn tell_overdue(&self) {
        let now = Instant::now();
        let mut recent = self.recent();
        let is_overdue = |since: Instant| now.duration_since(since) > TELL_WITHIN;
        if recent.untold.front().is_some_and(|(since, _)| is_overdue(*since)) {
            self.tell(&mut recent, |_, _| true);
        }
    }

    fn tell(&self, recent: &mut Recent, is_due: impl Fn(&Event, Instant) -> bool) {
        while let Some((since, event)) = recent.untold.pop_front() {
            if !is_due(&event, since) {
                recent.untold.push_front((since, event));
                return;
            }
            if recent.told.len() == CAPACITY {
                recent.told.pop_front();
            }
            recent.told.push_back(Arc::clone(&event));
            // Sent under the lock, so that subscribers see the order of the numbers. It never
            // blocks; an error only means that nobody listens.
            let _ = self.live.send(event);
        }
    }

    /// The newest `limit` events that match, newest first, as far as they are in memory.
    pub fn newest(&self, query: &EventQuery, limit: usize) -> Vec<Arc<Event>> {
        self.recent().newest(query, limit)
    }

    /// A page of the events that match, newest first, all the way back. Reads the disk.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn page(&self, query: &EventQuery, limit: usize) -> Result<Page<Arc<Event>>, store::Error> {
        let (mut items, first_in_memory) = {
            let recent = self.recent();
            (recent.newest(query, limit + 1), recent.first_told())
        };
        if let Some(records) = self.records.as_ref().filter(|_| items.len() <= limit) {
            let before = query.before_sequence.unwrap_or(u64::MAX).min(first_in_memory);
            let older = EventQuery { before_sequence: Some(before), ..query.clone() };
            let rest = records.events(&older, limit + 1 - items.len())?;
            items.extend(rest.items.into_iter().map(Arc::new));
        }
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_before = items.last().filter(|_| has_more).map(|oldest| oldest.sequence);
        Ok(Page { items, next_before })
    }

    /// The events after the number `after`, oldest first, and whether some are missing: they are no
    /// longer kept, or too many. Reads the disk.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn after(&self, after: u64) -> Result<(Vec<Arc<Event>>, bool), store::Error> {
        let query = EventQuery { after_sequence: Some(after), ..EventQuery::default() };
        let page = self.page(&query, CAPACITY)?;
        let oldest = match &self.records {
            Some(records) => records.oldest_sequence()?,
            None => None,
        };
        let oldest = oldest.unwrap_or_else(|| self.recent().first_told());
        let is_incomplete = page.next_before.is_some() || oldest > after.saturating_add(1);
        let mut events = page.items;
        events.reverse();
        Ok((events, is_incomplete))
    }

    /// The events to come. A subscriber that falls too far behind gets `RecvError::Lagged`.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// The number of the newest event that was told; 0 before the first.
    pub fn last_sequence(&self) -> u64 {
        self.recent().first_untold() - 1
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().expect("invariant: no holder of this lock panics")
    }
}

impl Recent {
    fn newest(&self, query: &EventQuery, limit: usize) -> Vec<Arc<Event>> {
        self.told.iter().rev().filter(|e| query.accepts(e)).take(limit).cloned().collect()
    }

    /// All that was told with a lower number is on disk, or lost.
    fn first_told(&self) -> u64 {
        self.told.front().map_or_else(|| self.first_untold(), |event| event.sequence)
    }

    fn first_untold(&self) -> u64 {
        self.untold.front().map_or(self.last_sequence + 1, |(_, event)| event.sequence)
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
        let all = log.newest(&EventQuery::default(), usize::MAX);
        assert_eq!(all.len(), CAPACITY);
        assert_eq!(all[0].sequence, CAPACITY as u64 + 1);
        let filter = EventQuery { cluster: Some("odd".into()), ..EventQuery::default() };
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

    #[test]
    fn events_go_on_after_a_restart_and_pages_reach_back_before_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.db");
        let open = || Records::open(&path, store::Options::default(), Timestamp::UNIX_EPOCH);
        let sequences = |page: &Page<Arc<Event>>| {
            page.items.iter().map(|event| event.sequence).collect::<Vec<_>>()
        };
        {
            let records = open().unwrap();
            let log = EventLog::with_records(&records);
            for cluster in ["a", "b", "a"] {
                log.append(cluster, Timestamp::UNIX_EPOCH, event(EventKind::LeaderLost));
            }
            records.close();
            assert_eq!(log.last_sequence(), 3);
        }
        let records = open().unwrap();
        let log = EventLog::with_records(&records);
        let mut live = log.subscribe();
        log.append("a", Timestamp::UNIX_EPOCH, event(EventKind::LeaderElected));
        assert!(records.flush(TELL_WITHIN * 10));
        assert_eq!(live.blocking_recv().unwrap().sequence, 4);
        let all = EventQuery::default();
        let first = log.page(&all, 2).unwrap();
        assert_eq!((sequences(&first), first.next_before), (vec![4, 3], Some(3)));
        let next = EventQuery { before_sequence: Some(3), ..all.clone() };
        let last = log.page(&next, 2).unwrap();
        assert_eq!((sequences(&last), last.next_before), (vec![2, 1], None));
        assert_eq!(log.page(&all, 1).unwrap().next_before, Some(4), "older ones are on disk");
        let of_a = EventQuery { cluster: Some("a".into()), ..all };
        assert_eq!(sequences(&log.page(&of_a, 10).unwrap()), [4, 3, 1]);
        let after = |sequence| {
            let (events, is_incomplete) = log.after(sequence).unwrap();
            (events.iter().map(|event| event.sequence).collect::<Vec<_>>(), is_incomplete)
        };
        assert_eq!(after(1), (vec![2, 3, 4], false), "a client of before the restart goes on");
        assert_eq!(after(4), (vec![], false));
    }
}
