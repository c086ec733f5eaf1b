//! Faults of raft, membership and data, on real clusters: found with the right member named, and over
//! when they are repaired.

use std::time::Duration;

use model::clock::{Clock as _, SystemClock};
use model::event::EventKind;
use model::finding::{Finding, FindingKind, FindingState};
use model::health::ClusterState;
use monitor::consistency::Outcome;
use monitor::metrics::figures::Figures;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion, Login, Security};

use crate::watched::Watched;

const SOON: Duration = Duration::from_secs(20);

fn is_healthy(view: &ClusterView) -> bool {
    view.state == ClusterState::Healthy
}

fn open(view: &ClusterView, kind: FindingKind) -> Option<&Finding> {
    let is_it = |f: &&std::sync::Arc<Finding>| f.kind == kind && f.state == FindingState::Open;
    view.findings.iter().find(is_it).map(|finding| &**finding)
}

async fn two_clusters_behind_one_list_are_told_at_once(version: EtcdVersion) {
    let other = Cluster::builder(version).members(1).start().await.unwrap();
    let stray = other.member(0).endpoint();
    let etcd = Cluster::builder(version).start().await.unwrap();
    let also = other.endpoints();
    let watched = Watched::of(etcd, |config| config.endpoints.extend(also));
    let took = watched
        .until("divided", SOON, |view| open(view, FindingKind::DividedCluster).is_some())
        .await;
    println!("etcd {version}: divided cluster found {took:?} after the start");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let view = watched.view();
    let finding = open(&view, FindingKind::DividedCluster).unwrap();
    assert!(finding.summary.ends_with(&format!("apart from {stray}")), "{}", finding.summary);
    assert_eq!(finding.evidence.len(), 4);

    // The view stays that of the cluster of most endpoints.
    let before = view.sweeps;
    watched.until("ten sweeps", SOON, |view| view.sweeps >= before + 10).await;
    let view = watched.view();
    assert_eq!((view.quorum.voters, view.quorum.healthy_voters), (3, 3));
    for kind in [EventKind::MemberAdded, EventKind::MemberRemoved, EventKind::LeaderElected] {
        assert!(!watched.has_event(kind), "{:?}", watched.events());
    }
    for kind in [FindingKind::StaleLeader, FindingKind::ZombieMember] {
        assert!(view.findings.iter().all(|finding| finding.kind != kind), "{:?}", view.findings);
    }

    let mut config = (*watched.handle().config()).clone();
    config.endpoints.retain(|endpoint| !endpoint.contains(&stray));
    assert_eq!(config.validate(SystemClock.now()), []);
    watched.fleet.apply(vec![config]);
    watched.until("one cluster", SOON, is_healthy).await;
    assert!(watched.has_event(EventKind::FindingClosed));
    watched.fleet.shutdown().await;
}

async fn one_failure_from_outage_is_told_until_the_member_is_back(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", SOON, is_healthy).await;
    let follower = watched.etcd.follower().await.unwrap();
    let name = follower.name().to_owned();
    follower.stop().await.unwrap();
    let took = watched
        .until("at risk", SOON, |view| open(view, FindingKind::QuorumAtRisk).is_some())
        .await;
    println!("etcd {version}: quorum at risk found after {took:?}");
    let view = watched.view();
    let finding = open(&view, FindingKind::QuorumAtRisk).unwrap();
    let expected = format!("one failure from outage: {name} missing, 2 of 3 voters left");
    assert_eq!(finding.summary, expected);
    // It is a symptom of the member that is down, and stays visible beneath it.
    watched.until("its root", SOON, |view| open(view, FindingKind::MemberDown).is_some()).await;
    let view = watched.view();
    let finding = open(&view, FindingKind::QuorumAtRisk).unwrap();
    assert_eq!(finding.hidden_by, Some(FindingKind::MemberDown));

    follower.restart().await.unwrap();
    watched.until("healthy again", SOON, is_healthy).await;
    assert!(open(&watched.view(), FindingKind::QuorumAtRisk).is_none());
    watched.fleet.shutdown().await;
}

/// A paused leader wakes up, claims to lead for a moment, and steps down.
async fn a_leader_that_was_paused_is_no_second_leader(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", SOON, is_healthy).await;
    for _ in 0..3 {
        let leader = watched.etcd.leader().await.unwrap();
        leader.pause().await.unwrap();
        let is_elected = watched.etcd.wait_until("a new leader", SOON, async || {
            watched.etcd.leader().await.is_some_and(|new| new.id() != leader.id())
        });
        is_elected.await.unwrap();
        leader.resume().unwrap();
        let is_well = |view: &ClusterView| view.quorum.healthy_voters == 3;
        watched.until("all are well", SOON, is_well).await;
    }
    let told: Vec<String> = watched.events().into_iter().map(|(_, message)| message).collect();
    assert!(!told.iter().any(|message| message.contains("claiming")), "{told:?}");
    assert!(!told.iter().any(|message| message.contains("same time")), "{told:?}");
    watched.fleet.shutdown().await;
}

