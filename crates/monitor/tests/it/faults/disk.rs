//! A disk that takes long.

use std::time::Duration;

use model::finding::FindingKind;
use model::severity::Severity;
use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, can, closes_to, opens, watched};

/// In the middle of etcd's bucket from 128 ms to 256 ms.
const DELAY: Duration = Duration::from_millis(190);

/// What is judged is the last half minute, which has to pass; and the machine may have other work.
const OVER_WITHIN: Duration = Duration::from_secs(80);

async fn slow_syncs_of_one_member_are_told_until_they_are_fast(version: EtcdVersion) {
    if !can(&[Part::Tracing]) {
        return;
    }
    let watched = watched(Cluster::builder(version).durable(true)).await;
    let work = async {
        loop {
            // What a slow machine refuses now and then is not meant here.
            let _ = watched.etcd.client().put("key", "value", None, DEADLINE).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let look = async {
        let follower = watched.etcd.follower().await.unwrap();
        let fault = follower.slow_syncs(DELAY).await.unwrap();
        let of = Some(follower);
        let finding = opens(&watched, FindingKind::SlowFsync, of, Severity::Warning).await;
        assert!(finding.summary.contains("between 128 ms and 256 ms"), "{}", finding.summary);
        opens(&watched, FindingKind::SlowCommit, of, Severity::Warning).await;
        fault.heal().unwrap();
        let rest = Some(Severity::Info);
        closes_to(&watched, FindingKind::SlowFsync, rest, OVER_WITHIN).await;
    };
    tokio::select! {
        () = work => {}
        () = look => {}
    }
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn slow_syncs_of_one_member_are_told_until_they_are_fast() {
        on(EtcdVersion::V3_5, super::slow_syncs_of_one_member_are_told_until_they_are_fast).await;
    }
}
