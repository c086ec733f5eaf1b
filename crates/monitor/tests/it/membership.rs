//! Members that come and go while the cluster is watched.

use std::time::Duration;

use model::event::EventKind;
use model::finding::{Finding, FindingState};
use model::health::{ClusterState, Role};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};

use crate::watched::Watched;

async fn a_learner_comes_is_promoted_and_goes(version: EtcdVersion) {
    const SOON: Duration = Duration::from_secs(10);
    let mut watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", SOON, |view| view.state == ClusterState::Healthy).await;

    let id = watched.etcd.add_learner().await.unwrap().id();
    watched
        .until("a healthy learner", SOON, |view| {
            let learner = view.members.iter().find(|member| member.id == Some(id));
            learner.is_some_and(|m| m.role == Role::Learner && m.status.is_some())
                && view.state == ClusterState::Healthy
        })
        .await;
    assert_eq!(watched.view().quorum.voters, 3);

    watched.etcd.promote(id).await.unwrap();
    watched
        .until("four voters", SOON, |view| {
            view.quorum.voters == 4 && view.state == ClusterState::Healthy
        })
        .await;

    watched.etcd.remove_member(id).await.unwrap();
    watched
        .until("three members", SOON, |view| {
            view.members.len() == 3 && view.state == ClusterState::Healthy
        })
        .await;
    for kind in [EventKind::MemberAdded, EventKind::MemberPromoted, EventKind::MemberRemoved] {
        assert!(watched.has_event(kind), "{kind}: {:?}", watched.events());
    }
    watched.fleet.shutdown().await;
}

/// Its endpoint stays in the configuration, which is not yet a reason to call the cluster sick.
async fn a_configured_member_is_removed_for_good(version: EtcdVersion) {
    let mut watched = Watched::start(Cluster::builder(version)).await;
    let is_healthy = |view: &ClusterView| view.state == ClusterState::Healthy;
    watched.until("healthy", Duration::from_secs(10), is_healthy).await;
    let id = watched.etcd.follower().await.unwrap().id();
    watched.etcd.remove_member(id).await.unwrap();
    watched
        .until("two members", Duration::from_secs(10), |view| {
            view.quorum.voters == 2 && is_healthy(view)
        })
        .await;
    // Its process has ended by now, or will soon; that nobody answers there changes nothing.
    let sweeps = watched.view().sweeps;
    watched.until("more sweeps", Duration::from_secs(15), |view| view.sweeps >= sweeps + 3).await;
    let view = watched.view();
    assert!(is_healthy(&view), "{:?}: {:#?}", view.reasons, view.members);
    let is_told = |f: &Finding| f.state == FindingState::Open && f.severity > Severity::Info;
    assert!(!view.findings.iter().any(|f| is_told(f)), "{:#?}", view.findings);
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(
        a_learner_comes_is_promoted_and_goes,
        a_configured_member_is_removed_for_good,
    );
}
