//! The files of all days: found, made, set aside, removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::civil::Date;
use tracing::{error, info};

use crate::catalog::Catalog;
use crate::error::Error;
use crate::shard::Shard;

const FIRST_DAY: Date = Date::constant(1970, 1, 1);

/// The files of all days.
#[derive(Debug)]
pub(crate) struct Shards {
    directory: PathBuf,
    pub(crate) catalog: Arc<Catalog>,
    open: RwLock<BTreeMap<i64, Arc<Shard>>>,
    damage: Mutex<BTreeSet<String>>,
}

impl Shards {
    /// Opens what is there. A file that is no sound one is set aside.
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let io = |what| move |source| Error::Io { what, path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(io("make the directory"))?;
        let shards = Self {
            directory: directory.to_owned(),
            catalog: Arc::default(),
            open: RwLock::default(),
            damage: Mutex::default(),
        };
        for entry in fs::read_dir(directory).map_err(io("list"))? {
            let path = entry.map_err(io("list"))?.path();
            let Some(day) = day_of(&path) else { continue };
            match shards.get(day) {
                Err(error) if error.is_damage() => shards.set_aside(day, &error)?,
                other => drop(other?),
            }
        }
        Ok(shards)
    }

    /// The file of a day; made when there is none.
    pub(crate) fn get(&self, day: i64) -> Result<Arc<Shard>, Error> {
        if let Some(shard) = self.read().get(&day) {
            return Ok(Arc::clone(shard));
        }
        let shard = Arc::new(Shard::open(&self.path(day), &self.catalog)?);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(open.entry(day).or_insert(shard)))
    }

    /// The files of some days, oldest first.
    pub(crate) fn between(&self, from_day: i64, to_day: i64) -> Vec<Arc<Shard>> {
        if from_day > to_day {
            return Vec::new();
        }
        self.read().range(from_day..=to_day).map(|(_, shard)| Arc::clone(shard)).collect()
    }

    /// All days that have a file, and how many bytes it takes.
    pub(crate) fn sizes(&self) -> BTreeMap<i64, u64> {
        let days: Vec<i64> = self.read().keys().copied().collect();
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
        days.into_iter().map(|day| (day, self.paths(day).into_iter().map(size).sum())).collect()
    }

    /// Deletes the file of a day.
    pub(crate) fn remove(&self, day: i64) -> Result<(), Error> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&day);
        for path in self.paths(day) {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Io { what: "delete", path, source });
                }
                _ => {}
            }
        }
        info!(path = %self.path(day).display(), "history of a day removed");
        Ok(())
    }

    /// Renames a damaged file, so that a person may look at it and the next sample finds a new one.
    pub(crate) fn set_aside(&self, day: i64, reason: &Error) -> Result<(), Error> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&day);
        let path = self.path(day);
        let aside = (0..).map(|n| path.with_extension(format!("damaged-{n}")));
        let aside = aside.into_iter().find(|aside| !aside.exists()).unwrap_or_default();
        for path in self.paths(day).into_iter().skip(1) {
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

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<i64, Arc<Shard>>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, day: i64) -> PathBuf {
        let day = jiff::Span::new().days(day.clamp(0, 100_000));
        let date = FIRST_DAY.checked_add(day).unwrap_or(FIRST_DAY);
        self.directory.join(format!("{date}.db"))
    }

    /// The file and what SQLite keeps beside it.
    fn paths(&self, day: i64) -> [PathBuf; 3] {
        let path = self.path(day);
        [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")]
    }
}

fn day_of(path: &Path) -> Option<i64> {
    if path.extension()? != "db" {
        return None;
    }
    let date: Date = path.file_stem()?.to_str()?.parse().ok()?;
    Some(i64::from((date - FIRST_DAY).get_days()))
}
