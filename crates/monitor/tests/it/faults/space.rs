//! A database that fills up, and what its clients get when it is full.

use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, all_are_well, closes, in_state, more_sweeps, opens, pass};
use crate::watched::Watched;

const MIB: u64 = 1 << 20;

/// One sample of a database's size is taken in five minutes.
const NEXT_SAMPLE: Duration = Duration::from_secs(301);

/// What failed so long ago is in no window.
const PASSES: Duration = Duration::from_mins(2);

async fn growth_to_the_quota_and_writes_that_fail_then_are_told_until_there_is_room(
    version: EtcdVersion,
) {
    let builder = Cluster::builder(version).members(1).quota_bytes(32 * MIB);
    let watched = Watched::start_with(builder, |config| {
        config.intervals.health = Duration::from_millis(200);
        config.intervals.health_alert = Duration::from_millis(200);
    })
    .await;
    all_are_well(&watched).await;
    let member = watched.etcd.member(0);

    let is_soon_full =
        |view: &ClusterView| !in_state(view, FindingKind::QuotaEta, FindingState::Open).is_empty();
    watched.etcd.fill(17 * MIB).await.unwrap();
    for _ in 0..12 {
        if is_soon_full(&watched.view()) {
            break;
        }
        watched.etcd.fill(MIB).await.unwrap();
        watched.clock.advance(NEXT_SAMPLE);
        more_sweeps(&watched, 6).await;
    }
    let finding = opens(&watched, FindingKind::QuotaEta, Some(member), Severity::Critical).await;
    println!("etcd {version}: {}", finding.summary);

    if version < EtcdVersion::V3_7 {
        watched.etcd.disarm().await.unwrap();
        closes(&watched, FindingKind::QuotaEta).await;
        watched.fleet.shutdown().await;
        return;
    }
    watched.etcd.fill(64 * MIB).await.unwrap();
    opens(&watched, FindingKind::Nospace, Some(member), Severity::Critical).await;
    let fail = async {
        loop {
            watched.etcd.client().put("key", "value", None, DEADLINE).await.unwrap_err();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // They are no passing trouble after three minutes.
    let are_told = |view: &ClusterView| {
        let open = in_state(view, FindingKind::GrpcErrors, FindingState::Open);
        open.iter().any(|finding| finding.severity == Severity::Critical)
    };
    let look = async {
        pass(&watched, "calls that fail", are_told).await;
        opens(&watched, FindingKind::GrpcErrors, Some(member), Severity::Critical).await
    };
    let finding = tokio::select! {
        () = fail => unreachable!("it goes on"),
        finding = look => finding,
    };
    assert_eq!(finding.about, "KV/Put");
    let codes: Vec<&str> = finding.evidence.iter().map(|it| it.observed.as_str()).collect();
    assert!(codes.iter().any(|code| code.contains("ResourceExhausted")), "{codes:?}");

    watched.etcd.disarm().await.unwrap();
    closes(&watched, FindingKind::QuotaEta).await;
    // Once there are pages without them, they leave the window of a minute.
    more_sweeps(&watched, 15).await;
    watched.clock.advance(PASSES);
    closes(&watched, FindingKind::GrpcErrors).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn growth_to_the_quota_and_writes_that_fail_then_are_told_until_there_is_room() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(
                version,
                super::growth_to_the_quota_and_writes_that_fail_then_are_told_until_there_is_room,
            )
            .await;
        }
    }
}
