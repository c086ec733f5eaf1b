//! Data that differ between members.

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::consistency::Outcome;
use testbed::{Cluster, EtcdVersion, Member};

use super::{DEADLINE, SOON, all_are_well, closes, in_state, opens, put_many, watched};
use crate::watched::Watched;

const VALUE: &[u8] = b"a value that occurs nowhere else, c0ffee";
const ALTERED: &[u8] = b"a value that occurs nowhere else, decade";

async fn alter(watched: &Watched, member: &Member, from: &[u8], to: &[u8]) {
    member.stop().await.unwrap();
    member.alter_value(from, to).unwrap();
    let restarted_at = watched.fleet.clock().now();
    member.restart().await.unwrap();
    let is_back = |view: &monitor::view::ClusterView| {
        let view = view.members.iter().find(|of| of.id == Some(member.id()));
        view.and_then(|view| view.last_seen).is_some_and(|seen| seen > restarted_at)
    };
    watched.until("it is back", SOON, is_back).await;
    all_are_well(watched).await;
}

async fn check(watched: &Watched) -> Outcome {
    let handle = watched.handle();
    let known = tokio::time::timeout(SOON, handle.check_consistency()).await.unwrap();
    known.last.as_ref().unwrap().outcome.clone()
}

async fn an_altered_value_is_found_and_stays_until_a_check_finds_it_gone(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version)).await;
    watched.etcd.client().put("key", VALUE, None, DEADLINE).await.unwrap();
    let member = watched.etcd.follower().await.unwrap();
    alter(&watched, member, VALUE, ALTERED).await;
    assert_eq!(check(&watched).await, Outcome::Mismatch(vec![member.id()]));
    opens(&watched, FindingKind::HashMismatch, Some(member), Severity::Critical).await;

    alter(&watched, member, ALTERED, VALUE).await;
    let open = in_state(&watched.view(), FindingKind::HashMismatch, FindingState::Open);
    assert_eq!(open.len(), 1, "nobody has looked again");
    assert_eq!(check(&watched).await, Outcome::Equal);
    closes(&watched, FindingKind::HashMismatch).await;
    watched.fleet.shutdown().await;
}

/// What a crash at the wrong moment did to some versions: entries are applied twice.
async fn entries_that_one_member_applied_twice_are_told_until_it_is_replaced(version: EtcdVersion) {
    let mut watched =
        watched(Cluster::builder(version).flag("--strict-reconfig-check=false")).await;
    put_many(&watched, "twice/", 20).await;
    let member = watched.etcd.follower().await.unwrap();
    let has_applied = async || {
        let leader = watched.etcd.client_of(watched.etcd.leader().await.unwrap());
        let [all, here] = [leader, watched.etcd.client_of(member)].map(|of| of.status(DEADLINE));
        here.await.unwrap().raft_applied_index >= all.await.unwrap().raft_applied_index
    };
    watched.etcd.wait_until("all is applied", SOON, has_applied).await.unwrap();
    member.stop().await.unwrap();
    member.forget_applied(5).unwrap();
    member.restart().await.unwrap();
    let kind = FindingKind::RevisionDiverged;
    let finding = opens(&watched, kind, Some(member), Severity::Critical).await;
    assert!(finding.summary.contains(member.name()), "{}", finding.summary);
    let id = member.id();
    watched.etcd.readd(id).await.unwrap();
    closes(&watched, kind).await;
    watched.fleet.shutdown().await;
}

async fn the_alarm_of_corruption_names_the_member_until_it_is_disarmed(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version)).await;
    let member = watched.etcd.member(2);
    watched.etcd.raise_corrupt(member).await.unwrap();
    opens(&watched, FindingKind::CorruptAlarm, Some(member), Severity::Critical).await;
    watched.etcd.disarm_alarms().await.unwrap();
    closes(&watched, FindingKind::CorruptAlarm).await;
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(
        an_altered_value_is_found_and_stays_until_a_check_finds_it_gone,
        the_alarm_of_corruption_names_the_member_until_it_is_disarmed,
    );

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn entries_that_one_member_applied_twice_are_told_until_it_is_replaced() {
        for version in [testbed::EtcdVersion::V3_5, testbed::EtcdVersion::V3_7] {
            let scenario =
                super::entries_that_one_member_applied_twice_are_told_until_it_is_replaced;
            testbed::on(version, scenario).await;
        }
    }
}
