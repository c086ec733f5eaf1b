//! What is recorded.

use std::sync::Arc;

use model::event::Event;
use model::finding::Finding;
use model::leader::{LeaderChange, Leadership};
use model::membership::MembershipChange;

/// One thing to record. A cluster is named as in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Something changed; has its number already.
    Event(Arc<Event>),
    /// Another leader, or none. One with the same time and sort (a loss or not) is replaced, since
    /// the term of a new leader is known for certain only a moment after its election.
    LeaderChange {
        /// Whose.
        cluster: String,
        /// What.
        change: LeaderChange,
    },
    /// Who leads now; replaces what was known before.
    Leadership {
        /// Whose.
        cluster: String,
        /// Who; `None`: nobody.
        leadership: Option<Leadership>,
    },
    /// The member list changed.
    MembershipChange {
        /// Whose.
        cluster: String,
        /// What.
        change: MembershipChange,
    },
    /// A finding that was believed, as it is now: a later one of the same cluster, kind, member and
    /// start replaces it.
    Finding {
        /// Whose.
        cluster: String,
        /// What.
        finding: Arc<Finding>,
    },
}
