//! Measuring etcd: workloads, closed and open loops, results, their comparison, and disks.
//!
//! A [`Spec`] says what to do; [`Run`] checks that it may be done, does it, takes the keys away
//! again and answers an [`Outcome`]. What judges (arrivals, statistics, objectives) is pure.

#![forbid(unsafe_code)]

pub mod arrivals;
mod audience;
pub mod change_points;
pub mod compare;
pub mod disk;
mod engine;
pub mod error;
mod keys;
pub mod latency;
mod link;
mod members;
mod objection;
pub mod objectives;
pub mod outcome;
mod pacer;
pub mod pattern;
mod record;
mod recording;
mod run;
mod safety;
pub mod search;
mod sizes;
pub mod spec;
pub mod statistics;
pub mod store;
pub mod summary;
pub mod trend;
mod values;
mod workload;

pub use engine::Progress;
pub use error::Error;
pub use objection::Objection;
pub use outcome::Outcome;
pub use recording::record;
pub use run::{Run, clean};
pub use spec::Spec;
