//! Members of different versions, as in a rolling upgrade.

use std::collections::BTreeSet;
use std::time::Duration;

use model::finding::FindingKind;
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};

use super::{SOON, all_are_well, is_pending, watched};
use crate::watched::Watched;

const OLD: EtcdVersion = EtcdVersion::V3_5;
const NEW: EtcdVersion = EtcdVersion::V3_6;

/// Notes what is open and critical, for ever.
async fn note_critical(watched: &Watched, seen: &mut BTreeSet<String>) {
    loop {
        for finding in &watched.view().findings {
            if finding.severity == Severity::Critical && finding.is_open() {
                seen.insert(format!("{}: {:?}", finding.summary, finding.evidence));
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_rolling_upgrade_is_told_as_what_it_is(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version)).await;
    let mut critical = BTreeSet::new();
    let upgrade = async {
        for (done, member) in watched.etcd.members().iter().enumerate() {
            member.restart_with_version(NEW).await.unwrap();
            watched.etcd.wait_ready().await.unwrap();
            let versions = if done < 2 { 2 } else { 1 };
            let are_seen = |view: &ClusterView| view.versions.len() == versions;
            watched.until("the versions", SOON, are_seen).await;
            all_are_well(&watched).await;
            if done < 2 {
                let finding = is_pending(&watched, FindingKind::VersionSkew, None).await;
                let names: Vec<&str> =
                    watched.etcd.members()[..=done].iter().map(testbed::Member::name).collect();
                let end = format!("3.6 on {}", names.join(", "));
                assert!(finding.summary.ends_with(&end), "{}", finding.summary);
            }
        }
        let is_over =
            |view: &ClusterView| view.findings.iter().all(|it| it.kind != FindingKind::VersionSkew);
        watched.until("one version", SOON, is_over).await;
    };
    tokio::select! {
        () = note_critical(&watched, &mut critical) => {}
        () = upgrade => {}
    }
    assert!(critical.is_empty(), "{critical:#?}");
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::on;
    use testbed::version::skip;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_rolling_upgrade_is_told_as_what_it_is() {
        // The older one is looked for by `on`.
        if let Err(missing) = super::NEW.binary() {
            skip(&missing);
            return;
        }
        on(super::OLD, super::a_rolling_upgrade_is_told_as_what_it_is).await;
    }
}
