//! The detectors: each a pure function from the last pictures to what it finds wrong.
//!
//! One file per detector. To add one: write `pub(super) fn detect(window: &Window<'_>) -> Vec<Condition>`
//! in a file of its own, add its kind to [`model::finding::FindingKind`], its basis and hysteresis to
//! [`hysteresis`], its function to [`DETECTORS`], and its page to docs/runbooks. A detector says only
//! what it sees in the window; when that is believed, and when it is over, is decided in
//! [`crate::findings`], and what is a symptom of what in [`crate::correlate`].

mod clock_skew;
mod cluster_unreachable;
mod compaction_off;
mod condition;
mod corrupt;
mod disk;
mod file_descriptors;
mod flags_differ;
mod fragmented;
mod grpc_errors;
mod hysteresis;
mod lease_storm;
mod links;
mod member_absent;
mod memory_pressure;
mod metrics_unreadable;
mod no_leader;
mod nospace;
mod pprof_exposed;
mod quorum_lost;
mod quota_eta;
mod quota_high;
mod reading;
mod slow_peer;
mod slow_requests;
mod watch_slow;

use std::collections::VecDeque;
use std::time::Duration;

use model::leader::LeaderChange;

pub use self::condition::Condition;
pub use self::hysteresis::{Basis, Hysteresis, basis, hysteresis};
use crate::chronicle::Chronicle;
use crate::config::Thresholds;
use crate::picture::Picture;
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// What a detector may look at.
#[derive(Debug)]
pub struct Window<'a> {
    /// The cluster's name, for commands in the next steps.
    pub cluster: &'a str,
    /// The last pictures, newest last; never empty.
    pub pictures: &'a [Picture],
    /// What is remembered beyond them.
    pub chronicle: &'a Chronicle,
    /// Past and present leaders, newest first.
    pub leader_changes: &'a VecDeque<LeaderChange>,
    /// What the configuration calls too much.
    pub thresholds: &'a Thresholds,
    /// The time between two scrapes of a member.
    pub scrape_interval: Duration,
}

impl<'a> Window<'a> {
    /// The newest picture.
    pub fn newest(&self) -> &'a Picture {
        self.pictures.last().expect("invariant: a window holds at least one picture")
    }

    /// The members that have an endpoint, each with what that said in the newest picture.
    pub fn members(&self) -> impl Iterator<Item = (&'a MemberView, &'a MemberSweep)> {
        let picture = self.newest();
        picture.members.iter().filter_map(|member| Some((member, picture.sweep_of(member)?)))
    }
}

/// A detector.
pub type Detector = fn(&Window<'_>) -> Vec<Condition>;

/// All detectors, in the order of the catalogue.
pub const DETECTORS: &[Detector] = &[
    cluster_unreachable::detect,
    quorum_lost::detect,
    no_leader::detect,
    member_absent::detect,
    links::detect,
    slow_peer::detect,
    disk::detect,
    lease_storm::detect,
    watch_slow::detect,
    grpc_errors::detect,
    slow_requests::detect,
    flags_differ::detect,
    pprof_exposed::detect,
    clock_skew::detect,
    file_descriptors::detect,
    memory_pressure::detect,
    metrics_unreadable::detect,
    nospace::detect,
    quota_high::detect,
    quota_eta::detect,
    fragmented::detect,
    compaction_off::detect,
    corrupt::detect,
];
