//! Members of different versions, as in a rolling upgrade.

use std::collections::BTreeSet;
use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion, Member};

use super::{SOON, all_are_well, watched};
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
            let (new, old) = watched.etcd.members().split_at(done + 1);
            let names = |of: &[Member]| of.iter().map(Member::name).collect::<Vec<_>>().join(", ");
            let apart = format!("3.5 on {}; 3.6 on {}", names(old), names(new));
            let are_seen = |view: &ClusterView| {
                let mut skews =
                    view.findings.iter().filter(|it| it.kind == FindingKind::VersionSkew);
                match skews.next() {
                    None => old.is_empty() && view.versions.len() == 1,
                    Some(skew) => {
                        skew.state == FindingState::Pending && skew.summary.ends_with(&apart)
                    }
                }
            };
            let took = watched.until("the versions", SOON, are_seen).await;
            println!("{} of 3 upgraded, seen after {took:.1?}", done + 1);
            all_are_well(&watched).await;
        }
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
