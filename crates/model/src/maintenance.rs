//! Maintenance windows: times in which somebody said that a cluster would be worked on.

use jiff::Timestamp;

/// A time in which members of a cluster may come and go without anybody being called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// What is done, in the words of whoever declared it.
    pub why: String,
}

impl Maintenance {
    /// Whether `at` lies in it.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}
