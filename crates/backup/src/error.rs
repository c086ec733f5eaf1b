//! Why something with a snapshot or a data directory failed: which file, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted, with the path.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A member did not give what it was asked for.
    #[error(transparent)]
    Etcd(#[from] etcd::Error),
    /// A database could not be written.
    #[error("{what}: {source}")]
    Write {
        /// What was attempted, with the path.
        what: String,
        /// The writer's reason.
        source: bbolt::Error,
    },
    /// The state of things forbids it; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// An option makes no sense.
    #[error("{0}")]
    Option(String),
    /// A revision that the file no longer has, or does not have yet.
    #[error("{0}")]
    Revision(String),
}

impl Error {
    pub(crate) fn io(what: &str, path: &Path, source: io::Error) -> Self {
        Self::Io { what: format!("{what} {}", path.display()), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }

    /// What went wrong when the file at `path` was read.
    pub(crate) fn read(path: &Path, error: bbolt::Error) -> Self {
        match error {
            bbolt::Error::Io { what, source } => {
                Self::Io { what: format!("{}: {what}", path.display()), source }
            }
            damage => Self::damaged(path, damage.to_string()),
        }
    }
}
