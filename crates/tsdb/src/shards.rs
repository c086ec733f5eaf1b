//! All files: found, made, chosen for a query, set aside, removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use model::series::Want;
use tracing::{error, info};

use crate::DAY_MS;
use crate::catalog::Catalog;
use crate::error::Error;
use crate::level::{FileId, Level};
use crate::segment::Segment;
use crate::shard::Shard;
use crate::target::TargetState;
use crate::writer::day_of;

/// All files.
#[derive(Debug)]
pub(crate) struct Shards {
    pub(crate) directory: PathBuf,
    is_read_only: bool,
    pub(crate) catalog: Arc<Catalog>,
    open: RwLock<BTreeMap<FileId, Arc<Shard>>>,
    damage: Mutex<BTreeSet<String>>,
}

/// The part of a file that answers a query.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) level: Level,
    pub(crate) shard: Arc<Shard>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl Part {
    /// Whether rows of this day in memory belong to the file.
    pub(crate) fn holds_rows_of(&self, day: i64) -> bool {
        self.level == Level::Raw && day_of(self.from_ms) == day
    }
}

impl Shards {
    /// Opens what is there. A file that is no sound one is set aside, or left out by a reader.
    pub(crate) fn open(directory: &Path, is_read_only: bool) -> Result<Self, Error> {
        let io = |what| move |source| Error::Io { what, path: directory.to_owned(), source };
        if !is_read_only {
            fs::create_dir_all(directory).map_err(io("make the directory"))?;
        }
        let shards = Self {
            directory: directory.to_owned(),
            is_read_only,
            catalog: Arc::default(),
            open: RwLock::default(),
            damage: Mutex::default(),
        };
        for entry in fs::read_dir(directory).map_err(io("list"))? {
            let path = entry.map_err(io("list"))?.path();
            let Some(file) = FileId::parse(&path) else { continue };
            match shards.get(file) {
                Err(error) if error.is_damage() && is_read_only => {
                    shards.damaged(error.to_string());
                }
                Err(error) if error.is_damage() => shards.set_aside(file, &error)?,
                other => drop(other?),
            }
        }
        Ok(shards)
    }

    /// A file; made when there is none.
    pub(crate) fn get(&self, file: FileId) -> Result<Arc<Shard>, Error> {
        if let Some(shard) = self.read().get(&file) {
            return Ok(Arc::clone(shard));
        }
        let path = self.path(file);
        let shard = Arc::new(if self.is_read_only {
            Shard::open_read_only(&path, &self.catalog)?
        } else {
            Shard::open(&path, &self.catalog)?
        });
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(open.entry(file).or_insert(shard)))
    }

    /// All files, the finest level first, then the oldest.
    pub(crate) fn all(&self) -> Vec<(FileId, Arc<Shard>)> {
        self.read().iter().map(|(file, shard)| (*file, Arc::clone(shard))).collect()
    }

    /// The latest scrapes of all targets as they are on disk; damage is noted.
    pub(crate) fn replay(&self) -> Result<Vec<(Arc<TargetState>, Segment)>, Error> {
        let mut all = Vec::new();
        for (file, shard) in self.all() {
            let replayed = match shard.replay(file.first_day, &self.catalog) {
                Err(error) if error.is_damage() => {
                    self.damaged(error.to_string());
                    continue;
                }
                other => other?,
            };
            replayed.damage.into_iter().for_each(|what| self.damaged(what));
            let known = self.catalog.read();
            let segments = replayed.segments.into_iter();
            all.extend(
                segments.map(|(target, segment)| {
                    (Arc::clone(&known.targets[target as usize]), segment)
                }),
            );
        }
        Ok(all)
    }

    /// Which parts of which files answer a query, oldest first: of each day the coarsest level that
    /// the query can do with, else the raw samples, else what there is.
    pub(crate) fn plan(&self, want: Want) -> Vec<Part> {
        let open = self.read();
        // Coarser samples that count at the start may lie as far before it.
        let margin_ms = Level::Hour.spacing_ms();
        let days = day_of(want.from_ms.saturating_sub(margin_ms))..=day_of(want.to_ms);
        let mut best: BTreeMap<i64, Level> = BTreeMap::new();
        let is_enough = |level: Level| level.spacing_ms() <= want.spacing_ms.unwrap_or(0);
        // Of two levels that will do the coarser one, else the finer one.
        let better = |one: Level, other: Level| match (is_enough(one), is_enough(other)) {
            (false, false) => one.min(other),
            (true, true) => one.max(other),
            (is_one, _) => {
                if is_one {
                    one
                } else {
                    other
                }
            }
        };
        for (file, shard) in open.iter() {
            let own = match file.level {
                Level::Raw => vec![file.first_day],
                _ => shard.rolled().iter().copied().collect(),
            };
            for day in own.into_iter().filter(|day| days.contains(day)) {
                let chosen = best.entry(day).or_insert(file.level);
                *chosen = better(*chosen, file.level);
            }
        }
        let mut parts: Vec<Part> = Vec::new();
        for (day, level) in best {
            let Some(shard) = open.get(&FileId::of(level, day)) else { continue };
            let from_ms = (day * DAY_MS).max(want.from_ms.saturating_sub(level.spacing_ms()));
            let to_ms = (day * DAY_MS + DAY_MS - 1).min(want.to_ms);
            match parts.last_mut() {
                _ if from_ms > to_ms => {}
                Some(last) if Arc::ptr_eq(&last.shard, shard) && last.to_ms + 1 == from_ms => {
                    last.to_ms = to_ms;
                }
                _ => parts.push(Part { level, shard: Arc::clone(shard), from_ms, to_ms }),
            }
        }
        parts
    }

    /// How many bytes each file takes.
    pub(crate) fn sizes(&self) -> BTreeMap<FileId, u64> {
        let files: Vec<FileId> = self.read().keys().copied().collect();
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
        files.into_iter().map(|file| (file, self.paths(file).into_iter().map(size).sum())).collect()
    }

    /// Deletes a file.
    pub(crate) fn remove(&self, file: FileId) -> Result<(), Error> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&file);
        for path in self.paths(file) {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Io { what: "delete", path, source });
                }
                _ => {}
            }
        }
        info!(path = %self.path(file).display(), "history file removed");
        Ok(())
    }

    /// Renames a damaged file, so that a person may look at it and the next sample finds a new one.
    pub(crate) fn set_aside(&self, file: FileId, reason: &Error) -> Result<(), Error> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&file);
        let path = self.path(file);
        let aside = (0..).map(|n| path.with_extension(format!("damaged-{n}")));
        let aside = aside.into_iter().find(|aside| !aside.exists()).unwrap_or_default();
        for path in self.paths(file).into_iter().skip(1) {
            let _ = fs::remove_file(path);
        }
        fs::rename(&path, &aside).map_err(|source| Error::Io {
            what: "set aside",
            path: path.clone(),
            source,
        })?;
        self.damaged(format!("{}: {reason}; it is kept as {}", path.display(), aside.display()));
        Ok(())
    }

    /// Notes damage; the log has each once.
    pub(crate) fn damaged(&self, what: String) {
        let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        if !damage.contains(&what) {
            error!(what, "history is damaged");
            damage.insert(what);
        }
    }

    pub(crate) fn damage(&self) -> Vec<String> {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        damage.iter().cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<FileId, Arc<Shard>>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn path(&self, file: FileId) -> PathBuf {
        self.directory.join(file.name())
    }

    /// The file and what SQLite keeps beside it.
    fn paths(&self, file: FileId) -> [PathBuf; 3] {
        let path = self.path(file);
        [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")]
    }
}
