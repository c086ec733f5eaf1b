//! bbolt files, etcd's storage: reading, checking, and writing fresh ones.
//!
//! A file is read page by page at an offset, never mapped: a file that shrinks or lies costs an
//! error, not the process, and a large one takes little memory. [`Database::check`] does what
//! bbolt's own check does. [`Builder`] writes a new file from sorted keys; nothing here changes a
//! file in place.
//!
//! Any bytes may come as a file. What is wrong with them is an error that names the page and the
//! reason; nothing panics, and no traversal visits more pages than the file has.

#![forbid(unsafe_code)]

mod bucket;
mod builder;
mod check;
mod cursor;
mod database;
mod error;
mod layout;
mod page;
mod pageset;
mod source;

pub use bucket::Bucket;
pub use builder::{BuildOptions, Builder, Built};
pub use check::{BucketStatistics, CheckReport, Problem, Visit};
pub use cursor::{Cursor, Entry};
pub use database::Database;
pub use error::Error;
pub use layout::{MAX_KEY_BYTES, Meta, NO_FREELIST};
pub use source::Source;
