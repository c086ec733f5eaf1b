//! Records of what happened, and alerts.
//!
//! [`Records`] are events, leader and membership changes and findings with their life. One file
//! holds them all. One thread writes, so that nobody who tells of something waits for the
//! disk; any number of readers ask for pages, newest first. What was written survives the end of
//! the process, however it comes. docs/formats/records.md draws the tables. Their SQL is in `sqlite`.
//!
//! [`alerts::Alerts`] is the other file: what is on, who was told what, what is still to be told.

#![forbid(unsafe_code)]

pub mod alerts;
mod error;
pub mod maintenance;
mod past;
mod query;
mod queue;
mod record;
mod records;
mod sqlite;
mod writer;

pub use error::Error;
pub use past::Past;
pub use query::{ChangeQuery, EventQuery, FindingQuery, Page};
pub use record::Record;
pub use records::{Options, Records, Stat};
