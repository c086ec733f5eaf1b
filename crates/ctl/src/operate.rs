//! What operators do to a whole cluster, in the order and under the conditions that keep it serving.
//!
//! [`census`] asks every member, [`quorum`] and [`rule`] decide, the others act and stop at the first
//! thing that is not as it should be.

pub mod census;
pub mod defrag;
pub mod joining;
pub mod nospace;
pub mod quorum;
pub mod rule;
pub mod usage;

pub use census::{Census, Seat};
pub use quorum::Quorum;
pub use rule::Rule;
