//! Members of different versions, as in a rolling upgrade.

use std::collections::BTreeSet;
use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion, Member};

use super::{SOON, all_are_well, closes, opens, watched};
use crate::watched::Watched;

const OLD: EtcdVersion = EtcdVersion::V3_5;
const NEW: EtcdVersion = EtcdVersion::V3_6;

/// How long an upgrade may.
const TAKES_AN_HOUR: Duration = Duration::from_mins(61);

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
                    _ if old.is_empty() => view.versions.len() == 1,
                    None => false,
                    Some(skew) => {
                        skew.state == FindingState::Pending && skew.summary.ends_with(&apart)
                    }
                }
            };
            let took = watched.until("the versions", SOON, are_seen).await;
            println!("{} of 3 upgraded, seen after {took:.1?}", done + 1);
            all_are_well(&watched).await;
            if new.len() == 2 {
                watched.clock.advance(TAKES_AN_HOUR);
                opens(&watched, FindingKind::VersionSkew, None, Severity::Warning).await;
            }
        }
        closes(&watched, FindingKind::VersionSkew).await;
    };
    tokio::select! {
        () = note_critical(&watched, &mut critical) => {}
        () = upgrade => {}
    }
    assert!(critical.is_empty(), "{critical:#?}");
    watched.fleet.shutdown().await;
}

async fn a_version_with_known_defects_is_told_until_it_is_upgraded(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version).members(1)).await;
    let member = watched.etcd.member(0);
    let kind = FindingKind::VersionCve;
    let finding = opens(&watched, kind, None, Severity::Info).await;
    assert!(finding.summary.contains(member.name()), "{}", finding.summary);
    assert_eq!(finding.about, watched.etcd.version());
    member.restart_with_version(OLD).await.unwrap();
    closes(&watched, kind).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::version::skip;
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_rolling_upgrade_is_told_as_what_it_is() {
        // The older one is looked for by `on`.
        if let Err(missing) = super::NEW.binary() {
            skip(&missing);
            return;
        }
        on(super::OLD, super::a_rolling_upgrade_is_told_as_what_it_is).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_version_with_known_defects_is_told_until_it_is_upgraded() {
        if let Err(missing) = super::OLD.binary() {
            skip(&missing);
            return;
        }
        let scenario = super::a_version_with_known_defects_is_told_until_it_is_upgraded;
        on(EtcdVersion::V3_4, scenario).await;
    }
}
