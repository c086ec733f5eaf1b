//! Speed of a scrape: from a page in the shape of an etcd member's (150 kB, 1,300 series) to figures.

use std::fmt::Write as _;
use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use monitor::metrics::page::Page;
use monitor::metrics::window::PageWindow;

fn main() {
    divan::main();
}

const CODES: [&str; 17] = [
    "Aborted",
    "AlreadyExists",
    "Canceled",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OK",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
];

/// 41 methods with 17 codes each, of which few are ever called; 2 peers; 25 histograms and 130
/// single values, some of which the figures need. Counters grow with `age`.
fn etcd_page(age: usize) -> String {
    let mut page = String::new();
    const TEXT: &str = "invariant: a string takes all text";
    let mut add = |series: &str, value: usize| writeln!(page, "{series} {value}").expect(TEXT);
    for code in CODES {
        for method in 0..41 {
            let calls = if method < 12 && (code == "OK" || method == 3) { 48_000 + age } else { 0 };
            let labels = format!(
                "grpc_code=\"{code}\",grpc_method=\"LeaseTimeToLive{method}\",\
                 grpc_service=\"etcdserverpb.Maintenance\",grpc_type=\"unary\""
            );
            add(&format!("grpc_server_handled_total{{{labels}}}"), calls);
        }
    }
    for family in ["started", "msg_received", "msg_sent"] {
        for method in 0..41 {
            let labels = format!(
                "grpc_method=\"LeaseTimeToLive{method}\",\
                 grpc_service=\"etcdserverpb.Maintenance\",grpc_type=\"unary\""
            );
            add(&format!("grpc_server_{family}_total{{{labels}}}"), 48_000 + age);
        }
    }
    let mut histogram = |name: &str, labels: &str| {
        for power in 0..14 {
            let le = 0.001 * f64::from(1 << power);
            add(&format!("{name}_bucket{{{labels}le=\"{le}\"}}"), 1000 * age + power);
        }
        add(&format!("{name}_bucket{{{labels}le=\"+Inf\"}}"), 1000 * age + 14);
        add(&format!("{name}_sum"), age);
        add(&format!("{name}_count"), 1000 * age + 14);
    };
    histogram("etcd_disk_wal_fsync_duration_seconds", "");
    histogram("etcd_disk_backend_commit_duration_seconds", "");
    for operation in ["Put", "Txn", "DeleteRange", "Compaction"] {
        let labels = format!("op=\"{operation}\",success=\"true\",version=\"v3\",");
        histogram("etcd_server_apply_duration_seconds", &labels);
    }
    for peer in ["8876210cd96651c6", "44d7d93e0ecd26f3"] {
        histogram("etcd_network_peer_round_trip_time_seconds", &format!("To=\"{peer}\","));
    }
    for other in 0..17 {
        histogram(&format!("etcd_debugging_mvcc_work_{other}_duration_seconds"), "");
    }
    for metric in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "etcd_mvcc_db_total_size_in_bytes",
        "etcd_mvcc_put_total",
        "etcd_network_client_grpc_sent_bytes_total",
        "etcd_server_proposals_committed_total",
        "etcd_server_proposals_applied_total",
    ] {
        add(metric, 1_000_000 + age);
    }
    for other in 0..120 {
        add(&format!("go_memstats_figure_{other}_bytes"), 1_464_100);
    }
    page
}

fn at(step: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + 15 * step)
}

fn read(body: &str, at: Timestamp) -> Page {
    Page::parse(body.as_bytes(), at).expect("invariant: the page is one of etcd")
}

fn window() -> PageWindow {
    let mut window = PageWindow::default();
    for step in 0..5 {
        window.push(Arc::new(read(&etcd_page(step + 1), at(step as i64))));
    }
    window
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let body = etcd_page(1);
    bencher.counter(BytesCount::of_str(&body)).bench(|| read(black_box(&body), at(0)));
}

#[divan::bench]
fn figures(bencher: Bencher<'_, '_>) {
    let window = window();
    bencher.bench(|| black_box(&window).figures());
}
