//! Writing a stopped member's database anew, without the room that deleted data left.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bbolt::Database;

use crate::copy::{self, Changes};
use crate::error::Error;
use crate::part;
use crate::progress::{Meter, OnProgress};

/// How often a lock that another process holds is tried.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// What defragmenting did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defragmented {
    /// The database.
    pub path: PathBuf,
    /// Its size before.
    pub before_bytes: u64,
    /// Its size now.
    pub after_bytes: u64,
}

/// The database in a data directory.
pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join("member").join("snap").join("db")
}

/// Defragments the database of a member that does not run, waiting up to `wait` for it to end.
///
/// The new file replaces the old one when it is whole and on disk, so it takes room for both.
///
/// # Errors
/// [`Error::Refused`] when etcd still runs there. On any error the old file is as it was.
pub fn defrag(
    data_dir: &Path,
    wait: Duration,
    progress: &mut OnProgress<'_>,
) -> Result<Defragmented, Error> {
    let path = database_path(data_dir);
    let stopped = Stopped::open(&path, wait)?;
    let before_bytes = stopped.size_bytes;
    let after_bytes = stopped.rewrite(&Changes::default(), progress)?;
    Ok(Defragmented { path, before_bytes, after_bytes })
}

/// The database of a member that does not run, locked against its start.
pub(crate) struct Stopped<'a> {
    path: &'a Path,
    file: File,
    pub(crate) database: Database,
    pub(crate) size_bytes: u64,
}

impl<'a> Stopped<'a> {
    /// Opens it, waiting up to `wait` for the member to end; refuses one that is damaged.
    pub(crate) fn open(path: &'a Path, wait: Duration) -> Result<Self, Error> {
        let io = |source| Error::io("cannot open", path, source);
        let file = File::options().read(true).write(true).open(path).map_err(io)?;
        lock(&file, path, wait)?;
        let size_bytes = file.metadata().map_err(io)?.len();
        let handle = file.try_clone().map_err(io)?;
        let database = Database::from_file(handle).map_err(|error| Error::read(path, error))?;
        let report = database.check().map_err(|error| Error::read(path, error))?;
        if let Some(problem) = report.problems.first() {
            let text = format!("it is damaged, and left alone: {problem}");
            return Err(Error::damaged(path, text));
        }
        Ok(Self { path, file, database, size_bytes })
    }

    /// Puts a copy with changes in its place; answers the size of that.
    pub(crate) fn rewrite(
        self,
        changes: &Changes,
        progress: &mut OnProgress<'_>,
    ) -> Result<u64, Error> {
        let path = self.path;
        let directory = part::parent(path);
        // etcd itself removes files of this name when it starts.
        let new = tempfile::Builder::new()
            .prefix("db.tmp.")
            .tempfile_in(directory)
            .map_err(|source| Error::io("cannot create a file in", directory, source))?;
        let handle = new.reopen().map_err(|source| Error::io("cannot open", path, source))?;
        let mut meter = Meter::new(progress);
        let target = (new.path(), handle);
        let size_bytes = copy::copy((path, &self.database), target, changes, &mut meter)?;
        new.as_file().sync_all().map_err(|source| Error::io("cannot sync", new.path(), source))?;
        new.persist(path).map_err(|error| Error::io("cannot replace", path, error.error))?;
        part::sync_parent(path)?;
        spoil(&self.file);
        Ok(size_bytes)
    }
}

/// Makes the old file unusable now that the new one has its name.
///
/// An etcd that was started meanwhile has opened it and waits for the lock: it would go on with a
/// file that nobody finds again. So it finds no database there, and ends.
#[cfg(unix)]
fn spoil(old: &File) {
    use std::os::unix::fs::{FileExt, MetadataExt};
    // Someone may keep the old file under another name.
    if old.metadata().is_ok_and(|metadata| metadata.nlink() == 0) {
        // Both meta pages, at the largest page size. Without effect when it fails, as before.
        let _ = old.write_all_at(&vec![0; 1 << 17], 0);
    }
}

#[cfg(not(unix))]
fn spoil(_: &File) {}

/// Takes the lock that bbolt takes on its file.
fn lock(file: &File, path: &Path, wait: Duration) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => return Err(Error::io("cannot lock", path, source)),
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < end => {
                std::thread::sleep(LOCK_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Refused(format!(
                    "etcd runs on {}: stop it first, or defragment it while it runs (ctl defrag)",
                    path.display()
                )));
            }
        }
    }
}
