//! The way from pages to figures: rates, resets, quantiles, absent values, breakdowns.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::id::MemberId;
use proptest::prelude::*;

use super::catalogue::{CATALOGUE, FigureId};
use super::figures::Figures;
use super::page::{Page, PageError};
use super::source::Source;
use super::window::PageWindow;

const BEGIN: i64 = 1_700_000_000;

fn page(second: i64, body: &str) -> Page {
    let body = format!("etcd_server_id{{server_id=\"1\"}} 1\n{body}\n");
    Page::parse(body.as_bytes(), Timestamp::from_second(BEGIN + second).unwrap()).unwrap()
}

/// The figures of pages that are 15 s apart.
fn figures(bodies: &[&str]) -> Figures {
    let mut window = PageWindow::default();
    for (index, body) in bodies.iter().enumerate() {
        window.push(Arc::new(page(15 * index as i64, body)));
    }
    window.figures().unwrap()
}

#[test]
fn the_first_page_has_gauges_and_no_rates() {
    let first = figures(&["process_cpu_seconds_total 5\n\
         process_open_fds 22\n\
         process_start_time_seconds 1699999990.5\n\
         etcd_server_proposals_committed_total 50\n\
         etcd_server_proposals_applied_total 47"]);
    assert_eq!(first.window, Duration::ZERO);
    assert_eq!(first.get("open_file_descriptors"), Some(22.0));
    assert_eq!(first.get("apply_lag"), Some(3.0));
    assert_eq!(first.get("uptime_seconds"), Some(9.5));
    assert_eq!(first.iter().filter(|(_, value)| value.is_some()).count(), 3);
    assert_eq!(first.get("no_such_figure"), None);
}

#[test]
fn what_a_page_lacks_or_calls_not_a_number_is_absent() {
    let both = figures(&["etcd_mvcc_put_total 1", "process_open_fds NaN\netcd_mvcc_put_total NaN"]);
    assert_eq!(both.get("open_file_descriptors"), None);
    assert_eq!(both.get("puts_per_second"), None);
    assert_eq!(both.get("active_peers"), None);
    assert_eq!(both.get("requests_per_second"), None);
    assert_eq!(both.get("quota_used_ratio"), None);
}

#[test]
fn a_rate_is_the_increase_over_the_window() {
    let figures = figures(&["etcd_mvcc_put_total 100", "", "etcd_mvcc_put_total 160"]);
    assert_eq!(figures.window, Duration::from_secs(30));
    assert_eq!(figures.get("puts_per_second"), Some(2.0));
}

#[test]
fn a_counter_that_fell_counts_from_zero() {
    let bodies = ["etcd_mvcc_put_total 100", "etcd_mvcc_put_total 130", "etcd_mvcc_put_total 15"];
    assert_eq!(figures(&bodies).get("puts_per_second"), Some((30.0 + 15.0) / 30.0));
}

#[test]
fn a_restart_shows_in_the_start_time_even_if_the_counter_did_not_fall() {
    let body = |start: i64, puts: u32| {
        format!("process_start_time_seconds {start}\netcd_mvcc_put_total {puts}")
    };
    let rate = |old: &str, new: &str| figures(&[old, new]).get("puts_per_second");
    let old = body(BEGIN - 86_400, 30);
    assert_eq!(rate(&old, &body(BEGIN + 5, 60)), Some(4.0));
    // A clock that was set moves the start time too, but not past the page before.
    assert_eq!(rate(&old, &body(BEGIN - 86_000, 60)), Some(2.0));
}

#[test]
fn a_raft_index_does_not_count_from_zero_after_a_restart() {
    let body = |start: i64, index: i64| {
        format!("process_start_time_seconds {start}\netcd_server_proposals_applied_total {index}")
    };
    let bodies = [
        body(BEGIN - 900, 1000),
        body(BEGIN - 900, 1030),
        body(BEGIN + 20, 0),
        body(BEGIN + 20, 5000),
        body(BEGIN + 20, 5060),
    ];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    assert_eq!(figures(&bodies).get("proposals_applied_per_second"), Some((30.0 + 60.0) / 30.0));
    assert_eq!(figures(&bodies[..3]).get("proposals_applied_per_second"), Some(2.0));
    assert_eq!(figures(&bodies[1..4]).get("proposals_applied_per_second"), None);
}

