//! Why the program ends with an exit code other than 0.

use std::fmt;
use std::io;
use std::path::PathBuf;

use model::config_error::ConfigError;

use crate::cli::exit_code;
use crate::{alerting, bench, data, diagnose, maintenance, query, rest, rule_files};

/// Why the program ends with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration holds mistakes.
    #[error(transparent)]
    Config(#[from] Mistakes),
    /// The data directory is unusable.
    #[error(
        "cannot write to the data directory {}; give a writable one with --data-dir or data_dir",
        path.display()
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The history cannot be opened.
    #[error(transparent)]
    History(#[from] tsdb::Error),
    /// The records cannot be opened.
    #[error(transparent)]
    Records(#[from] store::Error),
    /// A diagnosis tells of trouble, or cannot be made.
    #[error(transparent)]
    Diagnose(#[from] diagnose::error::Error),
    /// A running etcd-monitor does not answer, or refuses.
    #[error(transparent)]
    Rest(#[from] rest::Error),
    /// Alerts cannot be told or changed, or are bad.
    #[error(transparent)]
    Alert(#[from] alerting::command::Error),
    /// A benchmark cannot be made, or tells of trouble.
    #[error(transparent)]
    Bench(#[from] bench::error::Error),
    /// A maintenance window cannot be declared, ended or told.
    #[error(transparent)]
    Maintenance(#[from] maintenance::Error),
    /// A query has no answer.
    #[error(transparent)]
    Query(#[from] query::error::Error),
    /// The data directory is not as it should be, or not what was asked for.
    #[error(transparent)]
    Data(#[from] data::error::Error),
    /// Rules are not well, or could not be tried.
    #[error(transparent)]
    Rules(#[from] rule_files::error::Error),
    /// The API cannot be served.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// The local cluster of `--demo` does not start.
    #[error("cannot start the demo cluster")]
    Demo(#[source] anyhow::Error),
    /// The system refuses what every program needs.
    #[error("cannot {0}")]
    System(&'static str, #[source] io::Error),
    /// `ctl` or `utl` stands where it cannot be taken for etcdctl or etcdutl.
    #[error("{0} must be the first argument: etcd-monitor {0} …")]
    CtlFirst(&'static str),
    /// Told to stop again before everything had stopped.
    #[error("interrupted before everything had stopped")]
    Interrupted,
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::DataDir { .. } | Self::History(_) | Self::Records(_) => {
                exit_code::BAD_INPUT
            }
            Self::Server(_) | Self::Demo(_) | Self::System(..) => exit_code::CONNECT,
            Self::Diagnose(error) => error.exit_code(),
            Self::Rest(error) => error.exit_code(),
            Self::Alert(error) => error.exit_code(),
            Self::Bench(error) => error.exit_code(),
            Self::Maintenance(error) => error.exit_code(),
            Self::Query(error) => error.exit_code(),
            Self::Data(error) => error.exit_code(),
            Self::Rules(error) => error.exit_code(),
            Self::CtlFirst(_) => exit_code::BAD_ARGUMENTS,
            Self::Interrupted => exit_code::INTERRUPTED,
        }
    }
}

/// Every mistake of one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file, where the configuration comes from one.
    pub file: Option<PathBuf>,
    /// The mistakes; at least one.
    pub mistakes: Vec<ConfigError>,
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        match self.mistakes.as_slice() {
            [only] => write!(f, "{only}"),
            many => {
                write!(f, "{} mistakes", many.len())?;
                many.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}
