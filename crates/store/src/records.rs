//! The store as its users see it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use model::event::Event;
use model::finding::Finding;
use model::leader::LeaderChange;
use model::membership::MembershipChange;

use crate::error::Error;
use crate::past::Past;
use crate::query::{ChangeQuery, EventQuery, FindingQuery, Page};
use crate::queue::Queue;
use crate::record::Record;
use crate::sqlite::{self, File};
use crate::writer::Writer;

/// How long the past of a cluster waits for records that are on their way to the disk.
const SETTLE_WITHIN: Duration = Duration::from_secs(1);

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long; two years by default. A finding's age counts from its end.
    pub retention: Duration,
    /// How many events at most; a million by default, some 200 MB. The oldest go first.
    pub max_events: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { retention: Duration::from_hours(2 * 365 * 24), max_events: 1_000_000 }
    }
}

/// How the store is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stat {
    /// On disk.
    pub bytes: u64,
    /// Why nothing can be written now; none when all is well.
    pub write_error: Option<String>,
    /// What was found damaged and set aside.
    pub damage: Vec<String>,
    /// Records that were not written, since too many waited.
    pub lost: u64,
}

/// The store. A clone is another handle on the same one.
#[derive(Debug, Clone)]
pub struct Records {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    file: Arc<File>,
    first_sequence: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
    write_error: Arc<Mutex<Option<String>>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("path", &self.file.path()).finish_non_exhaustive()
    }
}