#[test]
fn a_database_may_shrink() {
    let size = "etcd_mvcc_db_total_size_in_bytes";
    let figures = figures(&[&format!("{size} 3000"), &format!("{size} 1500")]);
    assert_eq!(figures.get("db_growth_bytes_per_second"), Some(-100.0));
}

/// A WAL fsync histogram with `fast` observations up to 1 ms and `slow` between 2 and 4 ms.
fn fsyncs(fast: u32, slow: u32) -> String {
    let name = "etcd_disk_wal_fsync_duration_seconds";
    let all = fast + slow;
    format!(
        "{name}_bucket{{le=\"0.001\"}} {fast}\n{name}_bucket{{le=\"0.002\"}} {fast}\n\
         {name}_bucket{{le=\"0.004\"}} {all}\n{name}_bucket{{le=\"+Inf\"}} {all}\n\
         {name}_sum 1\n{name}_count {all}"
    )
}

#[test]
fn quantiles_are_of_the_window_and_tell_how_many_observations_they_rest_on() {
    let recent = figures(&[&fsyncs(100_000, 0), &fsyncs(100_050, 50)]);
    assert_eq!(recent.get("wal_fsync_p50_seconds"), Some(0.001));
    let p95 = recent.get("wal_fsync_p95_seconds").unwrap();
    assert!((p95 - 0.0038).abs() < 1e-9, "{p95}");
    assert_eq!(recent.observations(FigureId::named("wal_fsync_p99_seconds").unwrap()), 100);
    assert_eq!(recent.observations(FigureId::named("wal_fsyncs_per_second").unwrap()), 0);
    assert_eq!(recent.get("wal_fsyncs_per_second"), Some(100.0 / 15.0));

    let idle = figures(&[&fsyncs(100, 0), &fsyncs(100, 0)]);
    assert_eq!(idle.get("wal_fsync_p99_seconds"), None);
    assert_eq!(idle.get("wal_fsyncs_per_second"), Some(0.0));

    let restarted = figures(&[&fsyncs(100, 100), &fsyncs(150, 10)]);
    assert_eq!(restarted.observations(FigureId::named("wal_fsync_p99_seconds").unwrap()), 160);
}

#[test]
fn what_happens_once_in_a_while_is_a_mean() {
    let name = "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds";
    let body = |sum, count| format!("{name}_sum {sum}\n{name}_count {count}");
    let compacted = figures(&[&body(1000, 10), &body(1150, 11)]);
    assert_eq!(compacted.get("compaction_mean_seconds"), Some(0.15));
    let quiet = figures(&[&body(1150, 11), &body(1150, 11)]);
    assert_eq!(quiet.get("compaction_mean_seconds"), None);
}

/// Calls as etcd counts them: all that ended also began.
fn calls(calls: &[(&str, &str, u32)]) -> String {
    let mut body = String::new();
    for (method, code, count) in calls {
        let (service, kind) = match *method {
            "Watch" => ("etcdserverpb.Watch", "bidi_stream"),
            _ => ("etcdserverpb.KV", "unary"),
        };
        let labels =
            format!("grpc_method=\"{method}\",grpc_service=\"{service}\",grpc_type=\"{kind}\"");
        writeln!(body, "grpc_server_started_total{{{labels}}} {count}").unwrap();
        writeln!(body, "grpc_server_handled_total{{grpc_code=\"{code}\",{labels}}} {count}")
            .unwrap();
    }
    body
}

#[test]
fn calls_are_told_by_method_and_by_code() {
    let before = calls(&[("Range", "OK", 1000), ("Watch", "Unavailable", 0), ("Put", "OK", 5)]);
    let after = calls(&[
        ("Range", "OK", 1060),
        ("Range", "NotFound", 15),
        // Began to exist in the window: counts from 0.
        ("Range", "Unavailable", 15),
        ("Watch", "Unavailable", 30),
        ("Put", "OK", 5),
    ]);
    let after = after + "grpc_server_started_total{grpc_type=\"bidi_stream\"} 7\n";
    let figures = figures(&[&before, &after]);
    assert_eq!(figures.get("requests_per_second"), Some(6.0));
    assert_eq!(figures.get("request_errors_per_second"), Some(1.0));
    assert_eq!(figures.get("error_ratio"), Some(1.0 / 6.0));
    assert_eq!(figures.get("requests_in_flight"), Some(0.0));
    assert_eq!(figures.get("client_streams"), Some(7.0));
    let requests: Vec<_> = figures
        .requests
        .iter()
        .map(|r| (r.service.as_str(), r.method.as_str(), r.per_second, r.errors_per_second))
        .collect();
    let kv = "etcdserverpb.KV";
    assert_eq!(requests, [(kv, "Range", 6.0, 1.0), ("etcdserverpb.Watch", "Watch", 2.0, 2.0)]);
    let codes: Vec<_> = figures.errors_by_code.iter().map(|c| (c.code, c.per_second)).collect();
    assert_eq!(codes, [("NotFound", 1.0), ("Unavailable", 3.0)]);
}

