//! A full database.

use std::time::Duration;

use model::event::EventKind;
use model::finding::FindingKind;
use model::health::ClusterState;
use testbed::{Cluster, EtcdVersion};

use crate::watched::Watched;

async fn nospace_and_its_disarm_are_seen(version: EtcdVersion) {
    let builder = Cluster::builder(version).members(1).quota_bytes(16 << 20);
    let watched = Watched::start(builder).await;
    let soon = Duration::from_secs(10);
    watched.until("healthy", soon, |view| view.state == ClusterState::Healthy).await;
    watched.etcd.fill(64 << 20).await.unwrap();
    let took = watched
        .until("NOSPACE", soon, |view| {
            view.state == ClusterState::Critical
                && view.findings.iter().any(|finding| finding.kind == FindingKind::Nospace)
        })
        .await;
    println!("etcd {version:?}: NOSPACE found after {took:?}");
    assert_eq!(watched.view().members[0].alarms, ["NOSPACE"]);
    watched.etcd.disarm().await.unwrap();
    watched.until("disarmed", soon, |view| view.state == ClusterState::Healthy).await;
    assert!(watched.has_event(EventKind::AlarmRaised));
    assert!(watched.has_event(EventKind::AlarmDisarmed));
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(nospace_and_its_disarm_are_seen);
}
