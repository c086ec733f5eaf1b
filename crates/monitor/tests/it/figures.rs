//! The figures agree with what the members themselves say.

use std::time::Duration;

use monitor::latency::{Probe, WINDOWS};
use monitor::metrics::figures::Figures;
use testbed::{Cluster, EtcdVersion};

use crate::expected::Window;
use crate::recorded::{RecordedPage, Recorder};
use crate::watched::Watched;

/// Members measure their round trips every 30 s; in less, there may be none.
const WINDOW: Duration = Duration::from_secs(33);

const DEADLINE: Duration = Duration::from_secs(5);

/// Every figure of the catalogue, of every member, against a calculation of its own from the very
/// pages that the monitor was given.
async fn every_figure_is_that_of_the_members_page(version: EtcdVersion) {
    let etcd = Cluster::builder(version).start().await.unwrap();
    let mut recorders = Vec::new();
    for member in etcd.members() {
        recorders.push(Recorder::before(member.endpoint()).await);
    }
    let reachable: Vec<_> = recorders.iter().map(Recorder::endpoint).collect();
    let watched = Watched::of(etcd, |config| {
        // Further apart than the least that two pages must be, so that all of them count.
        config.intervals.metrics = Duration::from_secs(6);
        let advertised = config.endpoints.drain(..);
        config.endpoint_map = advertised.zip(reachable.iter().cloned()).collect();
        config.endpoints.clone_from(&reachable);
    });
    let has_window = || {
        let metrics = watched.handle().metrics();
        let is_long = |figures: &Figures| figures.window >= WINDOW;
        metrics.len() == 3 && metrics.iter().all(|m| m.figures.as_deref().is_some_and(is_long))
    };
    let work = async {
        loop {
            work_on(&watched.etcd).await;
        }
    };
    tokio::select! {
        () = work => {}
        _ = watched.until("figures", Duration::from_mins(1), |_| has_window()) => {}
    }

    let (mut compared, mut wrong) = (0, Vec::new());
    for metrics in watched.handle().metrics() {
        let figures = metrics.figures.unwrap();
        let index = reachable.iter().position(|it| *it == metrics.member.endpoint).unwrap();
        let pages = recorders[index].pages();
        let last = pages.iter().find(|page| page.asked_at >= figures.at).unwrap();
        let window = window(&pages[0], last, &figures);
        for (spec, value) in figures.iter() {
            let expected = window.expected(spec.source);
            let is_same = match (value, expected) {
                (Some(value), Some(expected)) => {
                    compared += 1;
                    (value - expected).abs() <= 1e-6 * expected.abs()
                }
                (value, expected) => value == expected,
            };
            if !is_same {
                wrong.push(format!("{}: {value:?}, not {expected:?}", spec.name));
            }
        }
        assert_eq!(figures.peers.len(), 2, "{:?}", figures.peers);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("etcd {version}: {compared} figures are those of the pages");
    // Three members; of some 75 figures only those of events that did not happen are absent.
    assert!(compared > 3 * 60, "{compared}");
    watched.fleet.shutdown().await;
}

fn window<'a>(first: &'a RecordedPage, last: &'a RecordedPage, figures: &Figures) -> Window<'a> {
    let recorded = last.asked_at.duration_since(first.asked_at).as_secs_f64();
    let seconds = figures.window.as_secs_f64();
    // Half a second is much for a request to come through, but not for a busy machine.
    assert!((recorded - seconds).abs() < 0.5, "a window of {seconds} s over {recorded} s of pages");
    let end = figures.at.as_duration().as_secs_f64();
    Window { first: &first.text, last: &last.text, seconds, end }
}

/// A little of everything that figures count.
async fn work_on(etcd: &Cluster) {
    etcd.fill(256 << 10).await.unwrap();
    let client = etcd.client();
    let lease = client.lease_grant(60, DEADLINE).await.unwrap();
    client.lease_revoke(lease.id, DEADLINE).await.unwrap();
    for member in etcd.members() {
        let client = etcd.client_of(member);
        let status = client.status(DEADLINE).await.unwrap();
        // The others may have compacted it already.
        let _ = client.compact(status.header.revision, true, DEADLINE).await;
        client.defragment(DEADLINE).await.unwrap();
        let mut snapshot = client.snapshot(DEADLINE).await.unwrap();
        while snapshot.next(DEADLINE).await.unwrap().is_some() {}
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn probes_have_latencies_and_never_write(version: EtcdVersion) {
    let watched = Watched::start(Cluster::builder(version)).await;
    let is_measured =
        || watched.handle().latencies().iter().filter(|m| !m.probes.is_empty()).count();
    watched.until("latencies", Duration::from_secs(10), |_| is_measured() == 3).await;
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
    testbed::on_every_version!(
        every_figure_is_that_of_the_members_page,
        probes_have_latencies_and_never_write,
    );
}
