//! Two hours of made-up series with everything that makes queries hard, the same in every run.

use model::series::{Labels, Sample};
use promql::Series;

/// Where the data begin, a whole two-hour block; seconds since 1970.
pub(crate) const START: i64 = 1_699_999_200;
const STEPS: i64 = 480;
const STEP_MS: i64 = 15_000;

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

pub(crate) fn series() -> Vec<Series> {
    let mut all = Vec::new();
    let mut random = Random(42);
    for instance in 0..3_u64 {
        members(&mut all, &mut random, instance);
    }
    odd(&mut all, &mut random);
    all
}

fn members(all: &mut Vec<Series>, random: &mut Random, instance: u64) {
    let labels = |name: &str, more: &[(&str, &str)]| {
        let fixed = [
            ("__name__".to_owned(), name.to_owned()),
            ("job".to_owned(), "etcd".to_owned()),
            ("instance".to_owned(), format!("m{instance}:2379")),
        ];
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Labels::new(fixed.into_iter().chain(more))
    };
    let gauges = [
        ("up", 1, 2),
        ("etcd_server_has_leader", 1, 2),
        ("etcd_mvcc_db_total_size_in_bytes", 200_000_000, 9_000_000),
        ("etcd_mvcc_db_total_size_in_use_in_bytes", 90_000_000, 80_000_000),
        ("etcd_server_quota_backend_bytes", 208_000_000, 1),
        ("process_resident_memory_bytes", 60_000_000, 5_000_000),
        ("etcd_server_proposals_pending", 0, 5),
    ];
    for (name, base, spread) in gauges {
        let value = |random: &mut Random, _| (base + random.next(spread)) as f64;
        push(all, random, labels(name, &[]), value);
    }
    let mut counter = |all: &mut Vec<Series>, name: &str, more: &[(&str, &str)], spread: u64| {
        let mut total = random.next(1000) as f64;
        let reset_at = 100 + random.next(300) as i64;
        push(all, random, labels(name, more), |random, step| {
            total = if step == reset_at { 0.0 } else { total + random.next(spread) as f64 };
            total
        });
    };
    for name in [
        "etcd_server_leader_changes_seen_total",
        "etcd_server_proposals_failed_total",
        "etcd_server_proposals_committed_total",
        "etcd_server_proposals_applied_total",
        "etcd_network_client_grpc_received_bytes_total",
        "etcd_network_client_grpc_sent_bytes_total",
        "etcd_network_peer_received_bytes_total",
        "etcd_network_peer_sent_bytes_total",
    ] {
        counter(all, name, &[], if name.contains("bytes") { 100_000 } else { 30 });
    }
    for code in ["OK", "Unavailable", "Internal"] {
        for (service, kind) in [
            ("etcdserverpb.KV", "unary"),
            ("etcdserverpb.Watch", "bidi_stream"),
            ("etcdserverpb.Lease", "bidi_stream"),
        ] {
            let labels = [("grpc_code", code), ("grpc_service", service), ("grpc_type", kind)];
            counter(all, "grpc_server_handled_total", &labels, 9);
            if code == "OK" {
                counter(all, "grpc_server_started_total", &labels[1..], 30);
            }
        }
    }
    for to in ["a1", "b2"] {
        counter(all, "etcd_network_peer_sent_failures_total", &[("To", to)], 3);
    }
    for (name, more) in [
        ("etcd_disk_wal_fsync_duration_seconds_bucket", vec![]),
        ("etcd_disk_backend_commit_duration_seconds_bucket", vec![]),
        ("etcd_network_peer_round_trip_time_seconds_bucket", vec![("To", "a1")]),
        (
            "grpc_server_handling_seconds_bucket",
            vec![("grpc_type", "unary"), ("grpc_method", "Range")],
        ),
    ] {
        let mut below = vec![0.0; STEPS as usize];
        for bound in ["0.001", "0.002", "0.1", "0.5", "1", "+Inf"] {
            let mut total = 0.0;
            let mut labels_of = more.clone();
            labels_of.push(("le", bound));
            push(all, random, labels(name, &labels_of), |random, step| {
                total += random.next(20) as f64;
                below[step as usize] += total;
                below[step as usize]
            });
        }
    }
}

fn odd(all: &mut Vec<Series>, random: &mut Random) {
    let labels = |name: &str, kind: &str| Labels::new([("__name__", name), ("kind", kind)]);
    let specials = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.5, 2.5, 1e300, 3.0];
    for kind in ["a", "b", "c"] {
        let value = |random: &mut Random, _| specials[random.next(9) as usize];
        push(all, random, labels("odd", kind), value);
    }
    for (kind, scale) in [("sine", 10.0), ("wave", -3.0), ("slow", 0.1)] {
        push(all, random, labels("gauge", kind), |_, step| {
            (step as f64 / 20.0).sin() * scale + step as f64 / 100.0
        });
    }
    for kind in ["a", "b"] {
        push(all, random, labels("equal", kind), |_, step| (step / 40) as f64);
        push(all, random, labels("other", kind), |_, step| (step % 7) as f64);
        push(all, random, labels("tiny_total", kind), |_, step| 1e15 + step as f64 * 0.5);
        push(all, random, labels("unixtime", kind), |random, step| {
            (random.next(4_000_000_000) as i64 - step) as f64
        });
    }
    for (kind, every) in [("minute", 4), ("five", 20), ("ten", 40)] {
        let start = all.len();
        push(all, random, labels("sparse_total", kind), |_, step| ((step * 3) % 500) as f64);
        let mut index = 0;
        all[start].samples.retain(|_| {
            index += 1;
            index % every == 0
        });
    }
    let at = |step: i64| START * 1000 + step * STEP_MS;
    let single = vec![Sample { at_ms: at(239), value: 7.0 }];
    all.push(Series { labels: labels("single", "one"), samples: single });
    let gap = (0..STEPS).filter(|step| !(150..260).contains(step));
    let gap = gap.map(|step| Sample { at_ms: at(step), value: step as f64 }).collect();
    all.push(Series { labels: labels("gap_total", "one"), samples: gap });
    for (count, bound) in [(5.0, "0.1"), (4.0, "1"), (9.0, "5")] {
        let labels = Labels::new([("__name__", "open_bucket"), ("le", bound)]);
        push(all, random, labels, |_, _| count);
    }
    for (count, bound) in [(3.0, "-1"), (5.0, "2"), (4.0, "4"), (9.0, "+Inf"), (1.0, "none")] {
        let labels = Labels::new([("__name__", "broken_bucket"), ("le", bound), ("x", "y")]);
        push(all, random, labels, |_, step| count + (step % 3) as f64);
    }
}

fn push(
    all: &mut Vec<Series>,
    random: &mut Random,
    labels: Labels,
    mut value: impl FnMut(&mut Random, i64) -> f64,
) {
    let phase = random.next(5000) as i64;
    let sample =
        |step| Sample { at_ms: START * 1000 + step * STEP_MS + phase, value: value(random, step) };
    let samples = (0..STEPS).map(sample).collect();
    all.push(Series { labels, samples });
}
