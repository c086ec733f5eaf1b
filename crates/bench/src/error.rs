//! Why a benchmark cannot be run, kept or compared.

use std::io;
use std::path::PathBuf;

/// Why a benchmark cannot be run, kept or compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No member answers as a benchmark needs it.
    #[error("cannot prepare the benchmark")]
    Etcd(#[from] etcd::Error),
    /// Nobody of that name to send load to.
    #[error("no member is called {wanted:?}; there are: {}", known.join(", "))]
    NoMember {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No member leads.
    #[error("no member leads; check that a majority of the members runs and reaches each other")]
    NoLeader,
    /// The cluster is in no state for load.
    #[error("not started: {}; --force starts all the same", .0.join("; "))]
    Unsafe(Vec<String>),
    /// A file of results cannot be written or read.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file does not hold a result.
    #[error("{} is no result of a benchmark", path.display())]
    NoResult {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// No result of that name is kept.
    #[error("no result is called {0:?}; `bench list` shows those that are kept")]
    Unknown(String),
    /// The system refuses what every benchmark needs.
    #[error("cannot {0}")]
    System(&'static str, #[source] io::Error),
}
