//! What happened to a cluster's member list.

use jiff::Timestamp;

use crate::finding::MemberRef;

/// What happened to the member list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChangeKind {
    /// A voter or learner was added.
    Added,
    /// A member was removed.
    Removed,
    /// A learner became a voter.
    Promoted,
    /// Its name or URLs changed.
    Updated,
}

impl MembershipChangeKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Added, Self::Removed, Self::Promoted, Self::Updated];

    /// The name in APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Promoted => "promoted",
            Self::Updated => "updated",
        }
    }
}

/// One entry of the membership history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// When we saw it.
    pub at: Timestamp,
    /// What happened.
    pub kind: MembershipChangeKind,
    /// To whom.
    pub member: MemberRef,
    /// In words, such as `as learner` or the old and new URLs.
    pub detail: String,
}
