//! Alerts on disk: those that are on, who was told what, what is still to be told, and the history.
//!
//! A file of its own, `alerts.db`, since a notification has to be on disk before it is tried:
//! [`Alerts::commit`] returns when it is, whatever happens to the machine. docs/formats/alerts.md
//! draws the tables. Everything here waits for the disk; callers use `spawn_blocking`. Times are
//! kept to the microsecond.

mod ack;
mod alert;
mod attempt;
mod change;
mod given_up;
mod group;
mod outbox;
mod retention;
mod rule;
mod sent;
mod silence;
mod text;
mod thread;
mod told;
mod transition;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::Alert;
use model::rule_alert::RuleAlert;
use model::silence::Silence;
use rusqlite::{Connection, TransactionBehavior};

pub use attempt::{Attempt, AttemptQuery, Outcome};
pub use change::Change;
pub use given_up::GivenUp;
pub use group::GroupState;
pub use outbox::{Due, LONGEST_DELAY, NewEntry, OutboxEntry, Waiting};
pub use sent::Sent;
pub use thread::Thread;
pub use transition::{AlertState, Transition, TransitionQuery};

use crate::error::Error;
use crate::query::Page;
use crate::sqlite::{File, Schema};

static SCHEMA: Schema = Schema {
    steps: &[include_str!("v1.sql")],
    columns: &[
        ("alert", "hidden_by"),
        ("transition", "text"),
        ("sent", "expires_at"),
        ("alert_group", "is_escalated"),
        ("silence", "comment"),
        ("ack", "note"),
        ("outbox", "body"),
        ("attempt", "duration"),
        ("told", "is_told"),
        ("thread", "thread"),
        ("given_up", "message"),
        ("rule_alert", "value_bits"),
    ],
};

/// Statements of the connection that writes: all that there are.
const STATEMENTS: usize = 64;

/// Memory of the connection that writes: a storm of 10,000 alerts is one transaction, whose pages
/// would else be written several times each.
const CACHE: &str = "PRAGMA cache_size = -8192";

/// How much history is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long; two years by default.
    pub retention: Duration,
    /// How many transitions of alerts at most; a million by default. The oldest go first.
    pub max_transitions: u64,
    /// How many attempts at delivery at most; a million by default. The oldest go first.
    pub max_attempts: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retention: Duration::from_hours(2 * 365 * 24),
            max_transitions: 1_000_000,
            max_attempts: 1_000_000,
        }
    }
}

/// All that alerting starts from.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// Alerts that are on, or over and not yet told.
    pub alerts: Vec<Alert>,
    /// What each channel was last told of each group.
    pub sent: Vec<Sent>,
    /// The groups.
    pub groups: Vec<GroupState>,
    /// Silences that are not forgotten.
    pub silences: Vec<Silence>,
    /// Acknowledgements.
    pub acks: Vec<Ack>,
    /// What rules remember.
    pub rule_alerts: Vec<RuleAlert>,
    /// Notifications that were given up, of which nobody was told.
    pub given_up: Vec<GivenUp>,
}

/// The file. A clone is another handle on the same one.
#[derive(Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

