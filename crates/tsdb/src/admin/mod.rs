//! Looking after the files: what takes how much, whether all is sound, less of it, a copy of it.
//!
//! [`usage`], [`verify`] and [`backup`] only read, also beside a running monitor; [`compact`] and
//! [`delete`] write, and refuse while one runs.

pub mod backup;
pub mod compact;
pub mod delete;
mod offline;
mod scan;
pub mod usage;
pub mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::level::FileId;

/// Whether a directory has any file of a store.
pub fn has_files(directory: &Path) -> Result<bool, Error> {
    Ok(!files(directory)?.is_empty())
}

/// A file as it is found, perhaps damaged.
struct Found {
    file: FileId,
    path: PathBuf,
    /// With what is written and not in the file itself yet.
    bytes: u64,
}

/// All files of a store, the finest level first, then the oldest.
fn files(directory: &Path) -> Result<Vec<Found>, Error> {
    let io = |source| Error::Io { what: "list", path: directory.to_owned(), source };
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(file) = FileId::parse(&path) else { continue };
        let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        let bytes = size(&path) + size(&path.with_extension("db-wal"));
        all.push(Found { file, path, bytes });
    }
    all.sort_by_key(|found| found.file);
    Ok(all)
}

/// How far a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The name of the file that is worked on.
    pub file: &'a str,
    /// Bytes of all files that are done.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// Is told how far a piece of work is; called often.
pub type Report<'r> = &'r mut dyn FnMut(Progress<'_>);
