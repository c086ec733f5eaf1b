//! Members that are cut off.

use std::time::Duration;

use testbed::faults::{CutOff, Part};
use testbed::{Cluster, EtcdVersion, Member, Security};

use super::{DEADLINE, SOON, answers, can};

/// Within which another has to lead, when the leader is cut off.
const ELECTION: Duration = Duration::from_secs(5);

async fn start(version: EtcdVersion, security: Security) -> Option<Cluster> {
    if !can(&[Part::Network]) {
        return None;
    }
    let builder = Cluster::builder(version).in_namespaces(true).security(security);
    Some(builder.start().await.unwrap())
}

/// Whether `member` knows who leads.
async fn is_led(cluster: &Cluster, member: &Member) -> bool {
    let status = cluster.client_of(member).status(DEADLINE).await;
    status.is_ok_and(|status| status.leader.is_some())
}

async fn another_leads_when_the_leader_is_cut_off_from_its_peers(version: EtcdVersion) {
    let Some(cluster) = start(version, Security::Plain).await else { return };
    let old = cluster.leader().await.unwrap();
    let fault = old.cut_off(CutOff::Peers).unwrap();
    let is_replaced = async || {
        let leader = cluster.leader().await;
        leader.is_some_and(|leader| leader.name() != old.name())
    };
    cluster.wait_until("another leader", ELECTION, is_replaced).await.unwrap();
    assert!(answers(&cluster, old).await, "clients reach it");
    let is_leaderless = async || !is_led(&cluster, old).await;
    cluster.wait_until("the old one to step down", SOON, is_leaderless).await.unwrap();
    fault.heal().unwrap();
    cluster.wait_ready().await.unwrap();
}

async fn a_member_cut_off_from_clients_goes_on_leading(version: EtcdVersion) {
    let Some(cluster) = start(version, Security::TlsAuth).await else { return };
    let leader = cluster.leader().await.unwrap();
    let follower = cluster.follower().await.unwrap();
    let before = cluster.client_of(follower).status(DEADLINE).await.unwrap();
    let fault = leader.cut_off(CutOff::Clients).unwrap();
    assert!(!answers(&cluster, leader).await);
    cluster.client_of(follower).put("key", "value", None, DEADLINE).await.unwrap();
    let after = cluster.client_of(follower).status(DEADLINE).await.unwrap();
    assert_eq!((after.leader, after.raft_term), (before.leader, before.raft_term));
    drop(fault);
    cluster.wait_ready().await.unwrap();
}

async fn a_member_cut_off_from_everybody_comes_back(version: EtcdVersion) {
    let Some(cluster) = start(version, Security::Plain).await else { return };
    let old = cluster.leader().await.unwrap();
    let fault = old.cut_off(CutOff::Everybody).unwrap();
    assert!(!answers(&cluster, old).await);
    let is_replaced = async || cluster.leader().await.is_some();
    cluster.wait_until("another leader", ELECTION, is_replaced).await.unwrap();
    fault.heal().unwrap();
    cluster.wait_ready().await.unwrap();
}

async fn a_follower_that_does_not_hear_the_leader_has_none(version: EtcdVersion) {
    let Some(cluster) = start(version, Security::Plain).await else { return };
    for fault in [Member::deafen_to, Member::cut_off_from] {
        let leader = cluster.leader().await.unwrap();
        let follower = cluster.follower().await.unwrap();
        let fault = fault(follower, leader).unwrap();
        let is_leaderless = async || !is_led(&cluster, follower).await;
        cluster.wait_until("the follower to lose its leader", SOON, is_leaderless).await.unwrap();
        assert_eq!(cluster.leader().await.unwrap().name(), leader.name());
        fault.heal().unwrap();
        cluster.wait_ready().await.unwrap();
    }
}

#[tokio::test]
async fn only_members_in_namespaces_can_be_cut_off() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let error = cluster.member(0).cut_off(CutOff::Peers).unwrap_err();
    assert!(error.to_string().contains("in_namespaces"), "{error}");
}

mod tests {
    use testbed::{EtcdVersion, on};

    testbed::on_every_version!(another_leads_when_the_leader_is_cut_off_from_its_peers);

    #[tokio::test]
    async fn a_member_cut_off_from_clients_goes_on_leading() {
        on(EtcdVersion::V3_5, super::a_member_cut_off_from_clients_goes_on_leading).await;
    }

    #[tokio::test]
    async fn a_member_cut_off_from_everybody_comes_back() {
        on(EtcdVersion::V3_7, super::a_member_cut_off_from_everybody_comes_back).await;
    }

    #[tokio::test]
    async fn a_follower_that_does_not_hear_the_leader_has_none() {
        on(EtcdVersion::V3_5, super::a_follower_that_does_not_hear_the_leader_has_none).await;
    }
}
