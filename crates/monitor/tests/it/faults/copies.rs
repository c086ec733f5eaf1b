//! A member that runs twice: a machine that was cloned, or set back to a snapshot.

use std::time::Duration;

use etcd::{Connector, Endpoint, Scheme};
use model::finding::FindingKind;
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::{DataCopy, MemberCopy, Signpost};
use testbed::{Cluster, EtcdVersion, Login, Member};

use super::{DEADLINE, SOON, all_are_well, closes, opens, put_many};
use crate::watched::Watched;

/// Lists of members that differ for this long differ.
const HALF_A_MINUTE: Duration = Duration::from_secs(31);

/// That data went back is told for a day.
const OVER_A_DAY: Duration = Duration::from_hours(25);

/// A member was started this much before another process took its place, or after it.
const APART: Duration = Duration::from_millis(2_500);

/// A process with old data of `member` that was made a cluster of its own, and leads it.
async fn a_cluster_of_its_own(etcd: &Cluster, member: &Member, data: &DataCopy) -> MemberCopy {
    let connector = Connector::new(etcd.client_config(Login::Root)).unwrap();
    // One that hears of the real leader before it has forgotten the others may end.
    for _ in 0..3 {
        let copy = match member.start_copy(data, &["--force-new-cluster"]).await {
            Ok(copy) => copy,
            Err(error) => {
                println!("once more: {error}");
                continue;
            }
        };
        let client = connector.member(Endpoint::parse(copy.endpoint(), Scheme::Http).unwrap());
        let leads = etcd.wait_until("the copy to lead", SOON, async || {
            let status = client.status(DEADLINE).await;
            status.is_ok_and(|status| status.leader == Some(member.id()))
        });
        match leads.await {
            Ok(()) => return copy,
            Err(error) => println!("once more: {error}; {}", copy.log()),
        }
    }
    panic!("no copy of {} leads a cluster of its own", member.name());
}

async fn a_member_that_is_set_back_and_one_that_runs_twice_are_told_until_it_is_ended(
    version: EtcdVersion,
) {
    let etcd = Cluster::builder(version).start().await.unwrap();
    etcd.move_leader_to(etcd.member(0)).await.unwrap();
    let member = etcd.member(2);
    member.stop().await.unwrap();
    let data = member.copy_data().unwrap();
    // It never leads by itself, so that who leads as this member is the copy.
    member.restart_with(&["--election-timeout=40000"]).await.unwrap();
    etcd.wait_ready().await.unwrap();
    let signpost = Signpost::to(&member.endpoint()).await.unwrap();
    let mut endpoints = etcd.endpoints();
    signpost.endpoint().clone_into(&mut endpoints[2]);
    let url = member.client_url();
    let watched = Watched::of(etcd, |config| {
        config.endpoint_map.insert(url, signpost.endpoint().to_owned());
        config.endpoints = endpoints;
    });
    all_are_well(&watched).await;
    let member = watched.etcd.member(2);
    let of = Some(member);
    put_many(&watched, "new/", 50).await;
    let copy = a_cluster_of_its_own(&watched.etcd, member, &data).await;
    tokio::time::sleep(APART).await;

    signpost.turn_to(copy.endpoint());
    opens(&watched, FindingKind::IndexWentBack, of, Severity::Critical).await;
    let violated = FindingKind::LeaderUniquenessViolated;
    let finding = opens(&watched, violated, None, Severity::Critical).await;
    assert!(finding.summary.contains(member.name()), "{}", finding.summary);
    assert!(finding.explanation.contains("member lists that differ"), "{}", finding.explanation);
    // However far it goes its own way.
    put_many(&watched, "newer/", 200).await;
    let is_seen = |view: &ClusterView| {
        view.findings.iter().any(|finding| finding.kind == FindingKind::MembershipDisagree)
    };
    watched.until("another list", SOON, is_seen).await;
    watched.clock.advance(HALF_A_MINUTE);
    opens(&watched, FindingKind::MembershipDisagree, of, Severity::Warning).await;
    signpost.turn_to(&member.endpoint());
    closes(&watched, FindingKind::MembershipDisagree).await;
    watched.clock.advance(OVER_A_DAY);
    closes(&watched, FindingKind::IndexWentBack).await;
    closes(&watched, violated).await;

    watched.change(|config| config.endpoints.push(copy.endpoint().to_owned()));
    let twice = FindingKind::DuplicateMember;
    let finding = opens(&watched, twice, of, Severity::Critical).await;
    assert!(finding.summary.contains(copy.endpoint()), "{}", finding.summary);
    copy.kill().await.unwrap();
    closes(&watched, twice).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_is_set_back_and_one_that_runs_twice_are_told_until_it_is_ended() {
        let scenario =
            super::a_member_that_is_set_back_and_one_that_runs_twice_are_told_until_it_is_ended;
        on(EtcdVersion::V3_7, scenario).await;
    }
}
