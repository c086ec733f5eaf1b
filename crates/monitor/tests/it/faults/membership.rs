//! Members that were added and are not there, or were removed and still are.

use etcd::Connector;
use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::{CutOff, Part};
use testbed::{Cluster, EtcdVersion, Login};

use super::{DEADLINE, SOON, can, closes, in_state, is_pending, opens, watched};

/// Else etcd takes a change only when all have been connected for five seconds.
const CHANGE_AT_ONCE: &str = "--strict-reconfig-check=false";

/// It is believed after five minutes, so that here it is only seen.
async fn a_member_that_was_added_and_not_started_is_seen_at_once(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version).flag(CHANGE_AT_ONCE)).await;
    let url = "http://127.0.0.1:1".to_owned();
    let client = watched.etcd.client();
    let (added, _) = client.member_add(vec![url.clone()], DEADLINE).await.unwrap();
    let finding = is_pending(&watched, FindingKind::UnstartedMember, Some(added.id)).await;
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.evidence[0].observed.contains(&added.id.to_string()), "{finding:?}");
    client.member_remove(added.id, DEADLINE).await.unwrap();
    let is_over =
        |view: &ClusterView| view.findings.iter().all(|it| it.kind != FindingKind::UnstartedMember);
    watched.until("it is removed", SOON, is_over).await;
    watched.fleet.shutdown().await;
}

/// It is believed after an hour.
async fn a_learner_is_seen_as_not_promoted_or_as_held_back(version: EtcdVersion) {
    let mut watched = watched(Cluster::builder(version).members(1).flag(CHANGE_AT_ONCE)).await;
    let id = watched.etcd.add_learner().await.unwrap().id();
    let is_seen = |severity| {
        move |view: &ClusterView| {
            let pending = in_state(view, FindingKind::LearnerStuck, FindingState::Pending);
            pending.len() == 1 && pending[0].severity == severity
        }
    };
    watched.until("a learner that has caught up", SOON, is_seen(Severity::Info)).await;
    let finding = is_pending(&watched, FindingKind::LearnerStuck, Some(id)).await;
    assert!(finding.next_steps[0].ends_with(&format!("member promote {id}")), "{finding:?}");

    watched.etcd.member(1).kill().await.unwrap();
    watched.until("a learner that is down", SOON, is_seen(Severity::Warning)).await;
    let finding = is_pending(&watched, FindingKind::LearnerStuck, Some(id)).await;
    assert!(finding.summary.ends_with("does not catch up"), "{}", finding.summary);

    watched.etcd.member(1).restart().await.unwrap();
    watched.until("it has caught up again", SOON, is_seen(Severity::Info)).await;
    watched.etcd.promote(id).await.unwrap();
    let is_over =
        |view: &ClusterView| view.findings.iter().all(|it| it.kind != FindingKind::LearnerStuck);
    watched.until("it is promoted", SOON, is_over).await;
    watched.fleet.shutdown().await;
}

/// One that hears of its removal ends by itself; this one does not hear of it.
async fn a_member_that_was_removed_while_cut_off_goes_on_serving(version: EtcdVersion) {
    if !can(&[Part::Network]) {
        return;
    }
    let builder = Cluster::builder(version).in_namespaces(true).flag(CHANGE_AT_ONCE);
    let watched = watched(builder).await;
    let leader = watched.etcd.leader().await.unwrap();
    let zombie = watched.etcd.follower().await.unwrap();
    let fault = zombie.cut_off(CutOff::Peers).unwrap();
    let of_leader = watched.etcd.client_of(leader).endpoint().clone();
    let connector = Connector::new(watched.etcd.client_config(Login::Root)).unwrap();
    connector.cluster(vec![of_leader]).member_remove(zombie.id(), DEADLINE).await.unwrap();
    let of = Some(zombie);
    opens(&watched, FindingKind::ZombieMember, of, Severity::Critical).await;
    // Now it is told, and ends.
    fault.heal().unwrap();
    closes(&watched, FindingKind::ZombieMember).await;
    watched.until("two voters", SOON, |view| view.quorum.voters == 2).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_was_added_and_not_started_is_seen_at_once() {
        on(EtcdVersion::V3_5, super::a_member_that_was_added_and_not_started_is_seen_at_once).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_learner_is_seen_as_not_promoted_or_as_held_back() {
        on(EtcdVersion::V3_5, super::a_learner_is_seen_as_not_promoted_or_as_held_back).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_was_removed_while_cut_off_goes_on_serving() {
        on(EtcdVersion::V3_7, super::a_member_that_was_removed_while_cut_off_goes_on_serving).await;
    }
}
