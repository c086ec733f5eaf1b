//! The arithmetic of votes: what a cluster of so many members bears.

use std::fmt;

/// Voting members, and how many of them are well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// Members with a vote.
    pub voters: usize,
    /// Those of them that answer and follow the leader.
    pub healthy: usize,
}

impl Quorum {
    /// How many must be well for the cluster to take writes.
    pub fn needed(self) -> usize {
        self.voters / 2 + 1
    }

    /// Whether it takes writes.
    pub fn is_kept(self) -> bool {
        self.healthy >= self.needed()
    }

    /// Without one member, which was healthy or not.
    #[must_use]
    pub fn without(self, was_healthy: bool) -> Self {
        let healthy = self.healthy.saturating_sub(usize::from(was_healthy));
        Self { voters: self.voters.saturating_sub(1), healthy }
    }

    /// With one more that votes, which is healthy or not.
    #[must_use]
    pub fn with(self, is_healthy: bool) -> Self {
        Self { voters: self.voters + 1, healthy: self.healthy + usize::from(is_healthy) }
    }

    /// While one healthy member is busy with itself.
    #[must_use]
    pub fn while_one_rests(self) -> Self {
        Self { voters: self.voters, healthy: self.healthy.saturating_sub(1) }
    }
}

/// As in `3 voting members, 2 healthy, 2 needed`.
impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.voters == 1 { "" } else { "s" };
        let needed = self.needed();
        write!(f, "{} voting member{s}, {} healthy, {needed} needed", self.voters, self.healthy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_dead_member_keeps_quorum_and_removing_a_healthy_one_may_not() {
        let quorum = Quorum { voters: 3, healthy: 2 };
        assert!(quorum.is_kept());
        assert!(quorum.without(false).is_kept());
        assert!(!quorum.without(true).is_kept());
        assert_eq!(quorum.without(false).to_string(), "2 voting members, 2 healthy, 2 needed");
    }

    #[test]
    fn adding_a_voter_that_does_not_run_can_cost_quorum() {
        assert!(!Quorum { voters: 1, healthy: 1 }.with(false).is_kept());
        assert!(Quorum { voters: 2, healthy: 2 }.with(false).is_kept());
        assert!(!Quorum { voters: 3, healthy: 2 }.with(false).is_kept());
    }

    #[test]
    fn one_of_three_may_rest_but_not_one_of_two() {
        assert!(Quorum { voters: 3, healthy: 3 }.while_one_rests().is_kept());
        assert!(!Quorum { voters: 2, healthy: 2 }.while_one_rests().is_kept());
    }
}
