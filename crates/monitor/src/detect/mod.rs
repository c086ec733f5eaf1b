//! The detectors: each a pure function from the last pictures to what it finds wrong.
//!
//! One file per detector. To add one: write `pub(super) fn detect(window: &Window<'_>) -> Vec<Condition>`
//! in a file of its own, add its kind to [`model::finding::FindingKind`], its basis and hysteresis to
//! [`hysteresis`], its function to [`DETECTORS`], and its page to docs/runbooks. A detector says only
//! what it sees in the window; when that is believed, and when it is over, is decided in
//! [`crate::findings`], and what is a symptom of what in [`crate::correlate`].

mod addresses;
mod answers;
mod auth_off;
mod benchmark_regressed;
mod cert_expiry;
mod clock_skew;
mod cluster_size;
mod cluster_unreachable;
mod compaction_off;
mod condition;
mod consistency_check_stale;
mod corrupt;
mod differing_data;
mod disk;
mod divided_cluster;
mod dual_leader;
mod duplicate_member;
mod file_descriptors;
mod flags_differ;
mod fragmented;
mod grpc_errors;
mod hash_mismatch;
mod hysteresis;
mod index_went_back;
mod known_versions;
mod lag;
mod leader_flapping;
mod learner_stuck;
mod lease_storm;
mod links;
mod member_absent;
mod membership_disagree;
mod memory_pressure;
mod metrics_unreadable;
mod no_leader;
mod nospace;
mod pprof_exposed;
mod quorum_at_risk;
mod quorum_lost;
mod quota_eta;
mod quota_high;
mod reading;
mod revision_diverged;
mod slow_peer;
mod slow_requests;
mod unstarted_member;
mod version_cve;
mod version_skew;
mod watch_slow;
mod zombie_member;

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
    /// Whether we present neither user, token nor client certificate.
    pub is_anonymous: bool,
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
    quorum_at_risk::detect,
    dual_leader::detect,
    leader_flapping::detect,
    divided_cluster::detect,
    duplicate_member::detect,
    membership_disagree::detect,
    zombie_member::detect,
    unstarted_member::detect,
    learner_stuck::detect,
    cluster_size::detect,
    links::detect,
    slow_peer::detect,
    disk::detect,
    nospace::detect,
    quota_high::detect,
    quota_eta::detect,
    fragmented::detect,
    compaction_off::detect,
    corrupt::detect,
    revision_diverged::detect,
    index_went_back::detect,
    hash_mismatch::detect,
    consistency_check_stale::detect,
    lag::detect,
    lease_storm::detect,
    watch_slow::detect,
    grpc_errors::detect,
    slow_requests::detect,
    benchmark_regressed::detect,
    version_skew::detect,
    version_cve::detect,
    flags_differ::detect,
    auth_off::detect,
    cert_expiry::detect,
    pprof_exposed::detect,
    clock_skew::detect,
    file_descriptors::detect,
    memory_pressure::detect,
    metrics_unreadable::detect,
];

#[cfg(test)]
mod tests;
