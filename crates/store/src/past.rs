//! What is known of a cluster from before, when watching it begins.

use model::finding::Finding;
use model::leader::{LeaderChange, Leadership};
use model::membership::MembershipChange;

/// What is known of a cluster from before. Empty when nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Who led when the monitor last looked.
    pub leadership: Option<Leadership>,
    /// The last changes of leader, newest first.
    pub leader_changes: Vec<LeaderChange>,
    /// How many elections are recorded.
    pub elections: u64,
    /// The last changes of the member list, newest first.
    pub membership_changes: Vec<MembershipChange>,
    /// Findings that are not over, as far as is known.
    pub open_findings: Vec<Finding>,
}
