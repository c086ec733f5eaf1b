//! The store as its users see it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use expfmt::Kind;
use model::series::{Ask, Asked, Labels, Matcher, Series, Source, SourceError, Want};

use crate::DAY_MS;
use crate::catalog::Metric;
use crate::error::Error;
use crate::level::Level;
use crate::shards::Shards;
use crate::target::{SeriesId, Target, TargetState};
use crate::writer::{Command, Writer, day_of};
use crate::{lock, rollup, select, together};

/// Scrapes that wait for the disk: two minutes of a thousand members.
const QUEUE: usize = 8_192;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long every sample; 15 days, as in Prometheus. Whole days are removed.
    pub raw: Duration,
    /// How long one sample in five minutes; 90 days. Ten days are removed at once.
    pub five_minutes: Duration,
    /// How long one sample in an hour; 2 years. A hundred days are removed at once.
    pub hour: Duration,
    /// How many bytes at most; raw samples go first, the oldest of them first. No limit by default.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(days * 24);
        Self { raw: days(15), five_minutes: days(90), hour: days(730), max_bytes: None }
    }
}

impl Options {
    fn retention_ms(&self, level: Level) -> i64 {
        let retention = match level {
            Level::Raw => self.raw,
            Level::FiveMinutes => self.five_minutes,
            Level::Hour => self.hour,
        };
        i64::try_from(retention.as_millis()).unwrap_or(i64::MAX)
    }
}

/// How the store is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stat {
    /// On disk.
    pub bytes: u64,
    /// Files.
    pub files: usize,
    /// Targets known.
    pub targets: usize,
    /// Why nothing can be written now; none when all is well.
    pub ingest_error: Option<String>,
    /// What was found damaged and left out, each with its file.
    pub damage: Vec<String>,
}

/// The store. A clone is another handle on the same one.
#[derive(Debug, Clone)]
pub struct Tsdb {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    shards: Arc<Shards>,
    /// Held as long as the store is open.
    _lock: File,
    writer: SyncSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stopping: Arc<AtomicBool>,
    segments: Arc<AtomicU64>,
    ingest_error: Arc<Mutex<Option<String>>>,
}

