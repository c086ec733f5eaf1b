//! The monitor itself in answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::finding::Finding;
use model::health::ClusterState;
use monitor::view::ClusterView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::BuildInfo;
use crate::wire::names::cluster_states;
use crate::wire::time::{Time, seconds_between};

/// How the monitor is, and the clusters in a few words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: a monitor that is not does not answer. Sick clusters are not its sickness.
    pub(crate) status: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// The commit that it was built from.
    pub(crate) commit: &'static str,
    /// When it started.
    pub(crate) started_at: Time,
    /// For how long it runs.
    pub(crate) uptime_seconds: f64,
    /// Whether each cluster has been looked at once.
    pub(crate) is_ready: bool,
    /// What is wrong with the monitor itself; `/api/v1/findings` has more on each.
    pub(crate) own_troubles: Vec<String>,
    /// Watched clusters.
    pub(crate) clusters: usize,
    /// Watched clusters by state.
    pub(crate) clusters_by_state: BTreeMap<&'static str, usize>,
    /// Those that are not healthy.
    pub(crate) troubled: Vec<TroubledCluster>,
}

/// A cluster that is not healthy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TroubledCluster {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// How it is.
    #[schema(schema_with = cluster_states)]
    pub(crate) state: &'static str,
    /// Why, worst first.
    pub(crate) reasons: Vec<String>,
}

impl Health {
    /// The monitor as it is `now`.
    pub(crate) fn new(
        build: BuildInfo,
        started_at: Timestamp,
        is_ready: bool,
        own: &[Arc<Finding>],
        views: &[Arc<ClusterView>],
        now: Timestamp,
    ) -> Self {
        let mut clusters_by_state: BTreeMap<_, usize> =
            ClusterState::ALL.into_iter().map(|state| (state.as_str(), 0)).collect();
        for view in views {
            *clusters_by_state.entry(view.state.as_str()).or_default() += 1;
        }
        let troubled = views.iter().filter(|view| view.state != ClusterState::Healthy);
        Self {
            status: "ok",
            version: build.version,
            commit: build.commit,
            started_at: Time(started_at),
            uptime_seconds: seconds_between(started_at, now),
            is_ready,
            own_troubles: own.iter().map(|finding| finding.summary.clone()).collect(),
            clusters: views.len(),
            clusters_by_state,
            troubled: troubled
                .map(|view| TroubledCluster {
                    name: view.name.clone(),
                    state: view.state.as_str(),
                    reasons: view.reasons.clone(),
                })
                .collect(),
        }
    }
}

/// Whether the monitor is alive or ready.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `ok`; what is not has another HTTP status.
    pub(crate) status: &'static str,
}

impl Alive {
    /// It is.
    pub(crate) const OK: Self = Self { status: "ok" };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::samples;

    #[test]
    fn health_counts_clusters_by_state_and_names_the_troubled() {
        let views = [Arc::new(samples::degraded()), Arc::new(samples::never_swept())];
        let build = BuildInfo { version: "1.2.3", commit: "abc", date: "today", rustc: "1.95" };
        let started_at = samples::now() - jiff::SignedDuration::from_secs(90);
        insta::assert_json_snapshot!(Health::new(
            build,
            started_at,
            false,
            &[],
            &views,
            samples::now()
        ));
    }
}
