//! What scheduled benchmarks of a cluster came to: which figures are worse than they were.
//!
//! Who makes them tells it here; it is part of the next sweep, so that the judge stays pure.

use jiff::Timestamp;

/// What is known of the benchmarks of a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Benchmark {
    /// What is worse than it was; empty where nothing is, or none are made.
    pub regressions: Vec<Regression>,
}

/// One kind of load that goes worse than it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// The kind of load, such as `mixed`.
    pub load: String,
    /// When the first of the runs that are worse was made.
    pub since: Timestamp,
    /// What they were compared with, such as `the 20 runs before`.
    pub compared_with: String,
    /// Each figure that is worse.
    pub figures: Vec<Figure>,
    /// What changed between the runs beside their figures, such as versions.
    pub changes: Vec<String>,
    /// The newest run, by its name among the results.
    pub newest: String,
}

/// A figure that is worse than it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is called, such as `p99`.
    pub name: String,
    /// What it was, for people.
    pub before: String,
    /// What it is.
    pub after: String,
    /// By what share it changed; -0.1 is ten percent less.
    pub change: f64,
}
