//! The words for how a member or a cluster is: health, state, role.
//!
//! 'Unknown' is a value of its own everywhere: no data never reads as healthy.

use std::fmt;

/// Whether one member does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// It answers, has a leader, serves linearizable reads and has no alarm.
    Healthy,
    /// It was asked and it does not do its work.
    Unhealthy,
    /// It was not asked yet, or what came back does not tell.
    Unknown,
}

impl Health {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Unhealthy, Self::Unknown];

    /// The name in APIs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a whole cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClusterState {
    /// All members are well.
    Healthy,
    /// It serves, but something is wrong: a member is missing, or an unresolved warning.
    Degraded,
    /// It does not serve, or is about to stop, or its data is in danger.
    Critical,
    /// No member has told us enough.
    Unknown,
}

impl ClusterState {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Critical, Self::Unknown];

    /// The name in APIs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ClusterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The part that a member plays in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It orders the writes.
    Leader,
    /// It votes and follows.
    Follower,
    /// It follows without a vote.
    Learner,
    /// It was added to the cluster but has never joined: the member list has no name for it.
    Unstarted,
    /// It does not tell.
    Unknown,
}

impl Role {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 5] =
        [Self::Leader, Self::Follower, Self::Learner, Self::Unstarted, Self::Unknown];

    /// The name in APIs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Learner => "learner",
            Self::Unstarted => "unstarted",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