impl Records {
    /// Opens the file at `path`, or makes it. Only one process may have it open. A damaged one is
    /// set aside; `now` then becomes the number of the next event, which is above all before.
    pub fn open(path: &Path, options: Options, now: Timestamp) -> Result<Self, Error> {
        let (file, next, is_new) = File::open(path, &sqlite::SCHEMA, sqlite::first_sequence)?;
        let above_all_before = now.as_millisecond().unsigned_abs().max(1);
        let first_sequence = if is_new { above_all_before } else { next };
        let file = Arc::new(file);
        let queue = Arc::new(Queue::default());
        let write_error = Arc::new(Mutex::new(None));
        let writer = Writer {
            queue: Arc::clone(&queue),
            file: Arc::clone(&file),
            options,
            write_error: Arc::clone(&write_error),
            first_sequence,
        };
        let thread = thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| {
                let path = path.to_owned();
                Error::Io { what: "start the thread that writes", path, source }
            })?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { inner: Arc::new(Inner { queue, file, first_sequence, thread, write_error }) })
    }

    /// The number for the next event: above all that anybody was told of, however the process
    /// before ended.
    pub fn first_sequence(&self) -> u64 {
        self.inner.first_sequence
    }

    /// Takes a record; never waits. True when the listener of [`Self::on_written`] will hear of it:
    /// not while nothing can be written.
    pub fn put(&self, record: Record) -> bool {
        self.inner.queue.put(record)
    }

    /// Has `listener` called with the number of the newest event that is on disk, whenever there
    /// are new ones, from the thread that writes. When the disk fails it is called all the same.
    pub fn on_written(&self, listener: impl Fn(u64) + Send + Sync + 'static) {
        self.inner.queue.listen(Arc::new(listener));
    }

    /// Removes what is over age at `now`, soon.
    pub fn retain(&self, now: Timestamp) {
        self.inner.queue.retain(now);
    }

    /// Waits until what was put before is on disk; false when it is not `within` that time.
    pub fn flush(&self, within: Duration) -> bool {
        self.inner.queue.flush(within)
    }

    /// The events that are on disk and wanted.
    pub fn events(&self, query: &EventQuery, limit: usize) -> Result<Page<Event>, Error> {
        self.read(|connection| sqlite::event::page(connection, query, limit))
    }

    /// The events above `query.after_sequence`, oldest first, at most `limit`.
    pub fn events_onwards(&self, query: &EventQuery, limit: usize) -> Result<Vec<Event>, Error> {
        self.read(|connection| sqlite::event::onwards(connection, query, limit))
    }

    /// The number of the oldest event that is kept.
    pub fn oldest_sequence(&self) -> Result<Option<u64>, Error> {
        self.read(sqlite::event::oldest)
    }

    /// The changes of leader that are on disk and wanted.
    pub fn leader_changes(
        &self,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Page<LeaderChange>, Error> {
        self.read(|connection| sqlite::leader::page(connection, query, limit))
    }

    /// The changes of the member list that are on disk and wanted.
    pub fn membership_changes(
        &self,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Page<MembershipChange>, Error> {
        self.read(|connection| sqlite::membership::page(connection, query, limit))
    }

    /// The findings that are wanted, each with its cluster, those opened last first.
    pub fn findings(
        &self,
        query: &FindingQuery,
        limit: usize,
    ) -> Result<Page<(String, Arc<Finding>)>, Error> {
        // Asked for before the file, so that none is missed that is written in between.
        let mut waiting = self.inner.queue.waiting(|record| match record {
            Record::Finding { cluster, finding } => Some((cluster.clone(), Arc::clone(finding))),
            _ => None,
        });
        let mut page = self.read(|connection| sqlite::finding::page(connection, query, limit))?;
        // Newest first, and of each finding only the newest.
        waiting.reverse();
        let mut newest: Vec<(String, Arc<Finding>)> = Vec::new();
        for found in waiting {
            if !newest.iter().any(|known| is_same(known, &found)) {
                newest.push(found);
            }
        }
        page.items.retain(|found| !newest.iter().any(|known| is_same(known, found)));
        if query.before.is_none() {
            newest.retain(|(cluster, finding)| query.accepts(cluster, finding));
            newest.append(&mut page.items);
            page.items = newest;
        }
        Ok(page)
    }

    /// What is known of a cluster from before: at most `limit` changes of each kind.
    pub fn past(&self, cluster: &str, limit: usize) -> Result<Past, Error> {
        self.flush(SETTLE_WITHIN);
        let changes = ChangeQuery { cluster: cluster.to_owned(), ..ChangeQuery::default() };
        let findings = FindingQuery {
            cluster: Some(cluster.to_owned()),
            is_closed: Some(false),
            ..FindingQuery::default()
        };
        self.read(|connection| {
            let open = sqlite::finding::page(connection, &findings, usize::MAX)?;
            let open = open.items.into_iter().map(|(_, finding)| Arc::unwrap_or_clone(finding));
            Ok(Past {
                leadership: sqlite::leader::leadership(connection, cluster)?,
                leader_changes: sqlite::leader::page(connection, &changes, limit)?.items,
                elections: sqlite::leader::elections(connection, cluster)?,
                membership_changes: sqlite::membership::page(connection, &changes, limit)?.items,
                open_findings: open.collect(),
            })
        })
    }

    /// How the store is.
    pub fn stat(&self) -> Stat {
        let error = self.inner.write_error.lock().unwrap_or_else(PoisonError::into_inner);
        Stat {
            bytes: self.inner.file.bytes(),
            write_error: error.clone(),
            damage: self.inner.file.damage(),
            lost: self.inner.queue.lost(),
        }
    }

    /// Writes what is left and ends the thread. What is put afterwards is lost.
    pub fn close(&self) {
        self.inner.stop();
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let outcome = self.inner.file.read(read);
        if outcome.as_ref().is_err_and(Error::is_damage) {
            self.inner.queue.damaged();
        }
        outcome
    }
}

fn is_same(one: &(String, Arc<Finding>), other: &(String, Arc<Finding>)) -> bool {
    sqlite::finding::key(&one.0, &one.1) == sqlite::finding::key(&other.0, &other.1)
}

impl Inner {
    fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        self.queue.stop();
        // The last handle may go in the listener, which that thread calls.
        if thread.thread().id() != thread::current().id() {
            // An error says that it panicked, which the log has.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
