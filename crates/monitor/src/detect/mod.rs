//! The detectors: each a pure function from the last pictures to what it finds wrong.
//!
//! One file per detector. To add one: write `pub(super) fn detect(window: &Window<'_>) -> Vec<Condition>`
//! in a file of its own, add its kind to [`model::finding::FindingKind`], its hysteresis to
//! [`hysteresis`], and its function to [`DETECTORS`]. A detector says only what it sees in the
//! window; when that is believed, and when it is over, is decided in [`crate::findings`].

mod corrupt;
mod member_absent;
mod metrics_unreadable;
mod no_leader;
mod nospace;
mod quorum_lost;

use model::finding::{Evidence, FindingKind, MemberRef};
use model::severity::Severity;

use crate::picture::Picture;

/// What a detector may look at.
#[derive(Debug)]
pub struct Window<'a> {
    /// The cluster's name, for commands in the next steps.
    pub cluster: &'a str,
    /// The last pictures, newest last; never empty.
    pub pictures: &'a [Picture],
}

impl<'a> Window<'a> {
    /// The newest picture.
    pub fn newest(&self) -> &'a Picture {
        self.pictures.last().expect("invariant: a window holds at least one picture")
    }
}

/// Something that a detector sees in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What kind of trouble.
    pub kind: FindingKind,
    /// The member, or `None` where the cluster as a whole is meant.
    pub member: Option<MemberRef>,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// What it means, in one or two sentences.
    pub explanation: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to do next, most useful first.
    pub next_steps: Vec<String>,
}

/// How often a condition must be seen, and missed, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hysteresis {
    /// Consecutive sweeps that see it before it is believed.
    pub raise: u32,
    /// Consecutive sweeps that don't before it is over.
    pub clear: u32,
}

/// A detector.
pub type Detector = fn(&Window<'_>) -> Vec<Condition>;

/// All detectors, in the order of the catalogue.
pub const DETECTORS: [Detector; 6] = [
    quorum_lost::detect,
    no_leader::detect,
    member_absent::detect,
    metrics_unreadable::detect,
    nospace::detect,
    corrupt::detect,
];

/// The hysteresis of each kind. Alarms are raised and disarmed by etcd itself and do not flap, and our
/// own storage says itself when it works again.
pub fn hysteresis(kind: FindingKind) -> Hysteresis {
    match kind {
        FindingKind::QuorumLost => Hysteresis { raise: 2, clear: 3 },
        FindingKind::NoLeader
        | FindingKind::MemberDown
        | FindingKind::MemberUnreachable
        | FindingKind::MetricsUnreadable => Hysteresis { raise: 3, clear: 3 },
        FindingKind::Nospace
        | FindingKind::CorruptAlarm
        | FindingKind::StoragePaused
        | FindingKind::StorageDamaged => Hysteresis { raise: 1, clear: 1 },
    }
}
