//! Why rules are not well.

use std::io;
use std::path::PathBuf;

use crate::cli::exit_code;
use crate::{data, query};

/// Why rules are not well, or could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Rule files hold mistakes, which were told.
    #[error("{0} in rule files; see above")]
    Mistakes(String),
    /// Tests do not hold, or could not be run; each was told.
    #[error("{0} of rules; see above")]
    Failures(String),
    /// Rules cannot be evaluated; each was told.
    #[error("{0}; see above")]
    Rules(String),
    /// There is no history to replay.
    #[error(transparent)]
    Data(#[from] data::error::Error),
    /// A moment that is none.
    #[error(transparent)]
    Moment(#[from] query::error::Error),
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::Mistakes(_) | Self::Moment(_) => exit_code::BAD_INPUT,
            Self::Failures(_) | Self::Rules(_) => exit_code::FAILED,
            Self::Data(error) => error.exit_code(),
        }
    }
}
