//! A cluster of which nobody answers.

use model::finding::FindingKind;
use model::severity::Severity;
use testbed::{Cluster, EtcdVersion};

use super::{all_are_well, closes, opens, watched};

async fn a_cluster_that_is_killed_is_unreachable_until_it_is_started(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version)).await;
    for member in watched.etcd.members() {
        member.kill().await.unwrap();
    }
    let finding = opens(&watched, FindingKind::ClusterUnreachable, None, Severity::Critical).await;
    assert_eq!(finding.evidence.len(), 3, "{:?}", finding.evidence);
    let open: Vec<_> = watched.view().findings.iter().filter(|it| it.is_open()).cloned().collect();
    let roots = open.iter().filter(|it| it.hidden_by.is_none() && it.severity > Severity::Info);
    let roots: Vec<FindingKind> = roots.map(|it| it.kind).collect();
    assert_eq!(roots, [FindingKind::ClusterUnreachable], "all else is a symptom: {open:#?}");
    for member in watched.etcd.members() {
        member.restart().await.unwrap();
    }
    closes(&watched, FindingKind::ClusterUnreachable).await;
    all_are_well(&watched).await;
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(a_cluster_that_is_killed_is_unreachable_until_it_is_started);
}
