//! Why `diagnose` ends with an exit code other than 0.

use std::io;
use std::path::PathBuf;

use crate::cli::exit_code;

/// Why `diagnose` ends with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report tells of trouble.
    #[error("something is wrong; the report says what")]
    Unwell,
    /// The configuration has no such cluster.
    #[error("no cluster is called {wanted:?}; there are: {}", known.join(", "))]
    NoCluster {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The report, or the bundle, cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unwell => exit_code::FAILED,
            Self::NoCluster { .. } => exit_code::BAD_INPUT,
            Self::Write { .. } => exit_code::CONNECT,
        }
    }
}
