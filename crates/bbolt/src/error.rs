//! Why a file could not be read or written: which page, and what is wrong with it.

use std::io;

/// Why a bbolt file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// These bytes are no bbolt file at all.
    #[error("not a bbolt file: {0}")]
    NotBolt(String),
    /// A page contradicts the file format, or the rest of the file.
    #[error("page {page}: {reason}")]
    Page {
        /// Its number.
        page: u64,
        /// What is wrong.
        reason: String,
    },
    /// The writer was given what no bbolt file can hold.
    #[error("cannot write this to a bbolt file: {0}")]
    Input(String),
}

impl Error {
    pub(crate) fn page(page: u64, reason: impl Into<String>) -> Self {
        Self::Page { page, reason: reason.into() }
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// Whether the bytes are to blame, not the system that holds them.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::NotBolt(_) | Self::Page { .. })
    }
}
