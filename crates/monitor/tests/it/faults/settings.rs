//! Members that are not set, or not placed, as they should be: a limit that is too low, a flag that
//! the others do not have, links that take long.

use std::path::Path;
use std::time::Duration;

use model::finding::FindingKind;
use model::severity::Severity;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use testbed::{Cluster, EtcdVersion};

use super::{closes, opens, watched};

/// Of each message between a member and the others; a read that needs the quorum takes two.
const FAR_AWAY: Duration = Duration::from_millis(150);

async fn a_member_that_runs_out_of_file_descriptors_is_told_until_it_may_have_more(
    version: EtcdVersion,
) {
    let watched = watched(Cluster::builder(version).members(1)).await;
    let member = watched.etcd.member(0);
    let process = Pid::from_raw(member.pid().unwrap() as i32);
    let open = Path::new("/proc").join(member.pid().unwrap().to_string()).join("fd");
    let open = open.read_dir().unwrap().count() as u64;
    // What a process may not exceed stays, so that the limit can be raised again.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let low = Rlimit { current: Some(open * 10 / 9), maximum };
    let before = prlimit(process, Resource::Nofile, low).unwrap();
    let kind = FindingKind::FileDescriptors;
    opens(&watched, kind, Some(member), Severity::Warning).await;
    prlimit(process, Resource::Nofile, before).unwrap();
    closes(&watched, kind).await;
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

mod tests {
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
}
