//! How long the rules that ship take over a thousand clusters, and over one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use divan::counter::ItemsCount;
use divan::{Bencher, Divan};
use jiff::Timestamp;
use model::series::{Labels, METRIC_NAME, MatchOp, Matcher, Sample};
use promql::{Series, Storage, StorageError, Want};
use rules::Evaluator;

fn main() {
    Divan::from_args().main();
}

/// Samples of a quarter of an hour.
const SAMPLES: i64 = 60;
const STEP_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;

/// What the rules ask for of three members of each cluster, all well, by the metric's name.
struct Clusters(BTreeMap<&'static str, Vec<Series>>);

/// Metrics of each member, with the value of each step; 0 grows by nothing.
const OF_MEMBERS: &[(&str, f64, f64)] = &[
    ("up", 1.0, 0.0),
    ("etcd_monitor_member_healthy", 1.0, 0.0),
    ("process_start_time_seconds", 1.6e9, 0.0),
    ("process_open_fds", 100.0, 0.0),
    ("process_max_fds", 65_536.0, 0.0),
    ("etcd_server_has_leader", 1.0, 0.0),
    ("etcd_server_is_learner", 0.0, 0.0),
    ("etcd_server_proposals_failed_total", 0.0, 0.0),
    ("etcd_server_proposals_pending", 0.0, 0.0),
    ("etcd_server_proposals_committed_total", 1e6, 1_500.0),
    ("etcd_server_proposals_applied_total", 1e6, 1_500.0),
    ("etcd_server_read_indexes_failed_total", 0.0, 0.0),
    ("etcd_server_heartbeat_send_failures_total", 0.0, 0.0),
    ("etcd_server_slow_apply_total", 0.0, 0.0),
    ("etcd_server_version", 1.0, 0.0),
    ("etcd_server_quota_backend_bytes", 2e9, 0.0),
    ("etcd_mvcc_db_total_size_in_bytes", 1e8, 4_096.0),
    ("etcd_mvcc_db_total_size_in_use_in_bytes", 9e7, 4_096.0),
    ("etcd_disk_wal_fsync_duration_seconds_count", 0.0, 150.0),
    ("etcd_disk_backend_commit_duration_seconds_count", 0.0, 150.0),
    ("etcd_disk_defrag_inflight", 0.0, 0.0),
    ("etcd_debugging_mvcc_pending_events_total", 0.0, 0.0),
    ("etcd_debugging_mvcc_slow_watcher_total", 0.0, 0.0),
    ("etcd_debugging_mvcc_compact_revision", 1e6, 1.0),
    ("etcd_debugging_mvcc_current_revision", 1e6, 1.0),
    ("etcd_debugging_server_lease_expired_total", 0.0, 1.0),
    ("etcd_debugging_lease_granted_total", 0.0, 1.0),
    ("etcd_monitor_member_certificate_expiry_timestamp_seconds", 2e9, 0.0),
];

const OF_CLUSTERS: &[(&str, f64)] = &[
    ("etcd_monitor_up", 1.0),
    ("etcd_monitor_has_quorum", 1.0),
    ("etcd_monitor_quorum_margin", 1.0),
    ("etcd_monitor_members", 3.0),
    ("etcd_monitor_leader_changes_total", 1.0),
    ("etcd_monitor_last_sweep_timestamp_seconds", 1.700_000_9e9),
];

const HISTOGRAMS: [&str; 2] = [
    "etcd_disk_wal_fsync_duration_seconds_bucket",
    "etcd_disk_backend_commit_duration_seconds_bucket",
];

impl Clusters {
    fn new(count: usize) -> Self {
        let mut all = Self(BTreeMap::new());
        for cluster in 0..count {
            let cluster = format!("c{cluster}");
            for (name, value) in OF_CLUSTERS {
                all.add(name, &[("cluster", &cluster)], *value, 0.0);
            }
            for member in ["m1", "m2", "m3"] {
                let instance = format!("{cluster}-{member}:2379");
                let of = [
                    ("cluster", &*cluster),
                    ("member", member),
                    ("instance", &instance),
                    ("job", "etcd"),
                    ("server_version", "3.5.21"),
                ];
                for (name, value, growth) in OF_MEMBERS {
                    let count = if *name == "etcd_server_version" { 5 } else { 4 };
                    all.add(name, &of[..count], *value, *growth);
                }
                for name in HISTOGRAMS {
                    for bucket in 0..15_u32 {
                        let le = (0.001 * f64::from(1 << bucket)).to_string();
                        let le = if bucket == 14 { "+Inf" } else { &le };
                        let labels = [of[0], of[1], of[2], of[3], ("le", le)];
                        all.add(name, &labels, 0.0, f64::from(bucket.min(10)) * 15.0);
                    }
                }
            }
        }
        all
    }

    fn add(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64, growth: f64) {
        let labels = Labels::new(labels.iter().copied().chain([(METRIC_NAME, name)]));
        let sample = |step: i64| Sample {
            at_ms: START_MS + step * STEP_MS,
            value: value + growth * step as f64,
        };
        let series = Series { labels, samples: (0..SAMPLES).map(sample).collect() };
        self.0.entry(name).or_default().push(series);
    }
}

impl Storage for Clusters {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let is_name =
            |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Eq;
        let name = matchers.iter().find(is_name).map(Matcher::value);
        for series in name.and_then(|name| self.0.get(name)).into_iter().flatten() {
            if !matchers.iter().all(|matcher| matcher.accepts(&series.labels)) {
                continue;
            }
            let from = series.samples.partition_point(|sample| sample.at_ms < want.from_ms);
            let to = series.samples.partition_point(|sample| sample.at_ms <= want.to_ms);
            let samples = series.samples[from..to].to_vec();
            if take(Series { labels: series.labels.clone(), samples }, 0).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[divan::bench(args = [1, 100, 1_000], sample_count = 10)]
fn all_groups_once(bencher: Bencher<'_, '_>, clusters: usize) {
    let storage = Clusters::new(clusters);
    let file = rules::parse("default.yaml", rules::DEFAULT).expect("good rules");
    let mut evaluator = Evaluator::new(file.groups, Labels::default(), "");
    let now = Timestamp::from_millisecond(START_MS + (SAMPLES - 1) * STEP_MS).expect("a moment");
    bencher.counter(ItemsCount::new(clusters)).bench_local(|| {
        for group in 0..evaluator.len() {
            let evaluation = evaluator.evaluate(group, &storage, now);
            assert!(evaluation.errors.is_empty(), "{:?}", evaluation.errors);
            divan::black_box(evaluation);
        }
    });
}
