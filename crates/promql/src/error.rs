//! Why a query has no answer.

use crate::storage::StorageError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no PromQL, or its types do not fit.
    #[error("{line}:{column}: parse error: {message}")]
    Parse {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// The expression cannot be asked this way, e.g. with a step of zero.
    #[error("{0}")]
    BadQuery(String),
    /// The data do not fit the expression, e.g. one-to-one matching meets two series.
    #[error("{0}")]
    Execution(String),
    /// The time for the query is up.
    #[error("query timed out; narrow its range or raise the limit timeout")]
    Timeout,
    /// Whoever asked went away.
    #[error("query was canceled")]
    Canceled,
    /// The query asks for too much at once.
    #[error("query exceeds the limit {limit} of {bound}; narrow its selectors, range or step")]
    TooLarge {
        /// The field of [`crate::Limits`].
        limit: &'static str,
        /// Its value.
        bound: usize,
    },
    /// The series could not be read.
    #[error("cannot read the series of the query")]
    Storage(#[source] StorageError),
}

impl Error {
    /// Prometheus' name for the kind of error: what its API calls `errorType`.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Parse { .. } | Self::BadQuery(_) => "bad_data",
            Self::Execution(_) | Self::TooLarge { .. } => "execution",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Storage(_) => "internal",
        }
    }

    pub(crate) fn parse(text: &str, at: usize, message: String) -> Self {
        let before = &text[..at.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::Parse {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}
