//! Members that were added and are not there, or were removed and still are.

use std::time::Duration;

use etcd::Connector;
use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::{CutOff, Part};
use testbed::{Cluster, EtcdVersion, Login};

use super::{DEADLINE, SOON, can, closes, in_state, is_pending, named, opens, watched};

/// Else etcd takes a change only when all have been connected for five seconds.
const CHANGE_AT_ONCE: &str = "--strict-reconfig-check=false";

/// That a member is added and not started yet, and for how long there may be as many as there are.
const TAKES_MINUTES: Duration = Duration::from_mins(11);

/// How long a learner may be one.
const TAKES_AN_HOUR: Duration = Duration::from_mins(61);

async fn a_member_that_was_added_and_not_started_is_told_until_it_is_removed(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version).flag(CHANGE_AT_ONCE)).await;
    let url = "http://127.0.0.1:1".to_owned();
    let client = watched.etcd.client();
    let (added, _) = client.member_add(vec![url.clone()], DEADLINE).await.unwrap();
    let finding = is_pending(&watched, FindingKind::UnstartedMember, Some(added.id)).await;
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.evidence[0].observed.contains(&added.id.to_string()), "{finding:?}");
    watched.clock.advance(TAKES_MINUTES);
    let is_open = |view: &ClusterView| {
        let open = in_state(view, FindingKind::UnstartedMember, FindingState::Open);
        open.iter().any(|finding| named(finding) == Some(added.id))
    };
    watched.until("it is told", SOON, is_open).await;
    client.member_remove(added.id, DEADLINE).await.unwrap();
    closes(&watched, FindingKind::UnstartedMember).await;
    watched.fleet.shutdown().await;
}

async fn a_learner_and_too_few_voters_are_told_until_there_are_enough(version: EtcdVersion) {
    let mut watched = watched(Cluster::builder(version).members(1).flag(CHANGE_AT_ONCE)).await;
    watched.clock.advance(TAKES_MINUTES);
    opens(&watched, FindingKind::ClusterSize, None, Severity::Info).await;
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
    watched.clock.advance(TAKES_AN_HOUR);
    let of = Some(watched.etcd.member(1));
    opens(&watched, FindingKind::LearnerStuck, of, Severity::Info).await;
    watched.etcd.promote(id).await.unwrap();
    closes(&watched, FindingKind::LearnerStuck).await;
    let is_even = |view: &ClusterView| {
        let open = in_state(view, FindingKind::ClusterSize, FindingState::Open);
        open.iter().any(|finding| finding.summary.contains("even number of voters: 2"))
    };
    watched.until("two voters", SOON, is_even).await;
    watched.etcd.add_member().await.unwrap();
    closes(&watched, FindingKind::ClusterSize).await;
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
    async fn a_member_that_was_added_and_not_started_is_told_until_it_is_removed() {
        on(
            EtcdVersion::V3_5,
            super::a_member_that_was_added_and_not_started_is_told_until_it_is_removed,
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_learner_and_too_few_voters_are_told_until_there_are_enough() {
        on(EtcdVersion::V3_5, super::a_learner_and_too_few_voters_are_told_until_there_are_enough)
            .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_was_removed_while_cut_off_goes_on_serving() {
        on(EtcdVersion::V3_7, super::a_member_that_was_removed_while_cut_off_goes_on_serving).await;
    }
}
