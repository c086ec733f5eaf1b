//! A member whose clock is wrong.

use jiff::SignedDuration;
use model::finding::FindingKind;
use model::severity::Severity;
use testbed::faults::ClockProxy;
use testbed::{Cluster, EtcdVersion};

use super::{all_are_well, closes, opens};
use crate::watched::Watched;

async fn a_clock_that_is_ahead_or_behind_is_told_until_it_is_set(version: EtcdVersion) {
    let etcd = Cluster::builder(version).start().await.unwrap();
    let proxy = ClockProxy::start(etcd.member(1)).await.unwrap();
    let mut endpoints = etcd.endpoints();
    proxy.endpoint().clone_into(&mut endpoints[1]);
    let watched = Watched::of(etcd, |config| config.endpoints = endpoints);
    all_are_well(&watched).await;
    let member = watched.etcd.member(1);
    for (seconds, direction) in [(3, "ahead of"), (-3, "behind")] {
        proxy.set_offset(SignedDuration::from_secs(seconds));
        let of = Some(member);
        let finding = opens(&watched, FindingKind::ClockSkew, of, Severity::Critical).await;
        assert!(finding.summary.contains(direction), "{}", finding.summary);
        proxy.set_offset(SignedDuration::ZERO);
        closes(&watched, FindingKind::ClockSkew).await;
    }
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_clock_that_is_ahead_or_behind_is_told_until_it_is_set() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::a_clock_that_is_ahead_or_behind_is_told_until_it_is_set).await;
        }
    }
}
