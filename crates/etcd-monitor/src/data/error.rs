//! Why the data directory is not as it should be, or not what was asked for.

use std::io;
use std::path::PathBuf;

use model::series::SourceError;

use crate::cli::exit_code;
use crate::query;

/// Why nothing, or not all, was done with a data directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody said where the data is.
    #[error("it is not known where the data is; give the directory with --data-dir")]
    Nowhere,
    /// Nothing is there.
    #[error("there is no directory {}; give that of etcd-monitor with --data-dir", .0.display())]
    Missing(PathBuf),
    /// Something else is there.
    #[error(
        "{} holds no history; give the directory that etcd-monitor has as its --data-dir",
        .0.display()
    )]
    NoHistory(PathBuf),
    /// A monitor runs.
    #[error("{} is in use by a running etcd-monitor; stop it first", .0.display())]
    InUse(PathBuf),
    /// The files cannot be used.
    #[error(transparent)]
    Store(tsdb::Error),
    /// Samples cannot be read.
    #[error("the history cannot be read: {0}")]
    Read(SourceError),
    /// A selector is none.
    #[error("{selector:?} selects no series: {reason}")]
    Selector {
        /// What was given.
        selector: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A moment that is none.
    #[error(transparent)]
    Moment(#[from] query::error::Error),
    /// The end is before the beginning.
    #[error("--to is before --from")]
    Reversed,
    /// Nobody said yes.
    #[error("nothing was deleted; confirm with --yes")]
    NotConfirmed,
    /// What was written is not all.
    #[error("{problems} of the history in {}; see above", path.display())]
    Damaged {
        /// The data directory.
        path: PathBuf,
        /// How many, in words.
        problems: String,
    },
    /// A file or standard output cannot be written.
    #[error("cannot write {what}")]
    Write {
        /// Which.
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read(_)
            | Self::Damaged { .. }
            | Self::Write { .. }
            | Self::Store(tsdb::Error::Io { .. } | tsdb::Error::Sql { .. }) => exit_code::FAILED,
            _ => exit_code::BAD_INPUT,
        }
    }
}

impl From<tsdb::Error> for Error {
    fn from(error: tsdb::Error) -> Self {
        match error {
            tsdb::Error::InUse { path } => Self::InUse(path),
            other => Self::Store(other),
        }
    }
}
