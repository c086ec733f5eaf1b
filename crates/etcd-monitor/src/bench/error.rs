//! Why `bench` and `check` end with an exit code other than 0.

use std::io;
use std::path::PathBuf;

use model::config_error::ConfigError;

use crate::cli::exit_code;

/// Why `bench` and `check` end with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made, kept or read.
    #[error(transparent)]
    Bench(#[from] ::bench::Error),
    /// A disk could not be tried.
    #[error(transparent)]
    Disk(#[from] ::bench::disk::Error),
    /// Flags that contradict each other or are out of range.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Flags(Vec<ConfigError>),
    /// The configuration has no such cluster, or many and none was named.
    #[error("name one cluster of the file with --cluster: {}", .0.join(", "))]
    WhichCluster(Vec<String>),
    /// Names of servers that cannot be found.
    #[error("cannot find the members by DNS")]
    Dns(#[from] etcd::dns::Error),
    /// There is no directory for results.
    #[error("no directory for results is known; give one with --results or --data-dir")]
    Nowhere,
    /// A file of objectives that cannot be used.
    #[error("cannot use the objectives in {}: {reason}", path.display())]
    Objectives {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No baseline of that name.
    #[error("no baseline is called {0:?}; `bench baseline set` makes one")]
    NoBaseline(String),
    /// The result cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It ended before its time, by itself.
    #[error("stopped: {0}")]
    Stopped(String),
    /// Nothing succeeded, something is worse, or not as wanted; the result says what.
    #[error("{0}")]
    Unwell(&'static str),
    /// By the user.
    #[error("interrupted; the result is of the time until then")]
    Interrupted,
    /// By the user, who would not wait for the end.
    #[error("interrupted before its keys were removed; `etcd-monitor bench clean` removes them")]
    Abandoned,
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        use ::bench::Error as Inner;
        match self {
            Self::Bench(Inner::Etcd(_) | Inner::NoLeader | Inner::System(..)) | Self::Dns(_) => {
                exit_code::CONNECT
            }
            Self::Bench(Inner::Unsafe(_) | Inner::NoRights { .. })
            | Self::Stopped(_)
            | Self::Unwell(_) => exit_code::FAILED,
            Self::Write { .. } | Self::Disk(::bench::disk::Error::Io { .. }) => exit_code::CONNECT,
            Self::Bench(_)
            | Self::Disk(_)
            | Self::Flags(_)
            | Self::WhichCluster(_)
            | Self::Nowhere
            | Self::Objectives { .. }
            | Self::NoBaseline(_) => exit_code::BAD_INPUT,
            Self::Interrupted | Self::Abandoned => exit_code::INTERRUPTED,
        }
    }
}
