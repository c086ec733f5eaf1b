//! Watches clusters for a while, as a running monitor would, and keeps what it saw.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use model::clock::SystemClock;
use model::finding::Finding;
use monitor::config::ClusterConfig;
use monitor::consistency::Consistency;
use monitor::fleet::{ClusterHandle, Fleet};
use monitor::record::MemberMetrics;
use monitor::view::ClusterView;
use tokio::time::{Instant, sleep_until, timeout};

/// Metrics are read this often: rates and quantiles need several pages, and the look is short.
const SCRAPE_EVERY: Duration = Duration::from_secs(5);

/// How long comparing the data may take, and a sweep after it.
const COMPARED_WITHIN: Duration = Duration::from_mins(5);
const JUDGED_WITHIN: Duration = Duration::from_secs(5);

/// The sweeps are looked at this often.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// What was seen of one cluster.
pub(super) struct Look {
    pub(super) started_at: Timestamp,
    pub(super) watched: Duration,
    pub(super) scrape_interval: Duration,
    pub(super) view: Arc<ClusterView>,
    pub(super) metrics: Vec<MemberMetrics>,
    pub(super) consistency: Arc<Consistency>,
    /// Findings that came and went meanwhile.
    pub(super) passed: Vec<Arc<Finding>>,
    pub(super) samples: Vec<Sample>,
}

/// How the members of a cluster were at one sweep, in the order of the names.
pub(super) struct Sample {
    pub(super) at: Timestamp,
    pub(super) members: Vec<MemberSample>,
}

/// How one member was at one sweep.
pub(super) struct MemberSample {
    pub(super) name: String,
    /// How long a linearizable read took, seconds.
    pub(super) read_seconds: Option<f64>,
    /// How far its committed index is behind the highest, entries.
    pub(super) lag_entries: Option<f64>,
    /// p99 of the fsyncs of its log over the last scrapes, seconds.
    pub(super) fsync_p99_seconds: Option<f64>,
}

/// Watches `clusters` for `time`; says on standard error how far it is, if wanted.
///
/// With `hashkv` the members' data are compared at the end.
pub(super) async fn at(
    clusters: Vec<ClusterConfig>,
    time: Duration,
    hashkv: bool,
    is_told: bool,
) -> Vec<Look> {
    let fleet = Fleet::new(Arc::new(SystemClock));
    let clusters = clusters.into_iter().map(|mut cluster| {
        cluster.intervals.metrics = cluster.intervals.metrics.min(SCRAPE_EVERY);
        // It is asked for by name.
        cluster.key_scan.enabled = false;
        cluster
    });
    let started_at = fleet.clock().now();
    let start = Instant::now();
    fleet.apply(clusters.collect());
    let handles = fleet.clusters();
    let mut samples: Vec<Vec<Sample>> = handles.iter().map(|_| Vec::new()).collect();
    let end = start + time;
    let mut next = start;
    while next < end {
        next = (next + SAMPLE_EVERY).min(end);
        sleep_until(next).await;
        for (handle, samples) in handles.iter().zip(&mut samples) {
            take(handle, samples);
        }
        if is_told {
            let passed = next.duration_since(start).as_secs();
            eprint_progress(&format!("looking: {passed} s of {} s", time.as_secs()));
        }
    }
    if hashkv {
        if is_told {
            eprint_progress("comparing the members' data");
        }
        join_all(handles.iter().map(compare)).await;
    }
    if is_told {
        eprint_progress("");
    }
    let watched = start.elapsed();
    let look = |(handle, samples): (&ClusterHandle, Vec<Sample>)| Look {
        started_at,
        watched,
        scrape_interval: handle.config().intervals.metrics,
        view: handle.view(),
        metrics: handle.metrics(),
        consistency: handle.consistency(),
        passed: handle.closed_findings().iter().cloned().collect(),
        samples,
    };
    let looks = handles.iter().zip(samples).map(look).collect();
    fleet.shutdown().await;
    looks
}

/// Has the members' data compared, and the outcome judged.
async fn compare(handle: &ClusterHandle) {
    // When it takes longer, the report says that it is not known.
    if timeout(COMPARED_WITHIN, handle.check_consistency()).await.is_ok() {
        let mut swept = handle.swept();
        for _ in 0..2 {
            // Fails only when the cluster is no longer watched.
            let _ = timeout(JUDGED_WITHIN, swept.changed()).await;
        }
    }
}

/// One line that is written over the last one.
fn eprint_progress(text: &str) {
    use std::io::Write as _;
    let _ = write!(std::io::stderr().lock(), "\r\x1b[K{text}");
}

fn take(handle: &ClusterHandle, samples: &mut Vec<Sample>) {
    let view = handle.view();
    let Some(at) = view.as_of else { return };
    if samples.last().is_some_and(|last| last.at == at) {
        return;
    }
    let metrics = handle.metrics();
    let index = |member: &monitor::view::MemberView| {
        member.status.as_ref().filter(|_| member.is_reachable == Some(true)).map(|s| s.raft_index)
    };
    let highest = view.members.iter().filter_map(index).max();
    let members = view.members.iter().map(|member| MemberSample {
        name: member.name.clone(),
        read_seconds: member.probes.linearizable_read.map(|took| took.as_secs_f64()),
        lag_entries: index(member).zip(highest).map(|(own, highest)| (highest - own) as f64),
        fsync_p99_seconds: metrics
            .iter()
            .find(|metrics| metrics.member.id == member.id)
            .and_then(|metrics| metrics.figures.as_ref()?.get("wal_fsync_p99_seconds")),
    });
    samples.push(Sample { at, members: members.collect() });
}
