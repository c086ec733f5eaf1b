//! What takes hours to be believed, or to be over: the fleet's clock is set ahead.

use std::time::Duration;

use etcd::GetRequest;
use model::finding::FindingKind;
use model::severity::Severity;
use monitor::consistency::Outcome;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, SOON, all_are_well, closes, more_sweeps, opens, put_many};
use crate::watched::Watched;

/// More than a day, and than the 25 hours after which data should have been compared.
const OVER_A_DAY: Duration = Duration::from_hours(26);

/// Elections of so long ago are no trouble any more, and a minute more has passed.
const ELECTIONS_PASS: Duration = Duration::from_mins(17);

/// Handing over the lead again and again, no compaction for a day, and data that are too large to be
/// compared by the settings.
async fn elections_revisions_and_checks_are_told_until_all_is_as_it_should_be(
    version: EtcdVersion,
) {
    let watched = Watched::start_with(Cluster::builder(version), |config| {
        config.consistency.max_db_size_mb = 1;
    })
    .await;
    all_are_well(&watched).await;

    for _ in 0..3 {
        let next = watched.etcd.follower().await.unwrap();
        watched.etcd.move_leader_to(next).await.unwrap();
        let leads = |view: &ClusterView| {
            view.leader.as_ref().is_some_and(|leader| leader.member.id == Some(next.id()))
        };
        watched.until("the new leader", SOON, leads).await;
    }
    let finding = opens(&watched, FindingKind::LeaderFlapping, None, Severity::Critical).await;
    assert!(finding.summary.starts_with("the leader changed"), "{}", finding.summary);
    watched.clock.advance(ELECTIONS_PASS);
    closes(&watched, FindingKind::LeaderFlapping).await;

    put_many(&watched, "changed/", 1_100).await;
    watched.etcd.fill(2 << 20).await.unwrap();
    let is_too_large = async || {
        let known = watched.handle().check_consistency().await;
        matches!(&known.last.as_ref().unwrap().outcome, Outcome::Unknown(why) if why.contains("MiB"))
    };
    watched.etcd.wait_until("a check that is refused", SOON, is_too_large).await.unwrap();
    watched.clock.advance(OVER_A_DAY);
    opens(&watched, FindingKind::CompactionOff, None, Severity::Info).await;
    let stale = FindingKind::ConsistencyCheckStale;
    let finding = opens(&watched, stale, None, Severity::Warning).await;
    let why = &finding.evidence.last().unwrap().observed;
    assert!(why.contains("MiB"), "{why}");

    let client = watched.etcd.client();
    let revision = client.get(GetRequest::key("key"), DEADLINE).await.unwrap().header.revision;
    client.compact(revision, true, DEADLINE).await.unwrap();
    closes(&watched, FindingKind::CompactionOff).await;
    watched.change(|config| config.consistency.max_db_size_mb = 100);
    more_sweeps(&watched, 3).await;
    let is_equal = async || {
        let known = watched.handle().check_consistency().await;
        known.last.as_ref().unwrap().outcome == Outcome::Equal
    };
    watched.etcd.wait_until("a check that succeeds", SOON, is_equal).await.unwrap();
    closes(&watched, stale).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn elections_revisions_and_checks_are_told_until_all_is_as_it_should_be() {
        on(
            EtcdVersion::V3_7,
            super::elections_revisions_and_checks_are_told_until_all_is_as_it_should_be,
        )
        .await;
    }
}
