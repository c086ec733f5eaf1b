//! The file: opened, locked, read by many connections, set aside when it is damaged.

use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::time::Instant;
use tracing::error;

use super::migrations::{Outcome, migrate};
use crate::error::Error;

const SETTINGS: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -1024;
    PRAGMA journal_size_limit = 4194304;
";

/// Only we write, so a wait is for a checkpoint's moment.
const BUSY: Duration = Duration::from_secs(2);

/// A process that ended may leave its lock for a moment to one that it was just starting.
const LOCK_WITHIN: Duration = Duration::from_millis(500);

/// Connections that are kept for the next reader.
const IDLE: usize = 4;

/// What a file holds.
pub(crate) struct Schema {
    /// What makes each version of the tables out of the one before; the first makes it out of an
    /// empty file. A version that was released is never changed.
    pub(crate) steps: &'static [&'static str],
    /// Tables, and of each a column that its newest version has: a file without them is none of ours.
    pub(crate) columns: &'static [(&'static str, &'static str)],
}

/// The file.
pub(crate) struct File {
    path: PathBuf,
    schema: &'static Schema,
    /// Held as long as the store is open. Beside the file: closing a handle on the file itself
    /// would drop SQLite's own locks.
    _lock: fs::File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Which file it is that has this name: one more each time that it is set aside.
    generation: u64,
    idle: Vec<Connection>,
    /// The generation that a reader found damaged, and how.
    suspect: Option<(u64, String)>,
    damage: Vec<String>,
}

impl File {
    /// Opens the file or makes it; `begin` is what its owner does first. A damaged one is set aside;
    /// true when it was.
    pub(crate) fn open<T>(
        path: &Path,
        schema: &'static Schema,
        begin: impl Fn(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<(Self, T, bool), Error> {
        let (path, lock) = (path.to_owned(), lock(path)?);
        let file = Self { path, schema, _lock: lock, state: Mutex::default() };
        match file.prepare(&begin) {
            Ok(begun) => Ok((file, begun, false)),
            Err(Error::Sql { source, .. }) if is_no_file_of_ours(&source) => {
                file.set_aside(&file.problem(source))?;
                let begun = file.prepare(&begin)?;
                Ok((file, begun, true))
            }
            Err(problem) => Err(problem),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What an error of SQLite means for this file.
    pub(crate) fn problem(&self, source: rusqlite::Error) -> Error {
        Error::Sql { path: self.path.clone(), source }
    }

    fn prepare<T>(
        &self,
        begin: impl Fn(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection = self.connect()?;
        let sql = |source| self.problem(source);
        let begun = begin(&mut connection).map_err(sql)?;
        // Every table and column is there, or this fails.
        for (table, column) in self.schema.columns {
            connection.prepare(&format!("SELECT {column} FROM {table}")).map_err(sql)?;
        }
        Ok(begun)
    }

    /// A connection of one's own; makes the file and its tables where there are none.
    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        let sql = |source| self.problem(source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags).map_err(sql)?;
        connection.busy_timeout(BUSY).map_err(sql)?;
        connection.execute_batch(SETTINGS).map_err(sql)?;
        match migrate(&mut connection, self.schema.steps).map_err(sql)? {
            Outcome::Done => Ok(connection),
            Outcome::Newer(found) => {
                let known = self.schema.steps.len() as i64;
                Err(Error::Newer { path: self.path.clone(), found, known })
            }
        }
    }

    /// A connection that writes nothing, not even settings, so that it can be had while the disk is
    /// full or another connection writes.
    fn connect_to_read(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sql = |source| self.problem(source);
        match Connection::open_with_flags(&self.path, flags) {
            // It was set aside, and there is no new one yet.
            Err(source) if source.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
                self.connect()
            }
            Err(source) => Err(sql(source)),
            Ok(connection) => {
                connection.busy_timeout(BUSY).map_err(sql)?;
                connection.execute_batch("PRAGMA cache_size = -1024").map_err(sql)?;
                Ok(connection)
            }
        }
    }

    /// Reads with a connection that is kept for the next one.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let (generation, idle) = {
            let mut state = self.state();
            (state.generation, state.idle.pop())
        };
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect_to_read()?,
        };
        // One state of the file for all that is read.
        let outcome = connection
            .unchecked_transaction()
            .and_then(|_snapshot| read(&connection))
            .map_err(|source| self.problem(source));
        let mut state = self.state();
        match &outcome {
            Err(problem) if problem.is_damage() => {
                state.suspect = Some((generation, problem_text(problem)));
            }
            _ if state.generation == generation && state.idle.len() < IDLE => {
                state.idle.push(connection);
            }
            _ => {}
        }
        outcome
    }

    /// Whether a reader found the file damaged.
    pub(crate) fn is_suspect(&self) -> bool {
        self.state().suspect.is_some()
    }

    /// Sets the file aside that a reader found damaged, if it is still there.
    pub(crate) fn set_aside_suspect(&self) -> Result<(), Error> {
        let suspect = {
            let mut state = self.state();
            let generation = state.generation;
            state.suspect.take().filter(|(damaged, _)| *damaged == generation)
        };
        suspect.map_or(Ok(()), |(_, reason)| self.rename(&reason))
    }

    /// Renames a damaged file, so that a person may look at it and a new one can be begun.
    pub(crate) fn set_aside(&self, problem: &Error) -> Result<(), Error> {
        self.rename(&problem_text(problem))
    }

    fn rename(&self, reason: &str) -> Result<(), Error> {
        let path = &self.path;
        let mut state = self.state();
        state.generation += 1;
        state.idle.clear();
        let aside = (0..).map(|n| path.with_extension(format!("damaged-{n}")));
        let aside = aside.into_iter().find(|aside| !aside.exists()).unwrap_or_default();
        for beside in [path.with_extension("db-wal"), path.with_extension("db-shm")] {
            let _ = fs::remove_file(beside);
        }
        fs::rename(path, &aside).map_err(|source| Error::Io {
            what: "set aside",
            path: path.clone(),
            source,
        })?;
        let what = format!("{reason}; it is kept as {}", aside.display());
        error!(what, "a file of the store is damaged");
        state.damage.push(what);
        Ok(())
    }

    /// How often the file was set aside since it was opened.
    pub(crate) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// What was set aside, and why.
    pub(crate) fn damage(&self) -> Vec<String> {
        self.state().damage.clone()
    }

    /// The file and what SQLite keeps beside it.
    pub(crate) fn bytes(&self) -> u64 {
        let paths = [self.path.clone(), self.path.with_extension("db-wal")];
        paths.iter().map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn problem_text(problem: &Error) -> String {
    match std::error::Error::source(problem) {
        Some(source) => format!("{problem}: {source}"),
        None => problem.to_string(),
    }
}

/// Whether the file that was just opened is none that we made. Tables that are not as we make them
/// are no error of SQLite's, but of its user's.
fn is_no_file_of_ours(problem: &rusqlite::Error) -> bool {
    matches!(
        problem.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::Unknown
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
        )
    ) || problem.sqlite_error_code().is_none()
}

fn lock(records: &Path) -> Result<fs::File, Error> {
    let path = records.with_extension("lock");
    let io = |what| {
        let path = path.clone();
        move |source| Error::Io { what, path, source }
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(io("make the directory of"))?;
    }
    let file = fs::File::create(&path).map_err(io("make"))?;
    let deadline = Instant::now() + LOCK_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(LOCK_WITHIN / 50);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { path: records.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
    }
}
