//! The thread that writes: rows as they come, a transaction per half second, blocks when a segment
//! is complete, larger blocks when there are many.
//!
//! While the disk takes nothing, it tries again every second; the queue fills, and what no longer
//! fits is refused at [`crate::Target::append`]. What was taken is kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::time::Instant;
use tracing::{error, info};

use crate::chunk::{self, Block};
use crate::error::Error;
use crate::segment::Segment;
use crate::shard::{Names, Shard, labels_text, pack};
use crate::shards::Shards;
use crate::target::TargetState;
use crate::{ABSENT, DAY_MS};

/// Samples that are not on disk yet are at most so old, and the time of the transaction.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

/// Commands of one transaction.
const BATCH: usize = 4_096;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// So many blocks of one segment become one of six hours.
const MERGE: usize = 12;

const SMALL: i64 = 0;
const LARGE: i64 = 1;
/// Left alone, for a person to look at.
const DAMAGED: i64 = 9;

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
    pub(crate) days: BTreeMap<i64, Day>,
}

/// A file that is written to.
pub(crate) struct Day {
    shard: Arc<Shard>,
    connection: Connection,
    names: Names,
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
                    self.shards.set_aside(day, &problem)?;
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
        let shard = self.shards.get(day)?;
        let open = match self.days.entry(day) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let connection = shard.connect()?;
                let names = shard.names().clone();
                new.insert(Day { shard, connection, names })
            }
        };
        let Day { shard, connection, names } = open;
        let path = &shard.path;
        let known = names.shapes.len() + names.targets.len();
        let mut run = || -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for command in commands {
                let mut day = Open { sql: &transaction, names, shards: &self.shards };
                match command {
                    Command::Row(row) => day.insert(row)?,
                    Command::Seal { target, segment } => day.seal(target, segment, path)?,
                    Command::Flush(_) | Command::Stop => {}
                }
            }
            transaction.commit()
        };
        run().map_err(|source| Error::Sql { path: path.clone(), source })?;
        if names.shapes.len() + names.targets.len() != known {
            *shard.names() = names.clone();
        }
        Ok(())
    }
}

/// A day's file within a transaction.
struct Open<'a> {
    sql: &'a Transaction<'a>,
    names: &'a mut Names,
    shards: &'a Shards,
}

impl Open<'_> {
    fn target(&mut self, target: &TargetState) -> rusqlite::Result<i64> {
        if let Some(number) = self.names.targets.get(&target.number) {
            return Ok(*number);
        }
        let mut insert = self.sql.prepare_cached("INSERT INTO target (labels) VALUES (?)")?;
        let number = insert.insert([labels_text(&target.labels)])?;
        self.names.targets.insert(target.number, number);
        Ok(number)
    }

    fn shape(&mut self, shape: u32) -> rusqlite::Result<u32> {
        if let Some(number) = self.names.shapes.get(&shape) {
            return Ok(*number);
        }
        let labels = labels_text(&self.shards.catalog.read().shapes[shape as usize]);
        let mut insert = self.sql.prepare_cached("INSERT INTO shape (labels) VALUES (?)")?;
        let number = insert.insert([labels])? as u32;
        self.names.add_shape(shape, number);
        Ok(number)
    }

    fn insert(&mut self, row: &RowCommand) -> rusqlite::Result<()> {
        let target = self.target(&row.target)?;
        let added: rusqlite::Result<Vec<u32>> =
            row.added.iter().map(|shape| self.shape(*shape)).collect();
        let packed = pack(&added?, &row.diff);
        // A batch that failed half way comes again.
        let mut insert =
            self.sql.prepare_cached("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?, ?)")?;
        insert.execute(params![target, row.segment as i64, row.index as i64, row.at_ms, packed])?;
        Ok(())
    }

    fn seal(
        &mut self,
        target: &TargetState,
        segment: &Segment,
        path: &std::path::Path,
    ) -> rusqlite::Result<()> {
        let target = self.target(target)?;
        for shape in &segment.slots {
            self.shape(*shape)?;
        }
        let block = segment.all().block(|shape| self.names.shapes.get(&shape).copied());
        self.put(target, SMALL, &block)?;
        let mut delete =
            self.sql.prepare_cached("DELETE FROM head WHERE target = ? AND segment = ?")?;
        delete.execute(params![target, segment.number as i64])?;
        self.merge(target, path)
    }

    fn put(&self, target: i64, level: i64, block: &Block) -> rusqlite::Result<()> {
        let (Some(from), Some(to)) = (block.times.first(), block.times.last()) else {
            return Ok(());
        };
        let mut insert = self.sql.prepare_cached(
            "INSERT INTO block (target, level, from_ms, to_ms, data) VALUES (?, ?, ?, ?, ?)",
        )?;
        insert.execute(params![target, level, from, to, block.encode()])?;
        Ok(())
    }

    /// Makes one large block of many small ones: fewer, longer columns compress better.
    fn merge(&self, target: i64, path: &std::path::Path) -> rusqlite::Result<()> {
        let mut query = self.sql.prepare_cached(
            "SELECT id, data FROM block WHERE target = ? AND level = ? ORDER BY from_ms",
        )?;
        let mut count =
            self.sql.prepare_cached("SELECT count(*) FROM block WHERE target = ? AND level = ?")?;
        if count.query_row([target, SMALL], |row| row.get::<_, i64>(0))? < MERGE as i64 {
            return Ok(());
        }
        let (mut ids, mut blocks) = (Vec::new(), Vec::new());
        let mut rows = query.query([target, SMALL])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if let Some(block) = chunk::decode(row.get_ref(1)?.as_blob()?) {
                ids.push(id);
                blocks.push(block);
            } else {
                self.sql.execute("UPDATE block SET level = ? WHERE id = ?", [DAMAGED, id])?;
                self.shards.damaged(format!("block {id} of {}", path.display()));
            }
        }
        self.put(target, LARGE, &joined(&blocks))?;
        let mut delete = self.sql.prepare_cached("DELETE FROM block WHERE id = ?")?;
        for id in ids {
            delete.execute([id])?;
        }
        Ok(())
    }
}

/// All scrapes of some blocks of one target.
fn joined(blocks: &[Block]) -> Block {
    let length = blocks.iter().map(|block| block.times.len()).sum();
    let mut columns: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut times = Vec::with_capacity(length);
    for block in blocks {
        for (shape, values) in &block.columns {
            let column = columns.entry(*shape).or_default();
            column.resize(times.len(), ABSENT);
            column.extend_from_slice(values);
        }
        times.extend_from_slice(&block.times);
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    for (_, column) in &mut columns {
        column.resize(length, ABSENT);
    }
    let mut joined = Block { times, columns };
    joined.sort();
    joined
}

/// The day of a moment.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}
