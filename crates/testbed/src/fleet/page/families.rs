//! The metric families of an etcd 3.6 member, and how each value moves.

use std::fmt::Write as _;

use super::super::answer::{QUOTA_BYTES, VERSION};
use super::tables::{CODES, COUNTERS, GAUGES, HISTOGRAMS, METHODS};
use super::{Slot, write_value};

/// One family: its lines, with places for the values that move.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) slots: Vec<(usize, Slot)>,
}

/// Where the value of a series comes from.
#[derive(Clone, Copy)]
enum Value {
    Fixed(f64),
    Moving(Slot),
}

/// Every family of a member with this many peers, in no order.
pub(super) fn all(peers: usize) -> Vec<Family> {
    let mut families = Vec::new();
    families.extend(COUNTERS.map(|(name, per_second)| {
        let mut family = Family::new(name, "counter");
        family.plain(count(per_second));
        family
    }));
    families.extend(GAUGES.map(|(name, middle, swing)| {
        let mut family = Family::new(name, "gauge");
        let moving = Value::Moving(Slot::Level { middle, swing });
        family.plain(if swing == 0.0 { Value::Fixed(middle) } else { moving });
        family
    }));
    families.extend(HISTOGRAMS.map(|(name, first, bounds, per_second, median)| {
        let mut family = Family::new(name, "histogram");
        family.histogram(&[], first, bounds, per_second, median);
        family
    }));
    families.extend(state());
    families.extend(facts());
    families.extend(network(peers));
    families.extend(grpc());
    families.extend(requests());
    families
}

/// What follows from the state of the cluster.
fn state() -> impl Iterator<Item = Family> {
    [
        ("etcd_server_has_leader", "gauge", Slot::HasLeader),
        ("etcd_server_is_leader", "gauge", Slot::IsLeader),
        ("etcd_server_leader_changes_seen_total", "counter", Slot::Elections),
        ("etcd_server_proposals_applied_total", "gauge", Slot::RaftIndex),
        ("etcd_server_proposals_committed_total", "gauge", Slot::RaftIndex),
        ("etcd_debugging_mvcc_current_revision", "gauge", Slot::Revision),
        ("etcd_mvcc_db_total_size_in_bytes", "gauge", Slot::DbBytes),
        ("etcd_mvcc_db_total_size_in_use_in_bytes", "gauge", Slot::DbInUseBytes),
        ("process_start_time_seconds", "gauge", Slot::StartTime),
        ("process_cpu_seconds_total", "counter", Slot::Sum { per_second: 0.031 }),
    ]
    .into_iter()
    .map(|(name, kind, slot)| {
        let mut family = Family::new(name, kind);
        family.plain(Value::Moving(slot));
        family
    })
}

