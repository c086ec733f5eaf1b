//! Members that are not set, or not placed, as they should be: a limit that is too low, a flag that
//! the others do not have, links that take long.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion, wait_until};

use super::{SOON, all_are_well, can, closes, in_state, named, opens, watched};
use crate::watched::Watched;

/// Connections that nothing is asked over.
const IDLE_CLIENTS: usize = 80;

/// Of each message between a member and the others; a read that needs the quorum takes two.
const FAR_AWAY: Duration = Duration::from_millis(150);

/// Round trips of a link that has just come up are not judged.
const LINKS_SETTLE: Duration = Duration::from_mins(11);

async fn a_member_that_runs_out_of_file_descriptors_is_told_until_it_may_have_more(
    version: EtcdVersion,
) {
    let watched = watched(Cluster::builder(version).members(1)).await;
    let member = watched.etcd.member(0);
    let process = Pid::from_raw(member.pid().unwrap() as i32);
    let open = Path::new("/proc").join(member.pid().unwrap().to_string()).join("fd");
    let count = || open.read_dir().unwrap().count();
    // With many open, the few that come and go make no difference.
    let all = count() + IDLE_CLIENTS;
    let idle: Vec<TcpStream> =
        (0..IDLE_CLIENTS).map(|_| TcpStream::connect(member.endpoint()).unwrap()).collect();
    wait_until("all are taken", SOON, async || count() + 2 >= all).await.unwrap();
    // What a process may not exceed stays, so that the limit can be raised again.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let low = Rlimit { current: Some(all as u64 * 8 / 7), maximum };
    let before = prlimit(process, Resource::Nofile, low).unwrap();
    let kind = FindingKind::FileDescriptors;
    opens(&watched, kind, Some(member), Severity::Warning).await;
    prlimit(process, Resource::Nofile, before).unwrap();
    closes(&watched, kind).await;
    drop(idle);
    watched.fleet.shutdown().await;
}

async fn a_quota_that_the_other_members_do_not_have_is_told_until_they_agree(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version).quota_bytes(1 << 30)).await;
    let member = watched.etcd.follower().await.unwrap();
    member.restart_with(&["--quota-backend-bytes=536870912"]).await.unwrap();
    let kind = FindingKind::FlagsDiffer;
    let finding = opens(&watched, kind, Some(member), Severity::Warning).await;
    assert!(finding.summary.contains(member.name()), "{}", finding.summary);
    member.restart_with(&[]).await.unwrap();
    closes(&watched, kind).await;
    watched.fleet.shutdown().await;
}

async fn a_member_that_is_far_from_the_others_has_slow_requests(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version).with_peer_proxies(true)).await;
    let member = watched.etcd.follower().await.unwrap();
    let fault = member.delay_peers(FAR_AWAY).unwrap();
    let kind = FindingKind::SlowRequests;
    opens(&watched, kind, Some(member), Severity::Warning).await;
    fault.heal().unwrap();
    closes(&watched, kind).await;
    watched.fleet.shutdown().await;
}

/// etcd looks at a link's round trips once in half a minute and smooths what it sees; with pages every
/// second that is believed after twenty. The default is five minutes.
async fn links_with_long_round_trips_are_told_until_they_are_short(version: EtcdVersion) {
    let builder = Cluster::builder(version).with_peer_proxies(true);
    let etcd = builder.flag("--strict-reconfig-check=false").start().await.unwrap();
    let index = usize::from(etcd.leader().await.unwrap().name() == etcd.member(0).name());
    let fault = etcd.member(index).delay_peers(FAR_AWAY).unwrap();
    let mut watched = Watched::of(etcd, |config| {
        config.intervals.metrics = Duration::from_secs(1);
    });
    all_are_well(&watched).await;
    let member = watched.etcd.member(index);
    watched.clock.advance(LINKS_SETTLE);
    let kind = FindingKind::SlowPeer;
    let others = || watched.etcd.members().iter().filter(|other| other.id() != member.id());
    // On a busy machine links that nothing delays may be worth knowing of too.
    let are_all = |view: &ClusterView, state| {
        let links = in_state(view, kind, state);
        others().all(|other| {
            links.iter().any(|finding| {
                named(finding) == Some(other.id())
                    && finding.about == member.name()
                    && finding.severity == Severity::Warning
            })
        })
    };
    let are_open = |view: &ClusterView| are_all(view, FindingState::Open);
    let took = watched.until("long round trips to it", SOON * 6, are_open).await;
    println!("etcd {version}: slow_peer open after {took:.1?}");
    fault.heal().unwrap();
    // What the links were is smoothed out within minutes, or forgotten with the member.
    let (id, name) = (member.id(), member.name().to_owned());
    watched.etcd.readd(id).await.unwrap();
    let are_over = |view: &ClusterView| {
        !view.findings.iter().any(|it| it.kind == kind && it.about == name.as_str())
    };
    watched.until("no link to it is slow", SOON * 2, are_over).await;
    watched.fleet.shutdown().await;
}

async fn a_member_that_serves_anybody_at_a_public_address_is_told_until_it_is_out_of_reach(
    version: EtcdVersion,
) {
    if !can(&[Part::Network]) {
        return;
    }
    let builder = Cluster::builder(version).members(1).in_namespaces(true);
    let etcd = builder.flag("--listen-client-urls=http://0.0.0.0:2379").start().await.unwrap();
    let (endpoint, fault) = etcd.member(0).expose().unwrap();
    let url = etcd.member(0).client_url();
    let watched = Watched::of(etcd, |config| {
        config.endpoint_map.insert(url, endpoint.clone());
        config.endpoints = vec![endpoint];
    });
    all_are_well(&watched).await;
    let of = Some(watched.etcd.member(0));
    opens(&watched, FindingKind::AuthOff, of, Severity::Warning).await;
    fault.heal().unwrap();
    closes(&watched, FindingKind::AuthOff).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::version::skip;
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_runs_out_of_file_descriptors_is_told_until_it_may_have_more() {
        on(
            EtcdVersion::V3_7,
            super::a_member_that_runs_out_of_file_descriptors_is_told_until_it_may_have_more,
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_quota_that_the_other_members_do_not_have_is_told_until_they_agree() {
        for version in [EtcdVersion::V3_4, EtcdVersion::V3_7] {
            on(version, super::a_quota_that_the_other_members_do_not_have_is_told_until_they_agree)
                .await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_is_far_from_the_others_has_slow_requests() {
        on(EtcdVersion::V3_5, super::a_member_that_is_far_from_the_others_has_slow_requests).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_that_serves_anybody_at_a_public_address_is_told_until_it_is_out_of_reach() {
        let scenario =
            super::a_member_that_serves_anybody_at_a_public_address_is_told_until_it_is_out_of_reach;
        on(EtcdVersion::V3_5, scenario).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn links_with_long_round_trips_are_told_until_they_are_short() {
        // It takes longer than a scenario may: etcd itself looks at a link twice a minute.
        let version = EtcdVersion::V3_7;
        if let Err(missing) = version.binary() {
            return skip(&missing);
        }
        super::links_with_long_round_trips_are_told_until_they_are_short(version).await;
    }
}
