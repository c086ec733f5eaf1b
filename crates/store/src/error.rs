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
    /// SQLite cannot read or write the file.
    #[error("cannot use the file {}", path.display())]
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
    /// Another process has it open.
    #[error("{} is in use by another etcd-monitor; give each its own --data-dir", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
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
