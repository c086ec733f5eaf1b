//! Pages as they must look, and mistakes that must be told.

use super::*;

fn example(format: Format) -> String {
    let mut page = Encoder::new(format);
    page.family("monitor_up", Kind::Gauge, "Whether it\nanswers, \"yes\" or \\no.")
        .sample(&[], 1.0)
        .sample_at(&[("member", "a\"b\\c\nd")], -0.5, 1_700_000_000_123);
    page.family("leader_changes_total", Kind::Counter, "Leaders elected.")
        .sample(&[("cluster", "")], 3.0);
    page.family("leader", Kind::Info, "").sample(&[("member", "infra1")], 1.0);
    page.family("probe_duration_seconds", Kind::Histogram, "Time to answer.")
        .unit("seconds")
        .histogram(&[("operation", "status")], &[(0.005, 1), (1.0, 2)], 3.25, 4);
    page.family("seen", Kind::Unknown, "").sample(&[], f64::NAN);
    page.finish().unwrap()
}

#[test]
fn a_text_page_names_families_as_their_samples() {
    assert_eq!(
        example(Format::Text),
        r#"# HELP monitor_up Whether it\nanswers, "yes" or \\no.
# TYPE monitor_up gauge
monitor_up 1
monitor_up{member="a\"b\\c\nd"} -0.5 1700000000123
# HELP leader_changes_total Leaders elected.
# TYPE leader_changes_total counter
leader_changes_total{cluster=""} 3
# TYPE leader_info gauge
leader_info{member="infra1"} 1
# HELP probe_duration_seconds Time to answer.
# TYPE probe_duration_seconds histogram
probe_duration_seconds_bucket{operation="status",le="0.005"} 1
probe_duration_seconds_bucket{operation="status",le="1"} 2
probe_duration_seconds_bucket{operation="status",le="+Inf"} 4
probe_duration_seconds_sum{operation="status"} 3.25
probe_duration_seconds_count{operation="status"} 4
# TYPE seen untyped
seen NaN
"#
    );
}

#[test]
fn an_openmetrics_page_has_units_seconds_and_an_end() {
    assert_eq!(
        example(Format::OpenMetrics),
        r#"# HELP monitor_up Whether it\nanswers, \"yes\" or \\no.
# TYPE monitor_up gauge
monitor_up 1
monitor_up{member="a\"b\\c\nd"} -0.5 1700000000.123
# HELP leader_changes Leaders elected.
# TYPE leader_changes counter
leader_changes_total{cluster=""} 3
# TYPE leader info
leader_info{member="infra1"} 1
# HELP probe_duration_seconds Time to answer.
# TYPE probe_duration_seconds histogram
# UNIT probe_duration_seconds seconds
probe_duration_seconds_bucket{operation="status",le="0.005"} 1
probe_duration_seconds_bucket{operation="status",le="1.0"} 2
probe_duration_seconds_bucket{operation="status",le="+Inf"} 4
probe_duration_seconds_sum{operation="status"} 3.25
probe_duration_seconds_count{operation="status"} 4
# TYPE seen unknown
seen NaN
# EOF
"#
    );
}

#[test]
fn every_mistake_is_told_when_the_page_ends() {
    let check = |write: fn(&mut Encoder), expected: &str| {
        let mut page = Encoder::new(Format::OpenMetrics);
        write(&mut page);
        assert_eq!(page.finish().unwrap_err().to_string(), expected);
    };
    check(
        |page| {
            page.family("2fast", Kind::Gauge, "");
        },
        "not a metric name: \"2fast\"; expected letters, digits, `_` and `:`, no digit first",
    );
    check(
        |page| {
            page.family("a_total", Kind::Counter, "");
            page.family("a", Kind::Gauge, "");
        },
        "metric a is written twice; put all of its samples into one family",
    );
    check(
        |page| {
            page.family("a", Kind::Gauge, "").sample(&[("b:c", "")], 1.0);
        },
        "metric a cannot have a label \"b:c\"; expected letters, digits and `_`, no digit first, not `le` on a histogram",
    );
    check(
        |page| {
            page.family("a", Kind::Gauge, "").sample(&[("b", "1"), ("b", "2")], 1.0);
        },
        "metric a has the label b twice in one series",
    );
    check(
        |page| {
            page.family("a", Kind::Counter, "").sample(&[], -1.0);
        },
        "metric a is of type counter and cannot have the value -1",
    );
    check(
        |page| {
            page.family("a", Kind::Counter, "").sample(&[], f64::NAN);
        },
        "metric a is of type counter and cannot have the value NaN",
    );
    check(
        |page| {
            page.family("a", Kind::Info, "").sample(&[], 2.0);
        },
        "metric a is of type info and cannot have the value 2",
    );
    check(
        |page| {
            page.family("a", Kind::Histogram, "").histogram(&[], &[(1.0, 2)], 0.0, 1);
        },
        "metric a has buckets out of order; expected ascending bounds and counts, none above the total",
    );
    check(
        |page| {
            page.family("a", Kind::Histogram, "").sample(&[], 1.0);
        },
        "metric a is of type histogram, which this call does not write",
    );
    check(
        |page| {
            page.family("a_bytes", Kind::Gauge, "").unit("seconds");
        },
        "metric a_bytes cannot have the unit \"seconds\"; expected a name that ends with it",
    );
}

#[test]
fn the_first_mistake_is_the_one_told() {
    let mut page = Encoder::new(Format::Text);
    page.family("a", Kind::Counter, "").sample(&[], -1.0).sample(&[("0", "")], 1.0);
    assert!(matches!(page.finish(), Err(EncodeError::Value { .. })));
}
