//! What members tell by their metrics: nothing of a busy cluster that is well, and what is so of one
//! that is not.

use std::collections::BTreeSet;
use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::config::ClusterConfig;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};
use tokio::time::Instant;

use crate::watched::Watched;

const DEADLINE: Duration = Duration::from_secs(5);

/// Long enough for every hysteresis at a scrape each second, and for a window of a disk.
const BUSY_FOR: Duration = Duration::from_secs(40);

/// A machine that builds other things at the same time is slow, which is true and not meant here.
fn on_a_slow_machine(config: &mut ClusterConfig) {
    config.thresholds.max_latency_ms = 5_000;
}

/// The members of which a finding of this kind is open.
fn open(view: &ClusterView, kind: FindingKind) -> BTreeSet<String> {
    let is_open = |finding: &&std::sync::Arc<model::finding::Finding>| {
        finding.kind == kind && finding.state == FindingState::Open
    };
    let of = view.findings.iter().filter(is_open).filter_map(|finding| finding.member.as_ref());
    of.map(|member| member.name.clone()).collect()
}

async fn a_busy_cluster_that_is_well_has_no_finding_above_info(version: EtcdVersion) {
    let builder = Cluster::builder(version).flag("--enable-pprof");
    let watched = Watched::start_with(builder, on_a_slow_machine).await;
    let start = Instant::now();
    let mut worse = BTreeSet::new();
    let work = async {
        loop {
            let client = watched.etcd.client();
            let lease = client.lease_grant(60, DEADLINE).await.unwrap();
            for key in 0..50 {
                client.put(format!("busy/{key}"), vec![b'x'; 512], None, DEADLINE).await.unwrap();
            }
            client.lease_revoke(lease.id, DEADLINE).await.unwrap();
        }
    };
    let look = async {
        while start.elapsed() < BUSY_FOR {
            for finding in &watched.view().findings {
                if finding.severity > Severity::Info && finding.opened_at.is_some() {
                    worse.insert(format!("{}: {:?}", finding.summary, finding.evidence));
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = look => {}
    }
    assert!(worse.is_empty(), "{worse:#?}");
    // They do serve their profiler, on an address that is not public.
    assert_eq!(open(&watched.view(), FindingKind::PprofExposed).len(), 3);
    watched.fleet.shutdown().await;
}

async fn a_database_near_its_quota_is_told_until_it_is_defragmented(version: EtcdVersion) {
    let builder = Cluster::builder(version).quota_bytes(32 << 20);
    let watched = Watched::start_with(builder, on_a_slow_machine).await;
    watched.etcd.fill(18 << 20).await.unwrap();
    let is_told = |view: &ClusterView| open(view, FindingKind::QuotaHigh).len() == 3;
    watched.until("quota high on every member", Duration::from_secs(20), is_told).await;
    assert!(!watched.view().findings.iter().any(|it| it.kind == FindingKind::Nospace));
    watched.etcd.disarm().await.unwrap();
    let is_over = |view: &ClusterView| open(view, FindingKind::QuotaHigh).is_empty();
    watched.until("the end of it", Duration::from_secs(20), is_over).await;
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(
        a_busy_cluster_that_is_well_has_no_finding_above_info,
        a_database_near_its_quota_is_told_until_it_is_defragmented,
    );
}
