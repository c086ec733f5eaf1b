//! Why a benchmark cannot be run, kept or compared.

use std::io;
use std::path::PathBuf;

use crate::objection::{self, Objection};

/// Why a benchmark cannot be run, kept or compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No member answers as a benchmark needs it.
    #[error("cannot prepare the benchmark")]
    Etcd(#[from] etcd::Error),
    /// The user has not the rights that a benchmark needs.
    #[error(
        "the user may not read and write keys under {prefix:?}; give it a role with that right \
         (etcdctl role grant-permission ROLE --prefix=true readwrite {prefix}), or give another --prefix"
    )]
    NoRights {
        /// Where it was to read and write.
        prefix: String,
        /// What the member said.
        #[source]
        source: etcd::Error,
    },
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
    #[error("not started: {}; --force starts all the same", objection::line(.0))]
    Unsafe(Vec<Objection>),
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
    /// A file does not hold what was recorded of a cluster.
    #[error("cannot replay {}: {why}", path.display())]
    NoPattern {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No result of that name is kept.
    #[error("no result is called {0:?}; `bench list` shows those that are kept")]
    Unknown(String),
    /// The system refuses what every benchmark needs.
    #[error("cannot {0}")]
    System(&'static str, #[source] io::Error),
}

impl Error {
    /// Why a benchmark is not made, in one line, with all causes.
    pub fn line(&self) -> String {
        if let Self::Unsafe(objections) = self {
            return objection::line(objections);
        }
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }

    /// Whether keys of a benchmark that could not remove them may be in the way.
    pub fn is_of_leftovers(&self) -> bool {
        matches!(self, Self::Unsafe(objections)
            if objections.iter().any(|one| matches!(one, Objection::Leftovers { .. })))
    }

    /// The same, with what is missing where a user lacks a right on keys under `prefix`.
    pub(crate) fn about(self, prefix: &str) -> Self {
        match self {
            Self::Etcd(source) if source.class() == etcd::ErrorClass::PermissionDenied => {
                Self::NoRights { prefix: prefix.to_owned(), source }
            }
            other => other,
        }
    }
}
