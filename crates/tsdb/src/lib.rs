//! Time series on disk: whole scrapes in, samples by label out.
//!
//! One writer per target appends the samples of a scrape; any number of readers select series by
//! their labels. What a reader has seen survives the end of the process, however it comes: readers
//! see what is committed. docs/formats/tsdb.md draws the files.

#![forbid(unsafe_code)]

pub mod admin;
mod assemble;
mod bytes;
mod catalog;
mod chunk;
mod column;
mod db;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod level;
mod lock;
mod rollup;
mod row;
mod segment;
mod select;
mod shard;
mod shards;
mod target;
mod together;
mod view;
mod writer;
mod writing;

pub use catalog::Metric;
pub use db::{Options, Stat, Tsdb};
pub use error::Error;
pub use level::Level;
pub use target::{SeriesId, Target};
pub use view::View;

/// A value's bits that say: no sample. No measurement has them, being a NaN that nothing computes.
pub(crate) const ABSENT: u64 = 0x7ff0_0000_0000_0003;

/// Milliseconds of a UTC day: a file holds one.
pub(crate) const DAY_MS: i64 = 86_400_000;