struct Inner {
    file: File,
    options: Mutex<Options>,
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    connection: Connection,
    is_full: bool,
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").field("path", &self.inner.file.path()).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Opens the file at `path`, or makes it. Only one process may have it open. A damaged one is
    /// set aside.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let (file, (), _) = File::open(path, &SCHEMA, |_| Ok(()))?;
        Ok(Self {
            inner: Arc::new(Inner { file, options: Mutex::new(options), writer: Mutex::default() }),
        })
    }

    /// From now on so much history is kept.
    pub fn set_options(&self, options: Options) {
        *self.options() = options;
    }

    fn options(&self) -> MutexGuard<'_, Options> {
        self.inner.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that alerting starts from.
    pub fn load(&self) -> Result<Saved, Error> {
        self.read(|connection| {
            Ok(Saved {
                alerts: alert::all(connection)?,
                sent: sent::all(connection)?,
                groups: group::all(connection)?,
                silences: silence::all(connection)?,
                acks: ack::all(connection)?,
                rule_alerts: rule::all(connection)?,
                given_up: given_up::all(connection)?,
            })
        })
    }

    /// Makes all of `changes`, or none. When it returns they are on disk: neither a crash nor a
    /// power cut takes them back.
    pub fn commit(&self, changes: &[Change]) -> Result<(), Error> {
        self.write(changes, true)
    }

    /// Makes all of `changes`, or none. When it returns a crash does not take them back, a power cut
    /// may. For what came of deliveries: a power cut then has the last ones repeated, and no
    /// delivery waits for the disk.
    pub fn record(&self, changes: &[Change]) -> Result<(), Error> {
        self.write(changes, false)
    }

    /// How often the file turned out to be damaged and a new, empty one was begun since it was
    /// opened. Whoever sees this grow commits all that they know anew.
    pub fn generation(&self) -> u64 {
        self.inner.file.generation()
    }

    /// What was set aside, and why.
    pub fn damage(&self) -> Vec<String> {
        self.inner.file.damage()
    }

    /// On disk.
    pub fn bytes(&self) -> u64 {
        self.inner.file.bytes()
    }

    /// The transitions that are wanted, newest first, each with its number.
    pub fn transitions(
        &self,
        query: &TransitionQuery,
        limit: usize,
    ) -> Result<Page<(u64, Transition)>, Error> {
        self.read(|connection| transition::page(connection, query, limit))
    }

    /// How many transitions are wanted.
    pub fn count_transitions(&self, query: &TransitionQuery) -> Result<u64, Error> {
        self.read(|connection| transition::count(connection, query))
    }

    /// The attempts that are wanted, newest first, each with its number.
    pub fn attempts(
        &self,
        query: &AttemptQuery,
        limit: usize,
    ) -> Result<Page<(u64, Attempt)>, Error> {
        self.read(|connection| attempt::page(connection, query, limit))
    }

    /// How many attempts are wanted.
    pub fn count_attempts(&self, query: &AttemptQuery) -> Result<u64, Error> {
        self.read(|connection| attempt::count(connection, query))
    }

    /// What is due for a channel at `now`: of each group the oldest entry, the most urgent first,
    /// then the oldest; at most `limit`.
    pub fn due(
        &self,
        receiver: &str,
        channel: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Due, Error> {
        self.read(|connection| outbox::due(connection, receiver, channel, now, limit))
    }

    /// When something that was put off is due next.
    pub fn next_due(
        &self,
        receiver: &str,
        channel: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.read(|connection| outbox::next_at(connection, receiver, channel, now))
    }

    /// The number of the newest critical entry that waits for a channel.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest_critical(&self, receiver: &str, channel: &str) -> Result<Option<u64>, Error> {
        self.read(|connection| outbox::newest_critical(connection, receiver, channel))
    }

    /// What has waited for a channel since before `since`, the oldest first; at most `limit`.
    pub fn waiting_since(
        &self,
        receiver: &str,
        channel: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Due, Error> {
        self.read(|connection| outbox::waiting_since(connection, receiver, channel, since, limit))
    }

    /// The next entry of the same group and channel.
    pub fn after(&self, entry: &OutboxEntry) -> Result<Option<OutboxEntry>, Error> {
        self.read(|connection| outbox::after(connection, entry))
    }

    /// How much waits for each channel.
    pub fn waiting(&self) -> Result<Vec<Waiting>, Error> {
        self.read(outbox::waiting)
    }

    /// Notifications that were given up, of which nobody was told.
    pub fn given_up(&self) -> Result<Vec<GivenUp>, Error> {
        self.read(given_up::all)
    }

    /// Removes history that is over age at `now`, or too much.
    pub fn retain(&self, now: Timestamp) -> Result<(), Error> {
        // A connection of its own: whoever commits waits for a part of it, not for all.
        let connection = self.inner.file.connect()?;
        let options = self.options().clone();
        retention::retain(&connection, &options, now)
            .map_err(|source| self.inner.file.problem(source))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.inner.file.read(read)
    }

    fn write(&self, changes: &[Change], is_full: bool) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inner.file.is_suspect() {
            *writer = None;
            self.inner.file.set_aside_suspect()?;
        }
        let outcome = self.try_write(&mut writer, changes, is_full);
        let Err(problem) = outcome else { return Ok(()) };
        *writer = None;
        if !problem.is_damage() {
            return Err(problem);
        }
        self.inner.file.set_aside(&problem)?;
        self.try_write(&mut writer, changes, is_full)
    }

    fn try_write(
        &self,
        writer: &mut Option<Writer>,
        changes: &[Change],
        is_full: bool,
    ) -> Result<(), Error> {
        let open = match writer {
            Some(open) => open,
            None => writer.insert(Writer { connection: self.connect()?, is_full: false }),
        };
        open.write(changes, is_full).map_err(|source| self.inner.file.problem(source))
    }

    fn connect(&self) -> Result<Connection, Error> {
        let connection = self.inner.file.connect()?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(CACHE).map_err(|source| self.inner.file.problem(source))?;
        Ok(connection)
    }
}

impl Writer {
    fn write(&mut self, changes: &[Change], is_full: bool) -> rusqlite::Result<()> {
        if self.is_full != is_full {
            let level = if is_full { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.is_full = is_full;
        }
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        changes.iter().try_for_each(|change| change::apply(&transaction, change))?;
        transaction.commit()
    }
}