#[test]
fn without_calls_there_is_a_rate_of_zero_and_no_error_ratio() {
    let idle = figures(&[&calls(&[("Range", "OK", 0)]), &calls(&[("Range", "OK", 0)])]);
    assert_eq!(idle.get("requests_per_second"), Some(0.0));
    assert_eq!(idle.get("error_ratio"), None);
    assert!(idle.requests.is_empty());
}

#[test]
fn peers_are_told_one_by_one_and_their_sum_survives_a_removal() {
    let peer = |id: &str, sent: u32| {
        format!(
            "etcd_network_active_peers{{Local=\"1\",Remote=\"{id}\"}} {}\n\
             etcd_network_peer_sent_bytes_total{{To=\"{id}\"}} {sent}\n\
             etcd_network_peer_received_bytes_total{{From=\"0\"}} 640\n\
             etcd_network_peer_round_trip_time_seconds_bucket{{To=\"{id}\",le=\"0.1\"}} {sent}\n\
             etcd_network_peer_round_trip_time_seconds_bucket{{To=\"{id}\",le=\"+Inf\"}} {sent}\n",
            u8::from(id == "a98b388854245e5d")
        )
    };
    let both = [peer("a98b388854245e5d", 1000), peer("2", 9000)].concat();
    let more = [peer("a98b388854245e5d", 1150), peer("2", 9000)].concat();
    let three = figures(&[&both, &more]);
    assert_eq!(three.get("active_peers"), Some(1.0));
    assert_eq!(three.get("peer_sent_bytes_per_second"), Some(10.0));
    assert_eq!(three.get("peer_received_bytes_per_second"), Some(0.0));
    assert_eq!(three.get("peer_send_failures_per_second"), Some(0.0));
    assert_eq!(three.get("peer_round_trip_p50_seconds"), Some(0.05));
    let [idle, busy] = three.peers.as_slice() else { panic!("{:?}", three.peers) };
    assert_eq!((idle.remote, idle.is_active), (MemberId(2), Some(false)));
    assert_eq!((idle.sent_bytes_per_second, idle.round_trip_p50_seconds), (Some(0.0), None));
    assert_eq!((busy.remote, busy.is_active), (MemberId(0xa98b_3888_5424_5e5d), Some(true)));
    assert_eq!(
        (busy.sent_bytes_per_second, busy.round_trip_p99_seconds),
        (Some(10.0), Some(0.099))
    );

    let one_left = figures(&[&both, &peer("a98b388854245e5d", 1150)]);
    assert_eq!(one_left.get("peer_sent_bytes_per_second"), Some(10.0));
}

