//! Pictures of what is drawn, as golden files.

use std::f64::consts::TAU;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use model::series::{Labels, METRIC_NAME};
use promql::Units;

use super::*;

const STEP_SECONDS: i64 = 180;
const POINTS: i64 = 121;

fn frame() -> Frame {
    let to: Timestamp = "2026-11-24T02:32:02Z".parse().unwrap();
    let from = to - SignedDuration::from_secs(STEP_SECONDS * (POINTS - 1));
    Frame { from, to, step: Duration::from_mins(3) }
}

/// A series whose value at each point is `value`, where there is one.
fn curve(labels: &[(&str, &str)], value: impl Fn(f64) -> Option<f64>) -> Series {
    let from_ms = frame().from.as_millisecond();
    let sample = |point: i64| {
        let value = value(point as f64 / (POINTS - 1) as f64)?;
        Some(Sample { at_ms: from_ms + point * STEP_SECONDS * 1_000, value })
    };
    let samples = (0..POINTS).filter_map(sample).collect();
    Series { labels: Labels::new(labels.iter().copied()), samples }
}

fn view(expression: &str, width: usize) -> View {
    View {
        expression: expression.to_owned(),
        units: Units::new(expression),
        zone: TimeZone::UTC,
        width,
        height: Some(12),
        screen_height: None,
        is_colourful: false,
    }
}

fn drawn(series: &[Series], expression: &str, width: usize) -> String {
    let picture = render(series, frame(), &view(expression, width));
    for line in picture.lines() {
        assert!(line.chars().count() <= width, "{line:?} is wider than {width}");
    }
    picture
}

fn member(name: &str, value: impl Fn(f64) -> Option<f64>) -> Series {
    curve(&[("cluster", "demo"), ("member", name)], value)
}

const P99: &str = "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))";

fn fsyncs() -> [Series; 3] {
    [
        member("m1", |x| Some(0.004 + 0.002 * (x * TAU).sin())),
        // Down for a while.
        member("m2", |x| (!(0.3..=0.5).contains(&x)).then_some(0.003 + 0.006 * x)),
        member("m3", |x| Some(if (x - 0.8).abs() < 0.02 { 0.019 } else { 0.002 })),
    ]
}

#[test]
fn curves_in_a_narrow_terminal() {
    insta::assert_snapshot!(drawn(&fsyncs(), P99, 80));
}

#[test]
fn curves_in_a_wide_terminal() {
    insta::assert_snapshot!(drawn(&fsyncs(), P99, 200));
}

#[test]
fn constants_are_seen_beside_each_other() {
    let series = [
        member("m1", |_| Some(2_147_483_648.0)),
        member("m2", |_| Some(0.0)),
        member("m3", |_| Some(1_073_741_824.0)),
    ];
    insta::assert_snapshot!(drawn(&series, "etcd_server_quota_backend_bytes", 80));
}

#[test]
fn one_curve_needs_no_mark() {
    let labels = [(METRIC_NAME, "up"), ("instance", "127.0.0.1:2379"), ("job", "etcd")];
    let series = [curve(&labels, |x| Some(f64::from(x < 0.9)))];
    insta::assert_snapshot!(drawn(&series, "up", 60));
}

#[test]
fn what_is_no_number_is_a_gap() {
    let series = [
        member("inf", |x| Some(if x < 0.5 { x } else { f64::INFINITY })),
        member("nan", |_| Some(f64::NAN)),
        member("once", |x| (x == 0.5).then_some(0.25)),
    ];
    insta::assert_snapshot!(drawn(&series, "a / b", 60));
    let nothing = [member("nan", |_| Some(f64::NAN))];
    insta::assert_snapshot!("no_number_at_all", drawn(&nothing, "a / b", 60));
}

#[test]
fn too_many_series_are_counted() {
    let names: Vec<String> = (0..14).map(|index| format!("key-{index:02}")).collect();
    let series: Vec<Series> = (0..)
        .zip(&names)
        .map(|(index, name)| member(name, move |x| Some(f64::from((index * 5) % 14) + x)))
        .collect();
    insta::assert_snapshot!(drawn(&series, "sum by (member) (a)", 80));
}

#[test]
fn colours_tell_curves_and_legend_apart() {
    let series = [member("m1", Some), member("m2", |x| Some(1.0 - x))];
    let view = View { is_colourful: true, height: Some(3), ..view("a", 40) };
    let picture = render(&series, frame(), &view);
    insta::assert_snapshot!(picture.replace('\x1b', "^"));
}

#[test]
fn the_graph_leaves_room_for_the_rest_of_the_screen() {
    for (screen_height, fields) in [(Some(20), 9), (Some(10), 8), (Some(99), 24), (None, 16)] {
        let view = View { height: None, screen_height, ..view(P99, 80) };
        let picture = render(&fsyncs(), frame(), &view);
        let lines = picture.lines().filter(|line| line.contains(['│', '┤'])).count();
        assert_eq!(lines, fields, "{screen_height:?}");
        assert_eq!(picture.lines().count() + 1, fields + OTHER_LINES + 3 - 1, "{picture}");
    }
}

#[test]
fn nothing_is_drawn_of_nothing() {
    assert_eq!(render(&[], frame(), &view("a", 80)), "");
}

#[test]
fn no_answer_breaks_the_picture() {
    let values = [f64::MIN, -1.5, -0.0, 5e-324, 0.1, 1e15, f64::MAX, f64::INFINITY, f64::NAN];
    let whole = frame();
    let empty = Frame { to: whole.from, ..whole };
    let instants = Frame { step: Duration::ZERO, ..whole };
    let expressions = ["a", "a_bytes", "a_seconds", "a_start_time_seconds", "a_ratio"];
    for frame in [whole, empty, instants] {
        for (width, height) in [(40, 3), (1000, 200)] {
            for expression in expressions {
                for first in values {
                    // Most of it inside, and some of it outside of the frame.
                    let times = [i64::MIN, 0, whole.from.as_millisecond() + 1, i64::MAX];
                    let samples = times.into_iter().zip([first, 1.0, first, -3.0]);
                    let samples = samples.map(|(at_ms, value)| Sample { at_ms, value }).collect();
                    let one = Series { labels: Labels::default(), samples };
                    let others = member(&"m".repeat(300), |x| Some(x * first));
                    let view = View { height: Some(height), ..view(expression, width) };
                    let picture = render(&[one, others], frame, &view);
                    let widest = picture.lines().map(|line| line.chars().count()).max();
                    // The three points in time of a legend do not fit into 40 columns.
                    assert!(widest <= Some(width.max(100)), "{expression} {first}: {widest:?}");
                }
            }
        }
    }
}
