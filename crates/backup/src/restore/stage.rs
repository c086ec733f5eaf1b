//! The place beside the data directory where a restore builds, until all of it moves at once.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::part;

/// Name of the place within an empty data directory, which may be a mount point that cannot be
/// renamed.
const WITHIN: &str = ".restore.tmp";
/// What is put behind the data directory's name when it does not exist.
const BEHIND: &str = ".restore.tmp";
/// Held while a restore runs.
const LOCK: &str = "lock";

/// Where a restore builds. It is removed unless it is finished.
#[derive(Debug)]
pub(super) struct Stage {
    /// What is to be removed in the end.
    roots: Vec<PathBuf>,
    snap_dir: PathBuf,
    wal_dir: PathBuf,
    /// What moves where, in this order.
    moves: Vec<(PathBuf, PathBuf)>,
    /// Keeps other restores away.
    locks: Vec<File>,
}

/// Refuses places where something is already, in etcdutl's words.
pub(super) fn check_places(data_dir: &Path, wal_dir: Option<&Path>) -> Result<(), Error> {
    let refused = || {
        let text = format!("data-dir {} not empty or could not be read", quoted(data_dir));
        Err(Error::Refused(text))
    };
    match fs::read_dir(data_dir) {
        Ok(mut entries) => {
            // What a killed restore left does not count.
            let is_left = |name: &std::ffi::OsStr| name == WITHIN;
            if entries.any(|entry| !entry.is_ok_and(|entry| is_left(&entry.file_name()))) {
                return refused();
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) => return refused(),
    }
    match wal_dir {
        Some(wal_dir) if wal_dir.exists() => {
            Err(Error::Refused(format!("wal-dir {} exists", quoted(wal_dir))))
        }
        _ => Ok(()),
    }
}

/// As Go's %q writes a path.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

impl Stage {
    pub(super) fn create(data_dir: &Path, wal_dir: Option<&Path>) -> Result<Self, Error> {
        let (root, target) = if data_dir.exists() {
            (data_dir.join(WITHIN), data_dir.join("member"))
        } else {
            (behind(data_dir), data_dir.to_owned())
        };
        let mut locks = vec![begin(&root)?];
        let data = root.join("data");
        let (from, member) = if data_dir.exists() {
            (data.join("member"), data.join("member"))
        } else {
            (data.clone(), data.join("member"))
        };
        let mut stage = Self {
            roots: vec![root],
            snap_dir: member.join("snap"),
            wal_dir: member.join("wal"),
            moves: vec![(from, target)],
            locks: Vec::new(),
        };
        if let Some(wal_dir) = wal_dir {
            let root = behind(wal_dir);
            locks.push(begin(&root)?);
            stage.wal_dir = root.join("wal");
            // First, so that a data directory never is there without its log.
            stage.moves.insert(0, (stage.wal_dir.clone(), wal_dir.to_owned()));
            stage.roots.push(root);
        }
        stage.locks = locks;
        for directory in [&stage.snap_dir, &stage.wal_dir] {
            create_all(directory)?;
        }
        Ok(stage)
    }

    /// Where the database and the snapshot of raft go.
    pub(super) fn snap_dir(&self) -> &Path {
        &self.snap_dir
    }

    /// Where the log goes.
    pub(super) fn wal_dir(&self) -> &Path {
        &self.wal_dir
    }

    /// Moves everything to its place.
    pub(super) fn finish(self) -> Result<(), Error> {
        for directory in [&self.snap_dir, &self.wal_dir] {
            // The names of all directories down to the files.
            for directory in directory.ancestors().take(4) {
                part::sync_directory(directory)
                    .map_err(|source| Error::io("cannot sync", directory, source))?;
            }
        }
        // Released with the places, when this is dropped.
        debug_assert!(!self.locks.is_empty());
        for (from, to) in &self.moves {
            fs::rename(from, to).map_err(|source| {
                Error::io(&format!("cannot move {} to", from.display()), to, source)
            })?;
            part::sync_parent(to)?;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for root in &self.roots {
            // What is left is removed by the next restore.
            let _ = fs::remove_dir_all(root);
        }
    }
}

fn behind(path: &Path) -> PathBuf {
    // A trailing slash would put it inside.
    let mut path: std::ffi::OsString = path.components().as_path().into();
    path.push(BEHIND);
    PathBuf::from(path)
}

/// Makes an empty place and takes its lock.
fn begin(root: &Path) -> Result<File, Error> {
    if root.exists() {
        let lock = File::options().write(true).create(true).truncate(false).open(root.join(LOCK));
        let lock = lock.map_err(|source| Error::io("cannot open", &root.join(LOCK), source))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let text = format!("another restore is under way in {}", root.display());
            return Err(Error::Refused(text));
        }
        fs::remove_dir_all(root).map_err(|source| Error::io("cannot remove", root, source))?;
    }
    create_all(root)?;
    let path = root.join(LOCK);
    let io = |source| Error::io("cannot create", &path, source);
    let lock = super::raft::new_file(&path).map_err(io)?;
    lock.try_lock().map_err(|error| io(error.into()))?;
    Ok(lock)
}

/// Creates directories for this user only, as etcd demands of a data directory.
fn create_all(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| Error::io("cannot create", path, source))
}
