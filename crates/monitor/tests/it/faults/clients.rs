//! Clients that ask for too much: watchers that do not read, leases in masses.

use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::StuckWatchers;
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, SOON, closes, closes_to, in_state, opens, watched};

/// For each the member keeps up to 128 events beside what its buffers take.
const WATCHERS: [usize; 4] = [50; 4];

/// etcd gives none that are shorter than one and a half election timeouts.
const SHORT: Duration = Duration::from_secs(1);

/// How many end: more than 200 per second for half a minute.
const LEASES: usize = 6_000;

async fn watchers_that_do_not_read_are_told_until_they_are_gone(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version)).await;
    let member = watched.etcd.follower().await.unwrap();
    let mut watchers = Vec::new();
    for count in WATCHERS {
        watchers.push(StuckWatchers::open(member, "watched/", count).await.unwrap());
    }
    for number in 0..150 {
        let (key, value) = (format!("watched/{}", number % 10), vec![b'x'; 16 << 10]);
        watched.etcd.client().put(key, value, None, DEADLINE).await.unwrap();
    }
    let of = Some(member);
    opens(&watched, FindingKind::WatchSlow, of, Severity::Warning).await;
    drop(watchers);
    closes(&watched, FindingKind::WatchSlow).await;
    watched.fleet.shutdown().await;
}

async fn leases_that_end_in_masses_are_told_until_they_are_few(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version)).await;
    let leader = watched.etcd.leader().await.unwrap();
    let is_open = |view: &ClusterView| {
        let open = in_state(view, FindingKind::LeaseStorm, FindingState::Open);
        open.iter().any(|finding| finding.severity == Severity::Warning)
    };
    let mut granted = 0;
    let grant = async {
        while granted < LEASES {
            granted += watched.etcd.grant_leases(500, SHORT).await.unwrap().len();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = grant => {}
        took = watched.until("leases end in masses", SOON, is_open) => {
            println!("etcd {version}: lease_storm open after {took:.1?}");
        }
    }
    println!("etcd {version}: {granted} leases granted");
    let finding = opens(&watched, FindingKind::LeaseStorm, None, Severity::Warning).await;
    let summary = format!("leases expire in masses on {}", leader.name());
    assert_eq!(finding.summary, summary, "only the leader counts them");
    // What they were stays in the window of a minute.
    closes_to(&watched, FindingKind::LeaseStorm, None, Duration::from_secs(80)).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn watchers_that_do_not_read_are_told_until_they_are_gone() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::watchers_that_do_not_read_are_told_until_they_are_gone).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn leases_that_end_in_masses_are_told_until_they_are_few() {
        on(EtcdVersion::V3_5, super::leases_that_end_in_masses_are_told_until_they_are_few).await;
    }
}
