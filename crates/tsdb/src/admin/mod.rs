//! Looking after the files: what takes how much, whether all is sound, less of it, a copy of it.
//!
//! [`usage`], [`verify`] and [`backup`] only read, also beside a running monitor; [`compact`] and
//! [`delete`] write, and refuse while one runs.

pub mod backup;
pub mod compact;
pub mod delete;
mod offline;
mod scan;
pub mod usage;
pub mod verify;

/// How far a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The name of the file that is worked on.
    pub file: &'a str,
    /// Bytes of all files that are done.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// Is told how far a piece of work is; called often.
pub type Report<'r> = &'r mut dyn FnMut(Progress<'_>);
