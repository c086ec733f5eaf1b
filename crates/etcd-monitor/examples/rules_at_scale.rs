//! Measures what the rules that come with the program cost a large fleet, over the real history.
//!
//! usage: rules_at_scale [CLUSTERS [ROUNDS [SCRAPES [ILL [beside-findings]]]]]
//!
//! Fills a store with SCRAPES of three members per cluster, 15 s apart (120: half an hour), then adds
//! a scrape of all and evaluates every rule, round by round. Of each hundred clusters ILL have members
//! without leader, without file descriptors and with a lag. `beside-findings` leaves out the rules that
//! say what findings tell. Prints the CPU time of a round and the memory that rounds take.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use jiff::Timestamp;
use model::series::{Labels, METRIC_NAME};
use rules::Evaluator;
use tempfile::TempDir;
use tsdb::{Options, SeriesId, Target, Tsdb};

const START_MS: i64 = 1_700_006_400_000 + 43_200_000;
const STEP_MS: i64 = 15_000;

/// What the rules ask for of each member, all well, with the growth of each step.
const OF_MEMBERS: &[(&str, f64, f64)] = &[
    ("up", 1.0, 0.0),
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
];

/// What members of ill clusters say instead.
const OF_ILL_MEMBERS: &[(&str, f64)] = &[
    ("process_open_fds", 65_000.0),
    ("etcd_server_has_leader", 0.0),
    ("etcd_server_proposals_committed_total", 1e7),
];

const OF_CLUSTERS: &[(&str, f64)] = &[
    ("etcd_monitor_up", 1.0),
    ("etcd_monitor_has_quorum", 1.0),
    ("etcd_monitor_quorum_margin", 1.0),
    ("etcd_monitor_members", 3.0),
    ("etcd_monitor_leader_changes_total", 1.0),
];

const METHODS: [&str; 12] = [
    "Range",
    "Put",
    "DeleteRange",
    "Txn",
    "Compact",
    "LeaseGrant",
    "LeaseRevoke",
    "MemberList",
    "Status",
    "Alarm",
    "HashKV",
    "Authenticate",
];

const CODES: [&str; 6] =
    ["OK", "Unavailable", "Unknown", "DeadlineExceeded", "Internal", "Canceled"];

/// A series of every member: its labels, first value and growth.
type Shape = (SeriesId, f64, f64);

fn shapes(store: &Tsdb) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |labels: &[(&str, &str)], value: f64, growth: f64| {
        shapes.push((store.series_id(&Labels::new(labels.iter().copied())), value, growth));
    };
    for (name, value, growth) in OF_MEMBERS {
        add(&[(METRIC_NAME, name)], *value, *growth);
    }
    add(&[(METRIC_NAME, "etcd_server_version"), ("server_version", "3.5.21")], 1.0, 0.0);
    for name in [
        "etcd_disk_wal_fsync_duration_seconds_bucket",
        "etcd_disk_backend_commit_duration_seconds_bucket",
    ] {
        for bucket in 0..15_u32 {
            let le = (0.001 * f64::from(1 << bucket)).to_string();
            let le = if bucket == 14 { "+Inf" } else { &le };
            add(&[(METRIC_NAME, name), ("le", le)], 0.0, f64::from(bucket.min(2)) * 75.0);
        }
    }
    for to in ["8211f1d0f64f3269", "91bc3c398fb3c146"] {
        for bucket in 0..16_u32 {
            let le = (0.0001 * f64::from(1 << bucket)).to_string();
            let le = if bucket == 15 { "+Inf" } else { &le };
            let name = "etcd_network_peer_round_trip_time_seconds_bucket";
            add(&[(METRIC_NAME, name), ("To", to), ("le", le)], 0.0, f64::from(bucket.min(4)));
        }
        add(&[(METRIC_NAME, "etcd_network_peer_sent_failures_total"), ("To", to)], 0.0, 0.0);
    }
    for (place, method) in METHODS.iter().enumerate() {
        for code in CODES.iter().take(if *method == "Range" { 6 } else { 1 }) {
            let labels = [
                (METRIC_NAME, "grpc_server_handled_total"),
                ("grpc_type", "unary"),
                ("grpc_service", "etcdserverpb.KV"),
                ("grpc_method", method),
                ("grpc_code", code),
            ];
            add(&labels, 0.0, if *code == "OK" { place as f64 * 3.0 } else { 0.0 });
        }
    }
    // What no rule asks for.
    for number in 0..100 {
        add(&[(METRIC_NAME, &format!("etcd_other_{number}_total"))], 0.0, f64::from(number));
        add(&[(METRIC_NAME, &format!("etcd_other_{number}_bytes"))], 5.0, 0.0);
        add(&[(METRIC_NAME, &format!("etcd_still_{number}_total"))], 0.0, 0.0);
    }
    shapes
}

/// A cluster: itself, and its members with the series that tell of each of them.
struct Fleet {
    store: Tsdb,
    shapes: Vec<Shape>,
    /// Of each hundred clusters.
    ill: usize,
    ill_values: Vec<(SeriesId, f64)>,
    members: Vec<Target>,
    clusters: Vec<(Target, Vec<(SeriesId, f64)>)>,
}

