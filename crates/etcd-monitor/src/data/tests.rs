//! What the commands write.

use std::collections::BTreeMap;

use expfmt::Kind;
use model::series::{Labels, STALE_NAN};
use tsdb::{Metric, Options, Tsdb};

use super::*;

const START: i64 = 1_700_006_400_000;

/// A counter, a gauge, a histogram and what nobody described.
fn history() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = Tsdb::open(directory.path(), Options::default()).unwrap();
    store.describe("calls_total", Kind::Counter, "Calls \"made\",\nall of them.");
    store.describe("size_bytes", Kind::Gauge, "");
    store.describe("took_seconds", Kind::Histogram, "How long.");
    store.describe("old_counter", Kind::Counter, "Without its suffix.");
    let series = [
        &[("__name__", "calls_total"), ("path", "a\\b\"c\n")][..],
        &[("__name__", "size_bytes")],
        &[("__name__", "took_seconds_bucket"), ("le", "+Inf")],
        &[("__name__", "took_seconds_count")],
        &[("__name__", "old_counter")],
        &[("__name__", "what")],
    ];
    let ids = series.map(|labels| store.series_id(&Labels::new(labels.iter().copied())));
    for (cluster, factor) in [("c", 1.0), ("d", 2.0)] {
        let target = store.target(&Labels::new([("cluster", cluster)]));
        for (at, values) in [
            (0, [1.0, 4096.0, 3.0, 3.0, 1.0, f64::NAN]),
            (15_250, [1e21, f64::INFINITY, 4.0, 4.0, 0.1, -0.5]),
            (30_000, [STALE_NAN; 6]),
        ] {
            let values = values.map(|value| if value.is_finite() { value * factor } else { value });
            let samples: Vec<_> = ids.into_iter().zip(values).collect();
            target.append(START + at, &samples).unwrap();
        }
    }
    store.close();
    directory
}

fn exported(selectors_of: &[&str], span: (i64, i64)) -> String {
    let directory = history();
    let view = tsdb::View::open(directory.path()).unwrap();
    let texts: Vec<String> = selectors_of.iter().map(|text| (*text).to_owned()).collect();
    let mut page = Vec::new();
    let metrics: BTreeMap<String, Metric> = view.metrics();
    openmetrics::export(&view, &metrics, &selectors(&texts).unwrap(), span, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn an_export_is_open_metrics() {
    insta::assert_snapshot!(exported(&["{cluster=\"c\"}"], (i64::MIN, i64::MAX)), @r#"
    # TYPE calls counter
    # HELP calls Calls \"made\",\nall of them.
    calls_total{cluster="c",path="a\\b\"c\n"} 1 1700006400
    calls_total{cluster="c",path="a\\b\"c\n"} 1000000000000000000000 1700006415.25
    # TYPE old_counter unknown
    # HELP old_counter Without its suffix.
    old_counter{cluster="c"} 1 1700006400
    old_counter{cluster="c"} 0.1 1700006415.25
    # TYPE size_bytes gauge
    size_bytes{cluster="c"} 4096 1700006400
    size_bytes{cluster="c"} +Inf 1700006415.25
    # TYPE took_seconds histogram
    # HELP took_seconds How long.
    took_seconds_bucket{cluster="c",le="+Inf"} 3 1700006400
    took_seconds_bucket{cluster="c",le="+Inf"} 4 1700006415.25
    took_seconds_count{cluster="c"} 3 1700006400
    took_seconds_count{cluster="c"} 4 1700006415.25
    # TYPE what unknown
    what{cluster="c"} NaN 1700006400
    what{cluster="c"} -0.5 1700006415.25
    # EOF
    "#);
}

#[test]
fn an_export_has_each_chosen_series_once_and_its_time_alone() {
    let chosen = ["size_bytes{cluster='d'}", "{cluster='d',__name__=~'s.*|what'}"];
    insta::assert_snapshot!(exported(&chosen, (START + 1, START + 20_000)), @r#"
    # TYPE size_bytes gauge
    size_bytes{cluster="d"} +Inf 1700006415.25
    # TYPE what unknown
    what{cluster="d"} -1 1700006415.25
    # EOF
    "#);
    assert_eq!(exported(&["nothing"], (0, i64::MAX)), "# EOF\n");
}

#[test]
fn what_takes_how_much_is_shown_in_columns() {
    let directory = history();
    let view = tsdb::View::open(directory.path()).unwrap();
    let mut usage = stat::usage(&view, &selectors(&[]).unwrap()).unwrap();
    // A file's size depends on the version of SQLite.
    usage.files[0].bytes = 98_304;
    insta::assert_snapshot!(stat::table("data", &usage, 2), @r#"
    data: 96 KiB in 1 file
    12 series, 36 samples, 324 B of values; 2023-11-15 00:00 to 2023-11-15 00:00 UTC

    cluster  series  samples   size
    c             6       18  162 B  50.0 %
    d             6       18  162 B  50.0 %

    metric       series  samples   size
    calls_total       2        6   54 B  16.7 %
    old_counter       2        6   54 B  16.7 %
    4 others          8       24  216 B  66.7 %

    file           resolution  first             last              series  samples  size on disk
    2023-11-15.db  raw         2023-11-15 00:00  2023-11-15 00:00      12       36        96 KiB
    "#);
}

#[test]
fn a_selector_that_is_none_is_told() {
    for (text, part) in
        [("up[5m]", "give a selector"), ("sum(up", "1:7"), ("{}", "at least one"), ("1", "give a")]
    {
        let error = selectors(&[text.to_owned()]).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
}
