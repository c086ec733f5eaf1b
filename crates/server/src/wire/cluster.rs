//! A cluster in a list.

use std::collections::BTreeMap;

use model::health::Health;
use monitor::view::ClusterView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::{MemberName, cluster_states};
use crate::wire::time::Time;

/// All clusters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Clusters {
    /// By name.
    pub(crate) clusters: Vec<ClusterSummary>,
}

/// A cluster in a few words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterSummary {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// The ID that its members tell.
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
    /// Whether it completes linearizable reads; null when that can't be told.
    pub(crate) has_quorum: Option<bool>,
    /// Who leads; null when nobody does, or nobody told.
    pub(crate) leader: Option<MemberName>,
    /// Members in its member list.
    pub(crate) members: usize,
    /// Those of them that are healthy.
    pub(crate) healthy_members: usize,
    /// Findings that are not over.
    pub(crate) findings: usize,
    /// The distinct server versions, lowest first.
    pub(crate) versions: Vec<String>,
}

impl From<&ClusterView> for ClusterSummary {
    fn from(view: &ClusterView) -> Self {
        let listed = || view.members.iter().filter(|member| member.is_listed);
        Self {
            name: view.name.clone(),
            id: view.id.map(|id| id.to_string()),
            labels: view.labels.clone(),
            state: view.state.as_str(),
            reasons: view.reasons.clone(),
            as_of: view.as_of.map(Time),
            has_quorum: view.quorum.has_quorum,
            leader: view.leader.as_ref().map(|leader| MemberName::from(&leader.member)),
            members: listed().count(),
            healthy_members: listed().filter(|member| member.health == Health::Healthy).count(),
            findings: view.findings.len(),
            versions: view.versions.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::samples;

    #[test]
    fn a_summary_counts_members_and_findings() {
        insta::assert_json_snapshot!(ClusterSummary::from(&samples::degraded()));
    }
}
