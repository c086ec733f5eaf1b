//! What can go wrong with a test cluster.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::faults::NotHere;
use crate::version::Missing;

/// What can go wrong with a test cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The etcd binary has not been fetched.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A fault needs what this machine does not have.
    #[error(transparent)]
    NotHere(#[from] NotHere),
    /// A fault could not be made or undone.
    #[error("cannot {what}: {reason}")]
    Fault {
        /// What was attempted.
        what: String,
        /// Why it was not possible.
        reason: String,
    },
    /// The given program is not an etcd server.
    #[error("{} does not answer --version as etcd does; give an etcd server binary", path.display())]
    NotEtcd {
        /// The program that was given.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it was refused.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of {name}")]
    Certificate {
        /// Whom it was for.
        name: String,
        /// Why it could not be made.
        source: rcgen::Error,
    },
    /// A member ended by itself.
    #[error("member {member} ended ({status}); the end of its log:\n{log}")]
    Exited {
        /// The member's name.
        member: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last lines that it logged.
        log: String,
    },
    /// An operation on a member that is not running.
    #[error("member {member} is not running; restart it first")]
    NotRunning {
        /// The member's name.
        member: String,
    },
    /// A state was not reached in time.
    #[error("waited {deadline:?} in vain for {what}{detail}")]
    Timeout {
        /// The state.
        what: String,
        /// How long it was waited for.
        deadline: Duration,
        /// What was last seen, on lines of its own; may be empty.
        detail: String,
    },
    /// etcd refused a request or could not be reached.
    #[error("the cluster did not do as asked")]
    Client(#[from] etcd::Error),
}

impl Error {
    /// Whether a member could not start because somebody took its port in the meantime.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Exited { log, .. } if log.contains("address already in use"))
    }
}