/// The same process by address and by name, through a restart.
async fn one_process_under_two_endpoints_is_no_duplicate(version: EtcdVersion) {
    let etcd = Cluster::builder(version).start().await.unwrap();
    let also: Vec<String> =
        etcd.endpoints().iter().map(|url| url.replace("127.0.0.1", "localhost")).collect();
    assert_ne!(also, etcd.endpoints());
    let watched = Watched::of(etcd, |config| config.endpoints.extend(also));
    watched.until("healthy", SOON, is_healthy).await;
    assert_eq!(watched.view().members.len(), 3);
    // A process that is younger than a second can't be told from the one before it.
    let is_old = |_: &ClusterView| {
        let uptime = |figures: &Figures| figures.get("uptime_seconds");
        let metrics = watched.handle().metrics();
        metrics.iter().all(|of| of.figures.as_deref().and_then(uptime) > Some(4.0))
    };
    watched.until("scraped", SOON, is_old).await;
    let member = watched.etcd.follower().await.unwrap();
    member.stop().await.unwrap();
    member.restart().await.unwrap();
    watched.until("restarted", SOON, |_| watched.has_event(EventKind::MemberRestarted)).await;
    let before = watched.view().sweeps;
    watched.until("more sweeps", SOON, |v| v.sweeps >= before + 5 && is_healthy(v)).await;
    let told: Vec<String> = watched.events().into_iter().map(|(_, message)| message).collect();
    assert!(!told.iter().any(|message| message.contains("two processes")), "{told:?}");
    watched.fleet.shutdown().await;
}

async fn a_comparison_of_the_data_is_conclusive(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.until("healthy", SOON, is_healthy).await;
    assert!(watched.handle().consistency().conclusive.is_none(), "the first one comes by schedule");
    watched.etcd.fill(2 << 20).await.unwrap();

    let check = async || {
        let handle = watched.handle();
        let known = tokio::time::timeout(SOON, handle.check_consistency()).await.unwrap();
        known.last.clone().unwrap()
    };
    let checked = check().await;
    assert_eq!(checked.outcome, Outcome::Equal, "{checked:?}");
    let took = checked.ended_at.duration_since(checked.started_at);
    println!("etcd {version}: compared 3 members with 2 MiB in {took:#}");
    assert_eq!(checked.hashes.len(), 3);
    let leader = watched.etcd.leader().await.unwrap().id();
    assert_eq!(checked.hashes[2].member.id, Some(leader), "the leader is the last");
    assert!(checked.hashes[0].revision > 1);

    // A member that is missing makes it inconclusive, and says why.
    let follower = watched.etcd.follower().await.unwrap();
    follower.stop().await.unwrap();
    watched.until("it is noticed", SOON, |view| !is_healthy(view)).await;
    let name = follower.name().to_owned();
    let Outcome::Unknown(why) = &check().await.outcome else { panic!("one is missing") };
    assert!(why.starts_with(&format!("{name} is not well")), "{why}");
    assert!(watched.handle().consistency().conclusive.is_some(), "the last one stands");
    follower.restart().await.unwrap();
    watched.until("healthy again", SOON, is_healthy).await;
    assert_eq!(check().await.outcome, Outcome::Equal);
    watched.fleet.shutdown().await;
}

async fn a_comparison_that_we_may_not_ask_for_says_so(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version).security(Security::TlsAuth)).await;
    watched.until("healthy", SOON, is_healthy).await;
    let outcome = conclusion(&watched).await;
    assert!(matches!(outcome, Outcome::Forbidden(_)), "{outcome:?}");
    watched.fleet.shutdown().await;

    let client = watched.etcd.client_config(Login::Root);
    let watched = Watched::of(watched.etcd, |config| config.auth = client.auth);
    watched.until("healthy", SOON, is_healthy).await;
    assert_eq!(conclusion(&watched).await, Outcome::Equal);
    watched.fleet.shutdown().await;
}

/// What a comparison concludes; on a busy machine a first one may meet an election.
async fn conclusion(watched: &Watched) -> Outcome {
    let concluded = async {
        loop {
            let known = watched.handle().check_consistency().await;
            match &known.last.as_ref().unwrap().outcome {
                Outcome::Unknown(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                outcome => return outcome.clone(),
            }
        }
    };
    tokio::time::timeout(SOON, concluded).await.unwrap()
}

mod tests {
    testbed::on_every_version!(
        two_clusters_behind_one_list_are_told_at_once,
        one_failure_from_outage_is_told_until_the_member_is_back,
        a_leader_that_was_paused_is_no_second_leader,
        one_process_under_two_endpoints_is_no_duplicate,
        a_comparison_of_the_data_is_conclusive,
        a_comparison_that_we_may_not_ask_for_says_so,
    );
}
