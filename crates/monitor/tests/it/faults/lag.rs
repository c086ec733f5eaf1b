//! Members that fall behind: in taking in what is committed, and in applying it.

use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion};

use super::{SOON, can, closes, in_state, named, opens, put_many, watched};

/// Longer than the test: one sync of the log hangs.
const HANGS: Duration = Duration::from_mins(3);

/// Two syncs are a commit of the database, which holds so many changes.
const IS_SLOW: Duration = Duration::from_millis(30);
const SMALL_COMMITS: &str = "--backend-batch-limit=4";

/// A lag of thousands of entries, but not of five: that one is told sooner.
const ENTRIES: usize = 3_000;

/// What passes within half a minute is not told.
const HALF_A_MINUTE: Duration = Duration::from_secs(31);

async fn a_member_whose_disk_hangs_is_told_to_lag_until_it_has_caught_up(version: EtcdVersion) {
    if !can(&[Part::Tracing]) {
        return;
    }
    let builder = Cluster::builder(version).durable(true).flag(SMALL_COMMITS);
    let watched = watched(builder).await;
    for kind in [FindingKind::RaftLag, FindingKind::ApplyLag] {
        let follower = watched.etcd.follower().await.unwrap();
        let fault = match kind {
            FindingKind::RaftLag => follower.slow_log_syncs(HANGS).await.unwrap(),
            _ => follower.slow_database_syncs(IS_SLOW).await.unwrap(),
        };
        put_many(&watched, "lag/", ENTRIES).await;
        let is_seen = |view: &ClusterView| {
            let pending = in_state(view, kind, FindingState::Pending);
            pending.iter().any(|finding| named(finding) == Some(follower.id()))
        };
        watched.until(&format!("{kind} is seen"), SOON, is_seen).await;
        watched.clock.advance(HALF_A_MINUTE);
        opens(&watched, kind, Some(follower), Severity::Warning).await;
        fault.heal().unwrap();
        closes(&watched, kind).await;
    }
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_whose_disk_hangs_is_told_to_lag_until_it_has_caught_up() {
        on(
            EtcdVersion::V3_7,
            super::a_member_whose_disk_hangs_is_told_to_lag_until_it_has_caught_up,
        )
        .await;
    }
}