/// What stays the same for the life of a member.
fn facts() -> Vec<Family> {
    let fixed = |name, labels: &[(&str, Label<'_>)], value| {
        let mut family = Family::new(name, "gauge");
        family.series("", labels, Value::Fixed(value));
        family
    };
    let mut features = Family::new("etcd_server_feature_enabled", "gauge");
    for (name, stage, enabled) in [
        ("AllAlpha", "ALPHA", 0.0),
        ("AllBeta", "BETA", 0.0),
        ("CompactHashCheck", "ALPHA", 0.0),
        ("InitialCorruptCheck", "ALPHA", 0.0),
        ("LeaseCheckpoint", "ALPHA", 0.0),
        ("LeaseCheckpointPersist", "ALPHA", 0.0),
        ("SetMemberLocalAddr", "ALPHA", 0.0),
        ("StopGRPCServiceOnDefrag", "ALPHA", 0.0),
        ("TxnModeWriteWithSharedBuffer", "BETA", 1.0),
    ] {
        let labels = [("name", Label::Text(name)), ("stage", Label::Text(stage))];
        features.series("", &labels, Value::Fixed(enabled));
    }
    vec![
        features,
        fixed("etcd_cluster_version", &[("cluster_version", Label::Text("3.6"))], 1.0),
        fixed("etcd_server_version", &[("server_version", Label::Text(VERSION))], 1.0),
        fixed("etcd_server_go_version", &[("server_go_version", Label::Text("go1.26.8"))], 1.0),
        fixed("go_info", &[("version", Label::Text("go1.26.8"))], 1.0),
        fixed("etcd_server_id", &[("server_id", Label::Id(Slot::OwnId))], 1.0),
        fixed("etcd_server_quota_backend_bytes", &[], QUOTA_BYTES as f64),
        fixed("process_virtual_memory_bytes", &[], 1.205_523_251_2e10),
        fixed("process_virtual_memory_max_bytes", &[], 1.844_674_407_370_955_2e19),
        fixed("promhttp_metric_handler_requests_in_flight", &[], 1.0),
    ]
}

/// What passes between the members.
fn network(peers: usize) -> Vec<Family> {
    let mut active = Family::new("etcd_network_active_peers", "gauge");
    let mut known = Family::new("etcd_network_known_peers", "gauge");
    let mut received = Family::new("etcd_network_peer_received_bytes_total", "counter");
    let mut sent = Family::new("etcd_network_peer_sent_bytes_total", "counter");
    let mut round_trip = Family::new("etcd_network_peer_round_trip_time_seconds", "histogram");
    let local = ("Local", Label::Id(Slot::OwnId));
    known.series("", &[local, ("Remote", Label::Id(Slot::OwnId))], Value::Fixed(1.0));
    received.series("", &[("From", Label::Text("0"))], Value::Fixed(80.0));
    for position in 0..peers {
        let peer = Label::Id(Slot::PeerId(position));
        active.series("", &[local, ("Remote", peer)], Value::Fixed(1.0));
        known.series("", &[local, ("Remote", peer)], Value::Fixed(1.0));
        received.series("", &[("From", peer)], count(5_200.0));
        sent.series("", &[("To", peer)], count(6_100.0));
        round_trip.histogram(&[("To", peer)], 0.000_1, 16, 0.07, 0.000_9);
    }
    vec![active, known, received, sent, round_trip]
}

/// Two thirds of every real page: a counter for each method, and one for each of its outcomes.
fn grpc() -> Vec<Family> {
    let mut handled = Family::new("grpc_server_handled_total", "counter");
    for code in CODES {
        for_each_method(|labels, per_second| {
            let mut labels = labels.to_vec();
            labels.insert(0, ("grpc_code", Label::Text(code)));
            handled.series("", &labels, count(if code == "OK" { per_second } else { 0.0 }));
        });
    }
    let mut families = vec![handled];
    for name in [
        "grpc_server_started_total",
        "grpc_server_msg_received_total",
        "grpc_server_msg_sent_total",
    ] {
        let mut family = Family::new(name, "counter");
        for_each_method(|labels, per_second| family.series("", labels, count(per_second)));
        families.push(family);
    }
    families
}

fn for_each_method(mut series: impl FnMut(&[(&str, Label<'_>)], f64)) {
    for (service, method, per_second) in METHODS {
        let kind = match (service, method) {
            (_, "LeaseKeepAlive") | ("etcdserverpb.Watch", _) => "bidi_stream",
            (_, "Snapshot" | "Watch") => "server_stream",
            _ => "unary",
        };
        let labels = [
            ("grpc_method", Label::Text(method)),
            ("grpc_service", Label::Text(service)),
            ("grpc_type", Label::Text(kind)),
        ];
        series(&labels, per_second);
    }
}

/// What clients ask for and how long it takes.
fn requests() -> Vec<Family> {
    let mut apply = Family::new("etcd_server_apply_duration_seconds", "histogram");
    for (operation, per_second) in [("Put", 2.0), ("Txn", 16.0), ("DeleteRange", 0.6)] {
        let labels = [
            ("op", Label::Text(operation)),
            ("success", Label::Text("true")),
            ("version", Label::Text("v3")),
        ];
        apply.histogram(&labels, 0.000_1, 20, per_second, 0.000_2);
    }
    let mut range = Family::new("etcd_server_range_duration_seconds", "histogram");
    range.histogram(&[("success", Label::Text("true"))], 0.000_1, 20, 120.0, 0.000_15);
    let mut clients = Family::new("etcd_server_client_requests_total", "counter");
    for (kind, per_second) in [("stream", 0.7), ("unary", 140.0)] {
        let labels = [("client_api_version", Label::Text("3.6")), ("type", Label::Text(kind))];
        clients.series("", &labels, count(per_second));
    }
    let mut store = Family::new("etcd_debugging_store_writes_total", "counter");
    store.series("", &[("action", Label::Text("create"))], Value::Fixed(3.0));
    store.series("", &[("action", Label::Text("set"))], Value::Fixed(7.0));
    let mut reads = Family::new("etcd_debugging_store_reads_total", "counter");
    reads.series("", &[("action", Label::Text("getRecursive"))], Value::Fixed(1.0));
    let mut scrapes = Family::new("promhttp_metric_handler_requests_total", "counter");
    for (code, per_second) in [("200", 0.066), ("500", 0.0), ("503", 0.0)] {
        scrapes.series("", &[("code", Label::Text(code))], count(per_second));
    }
    let mut pauses = Family::new("go_gc_duration_seconds", "summary");
    for (quantile, seconds) in
        [("0", 3.1e-5), ("0.25", 6.2e-5), ("0.5", 9.1e-5), ("0.75", 1.4e-4), ("1", 2.9e-3)]
    {
        pauses.series("", &[("quantile", Label::Text(quantile))], Value::Fixed(seconds));
    }
    pauses.series("_sum", &[], Value::Moving(Slot::Sum { per_second: 4.0e-6 }));
    pauses.series("_count", &[], count(0.04));
    vec![apply, range, clients, store, reads, scrapes, pauses]
}

fn count(per_second: f64) -> Value {
    if per_second == 0.0 { Value::Fixed(0.0) } else { Value::Moving(Slot::Count { per_second }) }
}

/// The value of a label.
#[derive(Clone, Copy)]
enum Label<'a> {
    Text(&'a str),
    /// The ID of a member.
    Id(Slot),
}

impl Family {
    fn new(name: &'static str, kind: &str) -> Self {
        // etcd's help texts have about this length.
        let text = format!(
            "# HELP {name} Simulated, of the type and with the labels of etcd 3.6.\n\
             # TYPE {name} {kind}\n"
        );
        Self { name, text, slots: Vec::new() }
    }

    fn plain(&mut self, value: Value) {
        self.series("", &[], value);
    }

    fn series(&mut self, suffix: &str, labels: &[(&str, Label<'_>)], value: Value) {
        self.text.extend([self.name, suffix]);
        for (position, (name, label)) in labels.iter().enumerate() {
            self.text.extend([if position == 0 { "{" } else { "," }, name, "=\""]);
            match label {
                Label::Text(text) => self.text.push_str(text),
                Label::Id(slot) => self.slots.push((self.text.len(), *slot)),
            }
            self.text.push('"');
        }
        self.text.push_str(if labels.is_empty() { " " } else { "} " });
        match value {
            Value::Fixed(value) => write_value(&mut self.text, value),
            Value::Moving(slot) => self.slots.push((self.text.len(), slot)),
        }
        self.text.push('\n');
    }

    fn histogram(
        &mut self,
        labels: &[(&str, Label<'_>)],
        first: f64,
        bounds: i32,
        per_second: f64,
        median: f64,
    ) {
        let mut spelled = String::new();
        for power in 0..bounds {
            let bound = first * 2_f64.powi(power);
            spelled.clear();
            // Rounded, since 0.0001 doubled often enough would show the error of binary fractions.
            write!(spelled, "{bound:.4}").expect("invariant: a string takes all text");
            let rounded = spelled.parse().expect("invariant: a number was written");
            spelled.clear();
            write_value(&mut spelled, rounded);
            let moving = Value::Moving(Slot::Bucket { per_second, median, bound });
            let value = if per_second == 0.0 { Value::Fixed(0.0) } else { moving };
            self.series("_bucket", &with_bound(labels, &spelled), value);
        }
        self.series("_bucket", &with_bound(labels, "+Inf"), count(per_second));
        let sum = Value::Moving(Slot::Sum { per_second: per_second * median * 1.2 });
        self.series("_sum", labels, if per_second == 0.0 { Value::Fixed(0.0) } else { sum });
        self.series("_count", labels, count(per_second));
    }
}

fn with_bound<'a>(labels: &[(&'a str, Label<'a>)], bound: &'a str) -> Vec<(&'a str, Label<'a>)> {
    let mut labels = labels.to_vec();
    labels.push(("le", Label::Text(bound)));
    labels
}
