//! PromQL over any source of series: parsing, checking and evaluation as of Prometheus 2.42,
//! without native histograms.
//!
//! Evaluation is CPU-bound and synchronous; callers run it on a blocking thread and hold a
//! [`Cancel`] to stop it. Each selector is read once per query, and every expression is evaluated
//! for all steps of a range before the next one is.

#![forbid(unsafe_code)]

mod engine;
mod error;
mod eval;
pub mod json;
mod labels;
mod storage;
mod syntax;
mod unit;
mod value;

pub use engine::{Cancel, Engine, Limits, Query};
pub use error::Error;
pub use storage::{Ask, Asked, Figure, Series, Storage, StorageError, Want, Windows};
pub use syntax::lexer::parse_duration;
pub use unit::{Unit, Units};
pub use value::Value;
