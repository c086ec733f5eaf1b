//! Members that are cut off: from their peers, from one of them, from us.

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::{CutOff, Part};
use testbed::{Cluster, EtcdVersion};

use super::{SOON, can, closes, in_state, more_sweeps, named, opens, told, watched};
use crate::watched::Watched;

async fn in_namespaces(version: EtcdVersion) -> Option<Watched> {
    if !can(&[Part::Network]) {
        return None;
    }
    Some(watched(Cluster::builder(version).in_namespaces(true)).await)
}

async fn a_member_cut_off_from_its_peers_is_isolated(version: EtcdVersion) {
    let Some(watched) = in_namespaces(version).await else { return };
    let follower = watched.etcd.follower().await.unwrap();
    let fault = follower.cut_off(CutOff::Peers).unwrap();
    // With two of three left there is no margin.
    let of = Some(follower);
    opens(&watched, FindingKind::NoLeader, of, Severity::Warning).await;
    let finding = opens(&watched, FindingKind::MemberIsolated, of, Severity::Critical).await;
    let peers = watched.etcd.members().iter().filter(|member| member.id() != follower.id());
    let peers: Vec<&str> = peers.map(testbed::Member::name).collect();
    assert!(finding.summary.ends_with(&format!("({})", peers.join(", "))), "{}", finding.summary);
    fault.heal().unwrap();
    closes(&watched, FindingKind::MemberIsolated).await;
    closes(&watched, FindingKind::NoLeader).await;
    let told = told(&watched);
    assert!(!told.iter().any(|message| message.contains("neither we")), "we reach all: {told:?}");
    watched.fleet.shutdown().await;
}

/// It steps down by itself, and claims to lead until then.
async fn a_leader_cut_off_from_its_peers_is_isolated_and_no_second_leader(version: EtcdVersion) {
    let Some(watched) = in_namespaces(version).await else { return };
    let old = watched.etcd.leader().await.unwrap();
    let fault = old.cut_off(CutOff::Peers).unwrap();
    opens(&watched, FindingKind::MemberIsolated, Some(old), Severity::Critical).await;
    let is_replaced = |view: &ClusterView| {
        view.leader.as_ref().is_some_and(|leader| leader.member.id != Some(old.id()))
    };
    watched.until("another leader", SOON, is_replaced).await;
    fault.heal().unwrap();
    closes(&watched, FindingKind::MemberIsolated).await;
    more_sweeps(&watched, 5).await;
    let told = told(&watched);
    assert!(!told.iter().any(|message| message.contains("claiming")), "{told:?}");
    assert!(!told.iter().any(|message| message.contains("same time")), "{told:?}");
    watched.fleet.shutdown().await;
}

/// Its election timeout is so long that it goes on claiming to lead.
async fn a_deposed_leader_that_does_not_notice_is_told_until_it_does(version: EtcdVersion) {
    let Some(watched) = in_namespaces(version).await else { return };
    let patient = watched.etcd.follower().await.unwrap();
    patient.restart_with(&["--election-timeout=40000"]).await.unwrap();
    watched.etcd.wait_ready().await.unwrap();
    watched.etcd.move_leader_to(patient).await.unwrap();
    let fault = patient.cut_off(CutOff::Peers).unwrap();
    opens(&watched, FindingKind::StaleLeader, Some(patient), Severity::Warning).await;
    fault.heal().unwrap();
    closes(&watched, FindingKind::StaleLeader).await;
    watched.fleet.shutdown().await;
}

async fn a_follower_that_does_not_hear_the_leader_has_its_link_down(version: EtcdVersion) {
    let Some(watched) = in_namespaces(version).await else { return };
    let leader = watched.etcd.leader().await.unwrap();
    let follower = watched.etcd.follower().await.unwrap();
    let fault = follower.deafen_to(leader).unwrap();
    let is_down =
        |view: &ClusterView| !in_state(view, FindingKind::LinkDown, FindingState::Open).is_empty();
    let took = watched.until("the link is down", SOON, is_down).await;
    let open = in_state(&watched.view(), FindingKind::LinkDown, FindingState::Open);
    println!("etcd {version}: link_down open after {took:.1?}: {}", open[0].summary);
    assert_eq!(open.len(), 1, "{open:#?}");
    // Either end may have noticed first; TCP needs both directions.
    let ends = (named(&open[0]), open[0].about.as_str());
    let is_link = ends == (Some(follower.id()), leader.name())
        || ends == (Some(leader.id()), follower.name());
    assert!(is_link, "{ends:?} is not {} and {}", follower.name(), leader.name());
    assert_eq!(open[0].severity, Severity::Warning);
    fault.heal().unwrap();
    closes(&watched, FindingKind::LinkDown).await;
    let told = told(&watched);
    assert!(!told.iter().any(|message| message.contains("isolated")), "{told:?}");
    watched.fleet.shutdown().await;
}

async fn a_member_that_we_do_not_reach_is_not_called_down(version: EtcdVersion) {
    let Some(watched) = in_namespaces(version).await else { return };
    let follower = watched.etcd.follower().await.unwrap();
    let fault = follower.cut_off(CutOff::Clients).unwrap();
    let is_seen_by_peers = |view: &ClusterView| {
        let open = in_state(view, FindingKind::MemberUnreachable, FindingState::Open);
        open.iter().any(|finding| finding.summary.ends_with("but its peers see it"))
    };
    let took = watched.until("unreachable, with peers that see it", SOON, is_seen_by_peers).await;
    println!("etcd {version}: member_unreachable complete after {took:.1?}");
    let of = Some(follower);
    opens(&watched, FindingKind::MemberUnreachable, of, Severity::Warning).await;
    more_sweeps(&watched, 5).await;
    fault.heal().unwrap();
    closes(&watched, FindingKind::MemberUnreachable).await;
    let told = told(&watched);
    assert!(!told.iter().any(|message| message.contains("neither we")), "{told:?}");
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_cut_off_from_its_peers_is_isolated() {
        on(EtcdVersion::V3_5, super::a_member_cut_off_from_its_peers_is_isolated).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_leader_cut_off_from_its_peers_is_isolated_and_no_second_leader() {
        let scenario = super::a_leader_cut_off_from_its_peers_is_isolated_and_no_second_leader;
        on(EtcdVersion::V3_7, scenario).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_deposed_leader_that_does_not_notice_is_told_until_it_does() {
        let scenario = super::a_deposed_leader_that_does_not_notice_is_told_until_it_does;
        on(EtcdVersion::V3_7, scenario).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_follower_that_does_not_hear_the_leader_has_its_link_down() {
        let scenario = super::a_follower_that_does_not_hear_the_leader_has_its_link_down;
        on(EtcdVersion::V3_5, scenario).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_we_do_not_reach_is_not_called_down() {
        on(EtcdVersion::V3_5, super::a_member_that_we_do_not_reach_is_not_called_down).await;
    }
}
