//! Members and quorums that fail, and come back.

use std::time::Duration;

use model::event::EventKind;
use model::finding::{FindingKind, FindingState};
use model::health::{ClusterState, Health};
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};
use tokio::time::Instant;

use crate::watched::Watched;

fn is_healthy(view: &ClusterView) -> bool {
    view.state == ClusterState::Healthy
}

fn is_open(view: &ClusterView, kind: FindingKind) -> bool {
    view.findings.iter().any(|f| f.kind == kind && f.state == FindingState::Open)
}

async fn a_killed_leader_its_loss_and_its_successor_are_seen(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", Duration::from_secs(10), is_healthy).await;
    let old = watched.view().leader.clone().unwrap().member;
    let index = watched.etcd.members().iter().position(|m| Some(m.id()) == old.id).unwrap();
    watched.etcd.member(index).kill().await.unwrap();

    // When the members themselves know their new leader, we have three seconds.
    let is_elected = watched.etcd.wait_until("a new leader", Duration::from_secs(20), async || {
        watched.etcd.leader().await.is_some_and(|leader| Some(leader.id()) != old.id)
    });
    is_elected.await.unwrap();
    let new = watched.etcd.leader().await.unwrap().id();
    let took = watched
        .until("the new leader", Duration::from_secs(3), |view| {
            view.leader.as_ref().is_some_and(|leader| leader.member.id == Some(new))
        })
        .await;
    println!("etcd {version:?}: new leader seen {took:?} after its election");
    let view = watched.view();
    let newest = &view.leader_history[0];
    assert_eq!(
        (newest.to.as_ref().unwrap().id, newest.from.as_ref().unwrap().id),
        (Some(new), old.id)
    );
    assert!(!newest.leaderless.is_zero(), "{newest:?}");
    assert!(view.leader_history[1].to.is_none(), "the loss is in the history: {view:?}");
    assert!(watched.has_event(EventKind::LeaderLost), "{:?}", watched.events());
    assert!(watched.has_event(EventKind::LeaderElected));

    watched
        .until("member down", Duration::from_secs(15), |v| is_open(v, FindingKind::MemberDown))
        .await;
    watched.etcd.member(index).restart().await.unwrap();
    watched.until("healthy again", Duration::from_secs(20), is_healthy).await;
    watched.fleet.shutdown().await;
}

async fn a_killed_member_is_seen_before_the_next_sweep_is_due(version: EtcdVersion) {
    let watched = Watched::start_with(Cluster::builder(version), |config| {
        config.intervals.health = Duration::from_secs(20);
    })
    .await;
    watched.until("healthy", Duration::from_secs(10), is_healthy).await;
    let follower = watched.etcd.follower().await.unwrap();
    follower.kill().await.unwrap();
    watched.until("not healthy", Duration::from_secs(5), |view| !is_healthy(view)).await;
    watched.fleet.shutdown().await;
}

async fn a_frozen_follower_is_unhealthy_and_delays_nobody(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", Duration::from_secs(10), is_healthy).await;
    let follower = watched.etcd.follower().await.unwrap();
    follower.pause().await.unwrap();
    let id = follower.id();
    let took = watched
        .until("it is unhealthy", Duration::from_secs(5), |view| {
            let member = view.members.iter().find(|member| member.id == Some(id)).unwrap();
            member.health == Health::Unhealthy
        })
        .await;
    println!("etcd {version:?}: frozen member unhealthy after {took:?}");

    // While it is frozen the others are asked every 500 ms, as always when something is wrong.
    let before = watched.view().sweeps;
    let start = Instant::now();
    watched.until("ten more sweeps", Duration::from_secs(10), |v| v.sweeps >= before + 10).await;
    let period = start.elapsed() / 10;
    println!("etcd {version:?}: sweep period {period:?} beside a frozen member");
    assert!(period < Duration::from_millis(600), "{period:?}");
    let view = watched.view();
    let others = view.members.iter().filter(|member| member.id != Some(id));
    assert!(others.clone().all(|member| member.health == Health::Healthy), "{view:?}");

    follower.resume().unwrap();
    watched.until("healthy again", Duration::from_secs(20), is_healthy).await;
    watched.fleet.shutdown().await;
}

async fn a_lost_quorum_and_its_return_are_seen(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", Duration::from_secs(10), is_healthy).await;
    watched.etcd.member(0).kill().await.unwrap();
    watched.etcd.member(1).kill().await.unwrap();
    let took = watched
        .until("quorum lost", Duration::from_secs(15), |v| is_open(v, FindingKind::QuorumLost))
        .await;
    println!("etcd {version:?}: quorum lost found after {took:?}");
    let view = watched.view();
    assert_eq!((view.state, view.quorum.has_quorum), (ClusterState::Critical, Some(false)));
    assert!(view.leader.is_none());

    watched.etcd.member(0).restart().await.unwrap();
    watched.etcd.member(1).restart().await.unwrap();
    watched.until("healthy again", Duration::from_secs(30), is_healthy).await;
    assert!(watched.has_event(EventKind::FindingClosed));
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(
        a_killed_leader_its_loss_and_its_successor_are_seen,
        a_killed_member_is_seen_before_the_next_sweep_is_due,
        a_frozen_follower_is_unhealthy_and_delays_nobody,
        a_lost_quorum_and_its_return_are_seen,
    );
}
