//! The figures agree with what the members themselves say.

use std::time::Duration;

use etcd::{Connector, Endpoint, HttpTarget, Scheme};
use monitor::latency::{Probe, WINDOWS};
use testbed::{Cluster, EtcdVersion, Login};

use crate::watched::Watched;

/// A gauge on a page, read in the plainest way.
fn gauge(page: &str, name: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

async fn figures_are_those_of_the_members(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    watched.etcd.fill(4 << 20).await.unwrap();
    let has_rates = || {
        let metrics = watched.handle().metrics();
        metrics.len() == 3
            && metrics
                .iter()
                .all(|m| m.figures.as_ref().is_some_and(|f| f.window >= Duration::from_secs(4)))
    };
    watched.until("figures", Duration::from_secs(30), |_| has_rates()).await;

    let connector = Connector::new(watched.etcd.client_config(Login::Monitor)).unwrap();
    for metrics in watched.handle().metrics() {
        let figures = metrics.figures.unwrap();
        let endpoint = Endpoint::parse(&metrics.member.endpoint, Scheme::Http).unwrap();
        let reply = connector
            .member(endpoint)
            .http_get(&HttpTarget::of_member("/metrics"), Duration::from_secs(5), 8 << 20)
            .await
            .unwrap();
        let page = String::from_utf8(reply.body.to_vec()).unwrap();
        // Nobody writes, so these stand still between two scrapes.
        for (figure, metric) in [
            ("db_size_bytes", "etcd_mvcc_db_total_size_in_bytes"),
            ("db_size_in_use_bytes", "etcd_mvcc_db_total_size_in_use_in_bytes"),
            ("quota_bytes", "etcd_server_quota_backend_bytes"),
            ("max_file_descriptors", "process_max_fds"),
        ] {
            assert_eq!(figures.get(figure), gauge(&page, metric), "{figure}");
        }
        assert!(figures.get("cpu_ratio").is_some_and(|cpu| (0.0..8.0).contains(&cpu)));
        assert!(figures.get("resident_memory_bytes").is_some_and(|rss| rss > 1e6));
        assert_eq!(figures.get("no_such_figure"), None);
        assert_eq!(figures.peers.len(), 2, "{:?}", figures.peers);
    }
    for member in watched.handle().latencies() {
        let probe = |kind| member.probes.iter().find(|p| p.probe == kind && p.window == WINDOWS[0]);
        for kind in [Probe::SerializableRead, Probe::LinearizableRead] {
            let summary = probe(kind).unwrap().summary;
            let quantiles = summary.quantiles.unwrap();
            assert!(quantiles.p50 > Duration::ZERO && quantiles.p50 <= quantiles.p99);
        }
        assert!(probe(Probe::Write).is_none(), "probes never write by default");
    }
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(figures_are_those_of_the_members);
}