impl Tsdb {
    /// Opens the store in `directory`, or makes it. Only one process may have it open.
    pub fn open(directory: &Path, options: Options) -> Result<Self, Error> {
        let lock = lock::take(directory)?;
        let shards = Arc::new(Shards::open(directory, false)?);
        let mut backlog = Vec::new();
        let mut next_segment = 0;
        for (target, segment) in shards.replay()? {
            next_segment = next_segment.max(segment.number + 1);
            let segment = Arc::new(segment);
            target.restore(Arc::clone(&segment));
            backlog.push(Command::Seal { target, segment });
        }
        let (writer, commands) = mpsc::sync_channel(QUEUE);
        let stopping = Arc::new(AtomicBool::new(false));
        let ingest_error = Arc::new(Mutex::new(None));
        let thread = Writer {
            shards: Arc::clone(&shards),
            commands,
            ingest_error: Arc::clone(&ingest_error),
            stopping: Arc::clone(&stopping),
            days: BTreeMap::new(),
        };
        let thread = thread::Builder::new()
            .name("tsdb-writer".to_owned())
            .spawn(move || thread.run(backlog))
            .map_err(|source| {
                let path = directory.to_owned();
                Error::Io { what: "start the thread that writes", path, source }
            })?;
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                shards,
                _lock: lock,
                writer,
                thread: Mutex::new(Some(thread)),
                stopping,
                segments: Arc::new(AtomicU64::new(next_segment)),
                ingest_error,
            }),
        })
    }

    /// The target whose series all have these labels.
    pub fn target(&self, labels: &Labels) -> Target {
        self.target_of(self.inner.shards.catalog.target(labels))
    }

    /// The series with these labels of its own (name, `le`, …), the same for all targets. Where a
    /// target has a label of the same name, the target's counts.
    pub fn series_id(&self, labels: &Labels) -> SeriesId {
        SeriesId::new(self.inner.shards.catalog.shape(labels))
    }

    /// Returns when all that was appended before is on disk, or when the store was closed.
    pub fn flush(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.inner.writer.send(Command::Flush(done)).is_ok() {
            // An error says that the thread has ended.
            let _ = wait.recv();
        }
    }

    /// Makes the coarser levels of days that are over at `now_ms`, and have not been made yet; see
    /// docs/formats/tsdb.md. Before each target of a day it asks `proceed`, which may wait, and ends
    /// when that says no; what is left is done at the next call. While the disk takes nothing, it does
    /// nothing. Returns how many days were done.
    pub fn roll_up(&self, now_ms: i64, proceed: &mut dyn FnMut() -> bool) -> Result<usize, Error> {
        if self.stat().ingest_error.is_some() {
            return Ok(0);
        }
        for target in self.all_targets() {
            // What has ended before midnight gets no scrape that would do it.
            target.seal_before(day_of(now_ms));
        }
        self.flush();
        rollup::roll_up(&self.inner.shards, now_ms, proceed)
    }

    /// Removes files that are over age, counted from `now_ms`, and the oldest ones while there are
    /// too many bytes; never the day of `now_ms` and later ones. Returns how many were removed.
    pub fn retain(&self, now_ms: i64) -> Result<usize, Error> {
        let Inner { options, shards, .. } = &*self.inner;
        let mut sizes = shards.sizes();
        let mut total: u64 = sizes.values().sum();
        sizes.retain(|file, _| file.end_day() <= day_of(now_ms));
        let mut removed = 0;
        // In order of the levels, the finest first.
        for (file, bytes) in sizes {
            let oldest = now_ms.saturating_sub(options.retention_ms(file.level));
            let is_over_age = file.end_day().saturating_mul(DAY_MS) <= oldest;
            let is_too_much = options.max_bytes.is_some_and(|max| total > max);
            if is_over_age || is_too_much {
                shards.remove(file)?;
                total -= bytes;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// What members said of their metrics: type and meaning by name.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.inner.shards.catalog.metrics()
    }

    /// The names of all labels of all series that were ever seen since the store was opened, or that
    /// are in it; quick, however many series there are.
    pub fn label_names(&self) -> BTreeSet<String> {
        self.inner.shards.catalog.label_names()
    }

    /// The same for the values of one label.
    pub fn label_values(&self, name: &str) -> BTreeSet<String> {
        self.inner.shards.catalog.label_values(name)
    }

    /// Notes what a metric is; call it before the first [`Self::series_id`] of its series.
    pub fn describe(&self, name: &str, kind: Kind, help: &str) {
        self.inner.shards.catalog.describe(name, kind, help);
    }

    fn all_targets(&self) -> Vec<Target> {
        let states = self.inner.shards.catalog.read().targets.clone();
        states.into_iter().map(|state| self.target_of(state)).collect()
    }

    fn target_of(&self, state: Arc<TargetState>) -> Target {
        Target {
            state,
            writer: self.inner.writer.clone(),
            segments: Arc::clone(&self.inner.segments),
            ingest_error: Arc::clone(&self.inner.ingest_error),
        }
    }

    /// How the store is.
    pub fn stat(&self) -> Stat {
        let sizes = self.inner.shards.sizes();
        let error = self.inner.ingest_error.lock().unwrap_or_else(PoisonError::into_inner);
        Stat {
            bytes: sizes.values().sum(),
            files: sizes.len(),
            targets: self.inner.shards.catalog.read().targets.len(),
            ingest_error: error.clone(),
            damage: self.inner.shards.damage(),
        }
    }

    /// Writes what is left and ends the thread. What is appended afterwards is refused.
    pub fn close(&self) {
        self.inner.stop();
    }
}

impl Inner {
    fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        self.stopping.store(true, Ordering::Relaxed);
        thread.thread().unpark();
        // An error says that the thread has ended.
        let _ = self.writer.send(Command::Stop);
        let _ = thread.join();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Source for Tsdb {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        Ok(select::read(&self.inner.shards, matchers, want, take)?)
    }

    fn read_apart(
        &self,
        asks: &[Ask],
        label: &str,
        take: &mut dyn FnMut(Vec<Asked>) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        together::read_apart(&self.inner.shards, asks, label, take)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Labels>, SourceError> {
        Ok(select::series(&self.inner.shards, matchers, from_ms, to_ms)?)
    }
}
