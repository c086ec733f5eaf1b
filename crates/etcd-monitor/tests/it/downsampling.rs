//! A day that was rolled up answers as the raw samples did, within the error that docs/formats/tsdb.md
//! states, also after a restart.

use std::path::Path;

use model::series::{Labels, Sample};
use promql::{Cancel, Engine, Query, Value};
use tempfile::TempDir;
use tsdb::{Options, Tsdb};

/// A midnight, in milliseconds.
const START: i64 = 1_700_006_400_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// What three members show at each scrape of a day, with restarts at the 2,000th and the 4,500th.
fn simulate(directory: &Path) {
    let store = Tsdb::open(directory, Options::default()).expect("a store");
    let names = ["requests_total", "size_bytes", "quota_bytes"];
    for name in names {
        let kind =
            if name.ends_with("_total") { expfmt::Kind::Counter } else { expfmt::Kind::Gauge };
        store.describe(name, kind, "");
    }
    store.describe("wait_seconds", expfmt::Kind::Histogram, "");
    let mut own: Vec<_> = names.iter().map(|name| Labels::new([("__name__", *name)])).collect();
    for le in ["0.001", "0.01", "0.1", "+Inf"] {
        own.push(Labels::new([("__name__", "wait_seconds_bucket"), ("le", le)]));
    }
    let ids: Vec<_> = own.iter().map(|labels| store.series_id(labels)).collect();
    for (member, offset_ms) in [("m1", 3_000), ("m2", 7_000), ("m3", 11_000)] {
        let target = store.target(&Labels::new([("job", "etcd"), ("member", member)]));
        let mut random = fastrand::Rng::with_seed(offset_ms as u64);
        let mut counters = [0.0; 5];
        for scrape in 0..DAY / 15_000 {
            if scrape == 2_000 || scrape == 4_500 {
                counters = [0.0; 5];
            }
            let slow = f64::from(scrape as i32 % 240) / 240.0;
            counters[0] += 100.0 + random.f64() * 40.0;
            for (bucket, growth) in
                counters[1..].iter_mut().zip([40.0, 80.0 - 20.0 * slow, 95.0, 100.0])
            {
                *bucket += growth;
            }
            let size = 1e9 + 1e8 * (scrape as f64 / 300.0).sin() + random.f64() * 1e6;
            let [requests, waits @ ..] = counters;
            let values = [requests, size.floor(), 8e9].into_iter().chain(waits);
            let samples: Vec<_> = ids.iter().copied().zip(values).collect();
            while target.append(START + offset_ms + scrape * 15_000, &samples).is_err() {
                store.flush();
            }
        }
    }
    store.close();
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("a file").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

fn ask(store: &Tsdb, query: &str, step_ms: i64) -> Vec<(Labels, Vec<Sample>)> {
    let query = Query::parse(query).expect("a query");
    let (from, to) = (START + 6 * HOUR, START + DAY);
    let value = Engine::default().range(store, &query, from, to, step_ms, &Cancel::default());
    let Ok(Value::Matrix(series)) = value else { panic!("{value:?}") };
    series.into_iter().map(|one| (one.labels, one.samples)).collect()
}

#[test]
fn a_day_that_was_rolled_up_answers_as_it_did_before() {
    let (raw, rolled) =
        (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
    simulate(raw.path());
    copy(raw.path(), rolled.path());
    let next_morning = START + DAY + HOUR;
    let options = Options { raw: std::time::Duration::ZERO, ..Options::default() };
    {
        let store = Tsdb::open(rolled.path(), options.clone()).expect("a store");
        assert_eq!(store.roll_up(next_morning, &mut || true).expect("rolled up"), 1);
        assert_eq!(store.roll_up(next_morning, &mut || true).expect("rolled up"), 0);
        assert_eq!(store.retain(next_morning).expect("removed"), 1);
    }
    let raw = Tsdb::open(raw.path(), Options::default()).expect("a store");
    let rolled = Tsdb::open(rolled.path(), options).expect("a store");

    for (query, step_ms, error) in [
        // Whose windows end where spans do: exact.
        ("size_bytes", 300_000, 0.0),
        ("quota_bytes", HOUR, 0.0),
        ("max_over_time(size_bytes[1h])", HOUR, 0.0),
        ("min_over_time(size_bytes[1h])", HOUR, 0.0),
        ("avg_over_time(size_bytes[6h])", HOUR, 1e-12),
        ("sum_over_time(size_bytes[6h])", HOUR, 1e-12),
        // The growth of the first span of a window is extrapolated from the others.
        ("increase(requests_total[6h])", HOUR, 0.01),
        ("rate(requests_total[1h])", HOUR, 0.02),
        ("sum(rate(requests_total[1h]))", 600_000, 0.02),
        ("histogram_quantile(0.9, sum by (le) (rate(wait_seconds_bucket[2h])))", HOUR, 0.02),
    ] {
        let (expected, found) = (ask(&raw, query, step_ms), ask(&rolled, query, step_ms));
        assert_eq!(expected.len(), found.len(), "{query}");
        for ((labels, expected), (same, found)) in expected.iter().zip(&found) {
            assert_eq!(labels, same, "{query}");
            assert_eq!(expected.len(), found.len(), "{query} {labels}");
            for (expected, found) in expected.iter().zip(found) {
                assert_eq!(expected.at_ms, found.at_ms, "{query} {labels}");
                let off = (expected.value - found.value).abs();
                assert!(
                    off <= error * expected.value.abs(),
                    "{query} {labels}: {found:?}, expected {expected:?}"
                );
            }
        }
    }
}