#[test]
fn a_page_that_is_not_etcds_is_refused() {
    let parse = |body: &str| Page::parse(body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(matches!(parse("<html><body>Not found</body></html>"), PageError::Format(_)));
    assert!(matches!(parse("node_load1 0.5\n"), PageError::NotEtcd));
    assert!(matches!(parse(""), PageError::NotEtcd));
    let peers = |n: u32| format!("etcd_network_peer_sent_bytes_total{{To=\"{n:x}\"}} 1\n");
    let crowd: Vec<String> = (1..=65).map(peers).collect();
    let error = parse(&crowd.concat()).to_string();
    assert_eq!(error, "more than 64 peers on the page; an etcd member shows fewer");
    let bucket = |n| format!("etcd_disk_wal_fsync_duration_seconds_bucket{{le=\"{n}\"}} 1\n");
    let buckets: Vec<String> = (0..65).map(bucket).collect();
    assert!(matches!(parse(&buckets.concat()), PageError::TooMany { .. }));
    let method = |n| format!("grpc_server_handled_total{{grpc_method=\"M{n}\"}} 1\n");
    let methods: Vec<String> = (0..513).map(method).collect();
    assert!(matches!(parse(&methods.concat()), PageError::TooMany { .. }));
}

/// A page with every series that the catalogue needs, in the size of a member of three; counters
/// grow with `age`.
fn full_page(age: usize) -> String {
    let mut body = String::new();
    let mut add = |series: &str, value: usize| writeln!(body, "{series} {}", value * age).unwrap();
    for (index, spec) in CATALOGUE.iter().enumerate() {
        match spec.source {
            Source::Gauge(metric)
            | Source::Age(metric)
            | Source::Rate(metric)
            | Source::IndexRate(metric)
            | Source::Slope(metric) => add(metric, index),
            Source::Difference { of, less: other } | Source::Quotient { of, by: other } => {
                add(of, index + 1);
                add(other, index);
            }
            Source::Mean { histogram, .. } => {
                add(&format!("{histogram}_sum"), index);
                add(&format!("{histogram}_count"), 3);
            }
            Source::Quantile { histogram, .. } => {
                for power in 0..15 {
                    add(&format!("{histogram}_bucket{{le=\"{}\"}}", 1 << power), power);
                }
                add(&format!("{histogram}_bucket{{le=\"+Inf\"}}"), 15);
            }
            _ => {}
        }
    }
    for peer in ["8876210cd96651c6", "44d7d93e0ecd26f3"] {
        add(&format!("etcd_network_active_peers{{Remote=\"{peer}\"}}"), 1);
        for (power, le) in (0..16).map(|power| (power, (1 << power).to_string())) {
            let le = if power == 15 { "+Inf" } else { &le };
            let round_trip = "etcd_network_peer_round_trip_time_seconds_bucket";
            add(&format!("{round_trip}{{To=\"{peer}\",le=\"{le}\"}}"), power);
        }
    }
    let methods = ["Range", "Put", "Txn", "Compact", "DeleteRange", "Watch"];
    body + &calls(&methods.map(|method| (method, "OK", 7 * age as u32)))
}

/// What stands before the values of a full page.
fn all_series() -> Vec<String> {
    full_page(1).lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn a_page_takes_less_than_4_kilobytes() {
    let page = page(0, &full_page(1));
    assert!(page.size_in_memory() < 4096, "{}", page.size_in_memory());
}

#[test]
fn two_full_pages_give_every_figure() {
    let figures = figures(&[&full_page(1), &full_page(2)]);
    let absent = figures.iter().filter(|(_, value)| value.is_none());
    assert_eq!(absent.map(|(spec, _)| spec.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn names_are_unique_and_end_with_their_unit() {
    for (index, spec) in CATALOGUE.iter().enumerate() {
        assert_eq!(
            FigureId::named(spec.name).unwrap().index(),
            index,
            "{} is there twice",
            spec.name
        );
        assert!(spec.name.ends_with(spec.unit.suffix()), "{}", spec.name);
        assert!(spec.help.ends_with('.'), "{}", spec.help);
    }
}

#[test]
fn a_figure_is_known_without_its_unit_where_that_is_clear() {
    let called = |name| FigureId::called(name).map(|id| id.spec().name);
    for (name, figure) in [
        ("db_size", Some("db_size_bytes")),
        ("db_size_bytes", Some("db_size_bytes")),
        ("wal_fsync_p99", Some("wal_fsync_p99_seconds")),
        ("puts", Some("puts_per_second")),
        ("keys", Some("keys")),
        ("db", None),
        ("", None),
    ] {
        assert_eq!(called(name), figure, "{name}");
    }
}

proptest! {
    #[test]
    fn no_page_brings_the_engine_down(
        lines in prop::collection::vec(
            (
                prop::sample::select(all_series()),
                prop_oneof![any::<f64>(), 0.0..100.0, Just(f64::INFINITY), Just(f64::NAN)],
                0..4_i64,
            ),
            0..200,
        ),
    ) {
        let mut window = PageWindow::default();
        for at in 0..4 {
            let shown = lines.iter().filter(|(_, _, page)| *page <= at);
            let body: Vec<String> =
                shown.map(|(series, value, _)| format!("{series} {value}
")).collect();
            window.push(Arc::new(page(at * 20, &body.concat())));
            let figures = window.figures().unwrap();
            prop_assert!(figures.iter().all(|(_, value)| value.is_none_or(f64::is_finite)));
        }
    }
}