impl Fleet {
    fn new(store: Tsdb, clusters: usize, ill: usize) -> Self {
        let shapes = shapes(&store);
        let of_ill = |(name, value): &(&str, f64)| {
            (store.series_id(&Labels::new([(METRIC_NAME, *name)])), *value)
        };
        let ill_values = OF_ILL_MEMBERS.iter().map(of_ill).collect();
        let (members, clusters_of) = (Vec::new(), Vec::new());
        let mut fleet = Self { store, shapes, ill, ill_values, members, clusters: clusters_of };
        for cluster in 0..clusters {
            let cluster = format!("c{cluster}");
            let mut own: Vec<_> = OF_CLUSTERS
                .iter()
                .map(|(name, value)| {
                    (fleet.store.series_id(&Labels::new([(METRIC_NAME, *name)])), *value)
                })
                .collect();
            for member in ["m1", "m2", "m3"] {
                let instance = format!("{cluster}-{member}:2379");
                let labels = [("cluster", &*cluster), ("member", member), ("instance", &instance)];
                let target = Labels::new(labels.into_iter().chain([("job", "etcd")]));
                fleet.members.push(fleet.store.target(&target));
                let labels = [
                    (METRIC_NAME, "etcd_monitor_member_healthy"),
                    ("member", member),
                    ("instance", &instance),
                ];
                own.push((fleet.store.series_id(&Labels::new(labels)), 1.0));
            }
            let target = fleet.store.target(&Labels::new([("cluster", cluster.as_str())]));
            fleet.clusters.push((target, own));
        }
        fleet
    }

    /// Adds a scrape of all members, spread over the interval.
    fn scrape(&self, scrape: i64) {
        for (number, member) in self.members.iter().enumerate() {
            let value = |(id, value, growth): &Shape| (*id, value + growth * scrape as f64);
            let mut samples: Vec<_> = self.shapes.iter().map(value).collect();
            if number / 3 % 100 < self.ill {
                for (id, value) in &mut samples {
                    let ill = self.ill_values.iter().find(|(of_ill, _)| of_ill == id);
                    *value = ill.map_or(*value, |(_, ill)| *ill);
                }
            }
            self.append(member, START_MS + scrape * STEP_MS + number as i64 % STEP_MS, &samples);
        }
        for (target, samples) in &self.clusters {
            self.append(target, START_MS + scrape * STEP_MS, samples);
        }
    }

    fn append(&self, target: &Target, at_ms: i64, samples: &[(SeriesId, f64)]) {
        while target.append(at_ms, samples).is_err() {
            self.store.flush();
        }
    }
}

/// A line of the process' status in megabytes.
fn memory_mb(what: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse::<f64>().unwrap_or_default() / 1024.0
}

/// What this thread has worked so far.
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = status.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number =
        |default: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (clusters, rounds, scrapes, ill) = (number(1_000), number(5), number(120), number(0));
    let is_beside_findings = arguments.next().is_some_and(|word| word == "beside-findings");
    let directory = TempDir::new().expect("a directory");
    let store = Tsdb::open(directory.path(), Options::default()).expect("a store");
    let fleet = Fleet::new(store, clusters, ill);
    (0..scrapes as i64).for_each(|scrape| fleet.scrape(scrape));
    fleet.store.flush();
    let mut groups = rules::parse("default", rules::DEFAULT).expect("good rules").groups;
    if is_beside_findings {
        for group in &mut groups {
            group.rules.retain(|rule| !rule.labels.contains_key("finding"));
        }
    }
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    let mut evaluator = Evaluator::new(groups, Labels::default(), "");
    let all: Vec<usize> = (0..evaluator.len()).collect();
    let before_mb = memory_mb("VmRSS");
    let (mut spent, mut active) = (0.0, 0);
    for round in 0..rounds as i64 {
        let scrape = scrapes as i64 + round;
        fleet.scrape(scrape);
        fleet.store.flush();
        let now = Timestamp::from_millisecond(START_MS + (scrape + 1) * STEP_MS);
        let begun = cpu_seconds();
        let evaluations = evaluator.evaluate_all(&all, &fleet.store, now.expect("a moment"));
        spent += cpu_seconds() - begun;
        for evaluation in &evaluations {
            assert!(evaluation.errors.is_empty(), "{:?}", evaluation.errors);
        }
        // Two series of each: `ALERTS` and `ALERTS_FOR_STATE`.
        active = evaluations.iter().map(|one| one.samples.len()).sum::<usize>() / 2;
        if round == 0 {
            println!("after the first round: +{:.1} MB", memory_mb("VmRSS") - before_mb);
        }
    }
    let each = spent / rounds as f64;
    println!(
        "{rules} rules over {clusters} clusters of 3 members, {} series each, {scrapes} scrapes; {active} \
         alerts wait or fire",
        fleet.shapes.len()
    );
    println!("CPU of a round: {each:.3} s, {:.1} % of a core every 15 s", each / 15.0 * 100.0);
    println!(
        "memory: {before_mb:.1} MB before, +{:.1} MB after, +{:.1} MB at most",
        memory_mb("VmRSS") - before_mb,
        memory_mb("VmHWM") - before_mb
    );
}
