//! The thread that writes: rows as they come, a transaction per half second, blocks when a segment
//! is complete, larger blocks when there are many.
//!
//! While the disk takes nothing, it tries again every second; the queue fills, and what no longer
//! fits is refused at [`crate::Target::append`]. What was taken is kept.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info};

use crate::DAY_MS;
use crate::error::Error;
use crate::level::{FileId, Level};
use crate::segment::Segment;
use crate::shards::Shards;
use crate::target::TargetState;
use crate::writing::WritableFile;

/// Samples that are not on disk yet are at most so old, and the time of the transaction.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

/// Commands of one transaction.
const BATCH: usize = 4_096;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Days whose files stay open for writing: clocks jump, and midnight comes.
const OPEN_DAYS: usize = 2;

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    Row(RowCommand),
    Seal { target: Arc<TargetState>, segment: Arc<Segment> },
    Flush(SyncSender<()>),
    Stop,
}

/// One scrape.
#[derive(Debug)]
pub(crate) struct RowCommand {
    pub(crate) target: Arc<TargetState>,
    pub(crate) day: i64,
    pub(crate) segment: u64,
    pub(crate) index: usize,
    pub(crate) at_ms: i64,
    /// Shapes that the segment had not before.
    pub(crate) added: Vec<u32>,
    pub(crate) diff: Box<[u8]>,
}

impl Command {
    fn day(&self) -> Option<i64> {
        match self {
            Self::Row(row) => Some(row.day),
            Self::Seal { segment, .. } => Some(segment.day),
            Self::Flush(_) | Self::Stop => None,
        }
    }

    fn acknowledge(self) {
        match self {
            Self::Row(row) => row.target.committed(row.segment, row.index + 1),
            Self::Seal { target, segment } => target.sealed(segment.number),
            Self::Flush(done) => drop(done.send(())),
            Self::Stop => {}
        }
    }
}

pub(crate) struct Writer {
    pub(crate) shards: Arc<Shards>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) ingest_error: Arc<Mutex<Option<String>>>,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) days: BTreeMap<i64, WritableFile>,
}

impl Writer {
    /// Runs until it is told to stop; `backlog` comes first.
    pub(crate) fn run(mut self, backlog: Vec<Command>) {
        let mut batch = backlog;
        loop {
            let is_last = self.collect(&mut batch);
            if !self.write(&mut batch) || is_last {
                return;
            }
        }
    }

    /// Waits for commands and gathers those of a moment. True when there will be no more.
    fn collect(&self, batch: &mut Vec<Command>) -> bool {
        if batch.is_empty() {
            match self.commands.recv() {
                Ok(command) => batch.push(command),
                Err(_) => return true,
            }
        }
        let due = Instant::now() + COMMIT_EVERY;
        loop {
            match batch.last() {
                Some(Command::Stop) => return true,
                Some(Command::Flush(_)) => return false,
                _ if batch.len() >= BATCH => return false,
                _ => {}
            }
            match self.commands.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(command) => batch.push(command),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Writes a batch, however long it takes. False when the store was closed meanwhile.
    fn write(&mut self, batch: &mut Vec<Command>) -> bool {
        while let Err(problem) = self.commit(batch) {
            self.report(Some(&problem));
            if self.stopping.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::park_timeout(RETRY_AFTER);
        }
        self.report(None);
        batch.drain(..).for_each(Command::acknowledge);
        true
    }

    fn report(&self, problem: Option<&Error>) {
        let mut known = self.ingest_error.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            Some(problem) => {
                let text = match std::error::Error::source(problem) {
                    Some(source) => format!("{problem}: {source}"),
                    None => problem.to_string(),
                };
                if known.is_none() {
                    error!(error = text, "history cannot be written, trying again");
                }
                *known = Some(text);
            }
            None if known.is_some() => {
                info!("history is written again");
                *known = None;
            }
            None => {}
        }
    }

    fn commit(&mut self, batch: &[Command]) -> Result<(), Error> {
        let mut by_day: BTreeMap<i64, Vec<&Command>> = BTreeMap::new();
        for command in batch {
            if let Some(day) = command.day() {
                by_day.entry(day).or_default().push(command);
            }
        }
        for (day, commands) in by_day {
            let outcome = self.commit_day(day, &commands);
            if let Err(problem) = outcome {
                // Names that were given and not committed are forgotten with the connection.
                self.days.remove(&day);
                if problem.is_damage() {
                    self.shards.set_aside(FileId::of(Level::Raw, day), &problem)?;
                }
                return Err(problem);
            }
        }
        while self.days.len() > OPEN_DAYS {
            self.days.pop_first();
        }
        Ok(())
    }

    fn commit_day(&mut self, day: i64, commands: &[&Command]) -> Result<(), Error> {
        let file = match self.days.entry(day) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(WritableFile::open(&self.shards, FileId::of(Level::Raw, day))?)
            }
        };
        file.write(&self.shards, |writing| {
            for command in commands {
                match command {
                    Command::Row(row) => writing.insert(row)?,
                    Command::Seal { target, segment } => writing.seal(target, segment)?,
                    Command::Flush(_) | Command::Stop => {}
                }
            }
            Ok(())
        })
    }
}

/// The day of a moment.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}
