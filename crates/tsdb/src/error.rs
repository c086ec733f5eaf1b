//! Why the store cannot do what was asked.

use std::io;
use std::path::PathBuf;

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory cannot be used.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot read or write a file.
    #[error("cannot use the history file {}", path.display())]
    Sql {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// A later program wrote the file.
    #[error(
        "{} has format {found}, and this program knows formats up to {known}; use a newer etcd-monitor",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A copy would be mixed with what is there.
    #[error("{} is not empty; give a directory that is empty or does not exist", path.display())]
    NotEmpty {
        /// Which directory.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error("{} is in use by another etcd-monitor; give each its own --data-dir", path.display())]
    InUse {
        /// Which directory.
        path: PathBuf,
    },
    /// The disk is slower than the scrapes, or full: the samples are not taken.
    #[error("the history takes no samples now: {reason}")]
    Paused {
        /// Why, as far as it is known.
        reason: String,
    },
    /// The store was closed.
    #[error("the history is closed")]
    Closed,
}

impl Error {
    /// Whether the file is no sound SQLite file.
    pub(crate) fn is_damage(&self) -> bool {
        let Self::Sql { source, .. } = self else { return false };
        let code = source.sqlite_error_code();
        code == Some(rusqlite::ErrorCode::DatabaseCorrupt)
            || code == Some(rusqlite::ErrorCode::NotADatabase)
    }
}
