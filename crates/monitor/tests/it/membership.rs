//! Members that come and go while the cluster is watched.

use std::time::Duration;

use model::event::EventKind;
use model::health::{ClusterState, Role};
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

mod tests {
    testbed::on_every_version!(a_learner_comes_is_promoted_and_goes);
}
