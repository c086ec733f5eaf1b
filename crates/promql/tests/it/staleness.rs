//! Stale markers, which files of samples cannot carry to a Prometheus.

use model::series::{Labels, STALE_NAN, Sample};
use promql::{Cancel, Engine, Query, Series, Value};

use crate::memory::Memory;

fn memory() -> Memory {
    let values = [1.0, 2.0, STALE_NAN, 4.0];
    let sample = |(index, value)| Sample { at_ms: index as i64 * 60_000, value };
    let samples = values.into_iter().enumerate().map(sample).collect();
    Memory(vec![Series { labels: Labels::new([("__name__", "m")]), samples }])
}

fn value_at(text: &str, at_ms: i64) -> Option<f64> {
    let query = Query::parse(text).expect("a valid query");
    match Engine::default().instant(&memory(), &query, at_ms, &Cancel::default()) {
        Ok(Value::Vector(rows)) => rows.first().map(|(_, sample)| sample.value),
        other => panic!("no vector: {other:?}"),
    }
}

#[test]
fn a_stale_marker_ends_the_series_at_once() {
    assert_eq!(value_at("m", 119_999), Some(2.0));
    assert_eq!(value_at("m", 120_000), None);
    assert_eq!(value_at("m", 180_000), Some(4.0));
}

#[test]
fn windows_leave_stale_markers_out() {
    assert_eq!(value_at("count_over_time(m[5m])", 180_000), Some(3.0));
    assert_eq!(value_at("sum_over_time(m[5m])", 180_000), Some(7.0));
    assert_eq!(value_at("last_over_time(m[5m])", 170_000), Some(2.0));
}

#[test]
fn the_lookback_is_five_minutes_with_both_ends() {
    assert_eq!(value_at("m", 480_000), Some(4.0));
    assert_eq!(value_at("m", 480_001), None);
}

#[test]
fn the_lookback_is_as_long_at_steps_that_are_farther_apart() {
    let query = Query::parse("m").expect("a valid query");
    let engine = Engine::default();
    for (start_ms, expected) in [(-120_000, &[480_000][..]), (-119_999, &[])] {
        let (end_ms, step_ms) = (start_ms + 1_200_000, 600_000);
        let value = engine.range(&memory(), &query, start_ms, end_ms, step_ms, &Cancel::default());
        let Ok(Value::Matrix(series)) = value else { panic!("no matrix: {value:?}") };
        let found: Vec<i64> =
            series.iter().flat_map(|one| &one.samples).map(|sample| sample.at_ms).collect();
        assert_eq!(found, expected);
    }
}
