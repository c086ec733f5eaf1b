//! The status of a cluster: what a person wants to know first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::maintenance::Maintenance as Declared;
use monitor::view::{ClusterView, Quorum};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::finding::Finding;
use crate::wire::leader::Leader;
use crate::wire::member::Member;
use crate::wire::names::cluster_states;
use crate::wire::time::{Time, seconds_between};

/// How a cluster is, why, and what is known of its members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// The ID that its members tell.
    #[schema(example = "cdf818194e3a8c32")]
    pub(crate) id: Option<String>,
    /// Its labels in the configuration.
    pub(crate) labels: BTreeMap<String, String>,
    /// How it is.
    #[schema(schema_with = cluster_states)]
    pub(crate) state: &'static str,
    /// Why it is not healthy, worst first; empty when it is.
    pub(crate) reasons: Vec<String>,
    /// When the last sweep was judged; null before the first.
    pub(crate) as_of: Option<Time>,
    /// How long ago that was.
    pub(crate) age_seconds: Option<f64>,
    /// The votes.
    pub(crate) quorum: Votes,
    /// Who leads; null when nobody does, or nobody told.
    pub(crate) leader: Option<Leader>,
    /// The distinct server versions, lowest first.
    pub(crate) versions: Vec<String>,
    /// The version that the cluster agreed on.
    pub(crate) cluster_version: Option<String>,
    /// The maintenance window that it is in; null where it is in none.
    pub(crate) maintenance: Option<Maintenance>,
    /// Findings that are not over, worst first.
    pub(crate) findings: Vec<Finding>,
    /// All members; then configured endpoints of which no member is known.
    pub(crate) members: Vec<Member>,
    /// Sweeps since the monitor watches.
    pub(crate) sweeps_total: u64,
    /// From the start of the last sweep until it was judged.
    pub(crate) sweep_seconds: f64,
}

impl Status {
    /// The status as it is `now`.
    pub(crate) fn new(view: &ClusterView, now: Timestamp) -> Self {
        Self {
            cluster: view.name.clone(),
            id: view.id.map(|id| id.to_string()),
            labels: view.labels.clone(),
            state: view.state.as_str(),
            reasons: view.reasons.clone(),
            as_of: view.as_of.map(Time),
            age_seconds: view.as_of.map(|at| seconds_between(at, now)),
            quorum: Votes::from(&view.quorum),
            leader: view.leader.as_ref().map(|leader| Leader::new(leader, now)),
            versions: view.versions.clone(),
            cluster_version: view.cluster_version.clone(),
            maintenance: view.maintenance.as_ref().map(Maintenance::from),
            findings: view.findings.iter().map(|found| Finding::new(&view.name, found)).collect(),
            members: view.members.iter().map(Member::from).collect(),
            sweeps_total: view.sweeps,
            sweep_seconds: view.sweep_took.as_secs_f64(),
        }
    }
}

/// A time in which somebody said that the cluster would be worked on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Maintenance {
    /// When it began.
    pub(crate) from: Time,
    /// When it ends.
    pub(crate) until: Time,
    /// What is done.
    pub(crate) why: String,
}

impl From<&Declared> for Maintenance {
    fn from(window: &Declared) -> Self {
        Self { from: Time(window.from), until: Time(window.until), why: window.why.clone() }
    }
}

/// The votes of a cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Votes {
    /// Whether it completes linearizable reads; null when that can't be told.
    pub(crate) has_quorum: Option<bool>,
    /// Voting members.
    pub(crate) voters: usize,
    /// Those of them that are healthy.
    pub(crate) healthy_voters: usize,
    /// Votes that a decision needs.
    pub(crate) needed: usize,
    /// Healthy voters that may still fail; negative when there are too few already.
    pub(crate) margin: i64,
}

impl From<&Quorum> for Votes {
    fn from(quorum: &Quorum) -> Self {
        Self {
            has_quorum: quorum.has_quorum,
            voters: quorum.voters,
            healthy_voters: quorum.healthy_voters,
            needed: quorum.needed,
            margin: quorum.margin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::samples;

    #[test]
    fn a_status_tells_state_reasons_leader_members_and_findings() {
        let status = Status::new(&samples::degraded(), samples::now());
        insta::assert_json_snapshot!(status);
    }

    #[test]
    fn what_is_not_known_yet_is_null() {
        let status = Status::new(&samples::never_swept(), samples::now());
        insta::assert_json_snapshot!(status);
    }
}
