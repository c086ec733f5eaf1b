//! How fast scrapes are taken, and how fast the expressions of dashboards are answered from disk: an
//! hour of a thousand members, a week of three.

use std::hint::black_box;
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, Divan};
use model::series::{Labels, Source as _};
use promql::{Cancel, Engine, Query};
use tempfile::TempDir;
use tsdb::{Options, SeriesId, Target, Tsdb};

fn main() {
    Divan::from_args().main();
}

const START: i64 = 1_700_006_400_000;
const HOUR: i64 = 3_600_000;
const STEP: i64 = 15_000;

/// Of each member: 6 histograms of 14 buckets, 10 counters, 10 gauges.
fn series(store: &Tsdb) -> Vec<SeriesId> {
    let mut ids = Vec::new();
    for histogram in 0..6 {
        for bucket in 0..14_u32 {
            let le = (0.001 * f64::from(1 << bucket)).to_string();
            let name = format!("histogram_{histogram}_seconds_bucket");
            ids.push(store.series_id(&Labels::new([("__name__", name), ("le", le)])));
        }
    }
    for number in 0..10 {
        for name in [format!("counter_{number}_total"), format!("gauge_{number}_bytes")] {
            ids.push(store.series_id(&Labels::new([("__name__", name)])));
        }
    }
    ids
}

fn samples(ids: &[SeriesId], scrape: u32) -> Vec<(SeriesId, f64)> {
    let value = |place: u32| f64::from(scrape * (place % 17) + scrape % (place + 2));
    (0..).zip(ids).map(|(place, id)| (*id, value(place))).collect()
}

fn member(store: &Tsdb, number: usize) -> Target {
    let (cluster, member) = (format!("c{}", number / 3), format!("m{number}"));
    let instance = format!("10.0.0.{number}:2379");
    store.target(&Labels::new([
        ("cluster", cluster.as_str()),
        ("member", &member),
        ("instance", &instance),
        ("job", "etcd"),
    ]))
}

struct Filled {
    store: Tsdb,
    end_ms: i64,
    directory: TempDir,
}

impl Filled {
    fn new(members: usize, hours: i64) -> Self {
        let directory = TempDir::new().expect("a directory");
        let store = Tsdb::open(directory.path(), Options::default()).expect("a store");
        let ids = series(&store);
        let members: Vec<Target> = (0..members).map(|number| member(&store, number)).collect();
        let end_ms = START + hours * HOUR;
        for scrape in 0..hours * HOUR / STEP {
            let samples = samples(&ids, scrape as u32);
            for (number, member) in members.iter().enumerate() {
                let at_ms = START + scrape * STEP + number as i64 % STEP;
                while member.append(at_ms, &samples).is_err() {
                    store.flush();
                }
            }
        }
        store.flush();
        store.roll_up(end_ms, &mut || true).expect("rolled up");
        Self { store, end_ms, directory }
    }

    fn ask(&self, bencher: Bencher<'_, '_>, text: &str, hours: i64) {
        let query = Query::parse(text).expect("a query");
        let (from, to) = (self.end_ms - hours * HOUR, self.end_ms);
        let step = ((to - from) / 240).max(STEP);
        bencher.bench_local(|| {
            let engine = Engine::default();
            black_box(engine.range(&self.store, &query, from, to, step, &Cancel::default()))
                .expect("an answer")
        });
    }
}

const QUERIES: [&str; 4] = [
    "sum(rate(counter_3_total[5m]))",
    "histogram_quantile(0.99, sum(rate(histogram_2_seconds_bucket[5m])) by (instance, le))",
    "gauge_4_bytes",
    "max_over_time(gauge_4_bytes[1h])",
];

static FLEET: LazyLock<Filled> = LazyLock::new(|| Filled::new(1_000, 1));
static WEEK: LazyLock<Filled> = LazyLock::new(|| Filled::new(3, 24 * 7));

#[divan::bench(sample_count = 10, args = QUERIES)]
fn an_hour_of_a_thousand_members(bencher: Bencher<'_, '_>, query: &str) {
    FLEET.ask(bencher, query, 1);
}

#[divan::bench(sample_count = 20, args = QUERIES)]
fn a_day_of_three_members(bencher: Bencher<'_, '_>, query: &str) {
    WEEK.ask(bencher, query, 24);
}

#[divan::bench(sample_count = 20, args = QUERIES)]
fn a_week_of_three_members(bencher: Bencher<'_, '_>, query: &str) {
    WEEK.ask(bencher, query, 24 * 7);
}

#[divan::bench(sample_count = 10)]
fn the_number_of_all_series_of_a_thousand_members(bencher: Bencher<'_, '_>) {
    let query = Query::parse("count({__name__=~\".+\"})").expect("a query");
    bencher.bench_local(|| {
        let at = FLEET.end_ms;
        Engine::default().instant(&FLEET.store, &query, at, &Cancel::default()).expect("an answer")
    });
}

#[divan::bench(sample_count = 10)]
fn the_labels_of_all_series_of_a_thousand_members(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| FLEET.store.series(&[], FLEET.end_ms - HOUR, FLEET.end_ms));
}

/// A copy of the files as they are while they are written to: what a kill leaves.
fn killed() -> TempDir {
    let copy = TempDir::new().expect("a directory");
    for entry in std::fs::read_dir(FLEET.directory.path()).expect("a directory") {
        let path = entry.expect("a file").path();
        std::fs::copy(&path, copy.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    copy
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn opening_25_million_samples_after_a_kill(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(killed).bench_local_values(|directory| {
        let store = Tsdb::open(directory.path(), Options::default()).expect("a store");
        (store, directory)
    });
}

#[divan::bench]
fn a_scrape_of_a_member(bencher: Bencher<'_, '_>) {
    let directory = TempDir::new().expect("a directory");
    let store = Tsdb::open(directory.path(), Options::default()).expect("a store");
    let ids = series(&store);
    let target = member(&store, 0);
    let mut scrape = 0;
    bencher.counter(ItemsCount::new(ids.len())).bench_local(|| {
        scrape += 1;
        let samples = samples(&ids, scrape);
        while target.append(START + i64::from(scrape) * STEP, &samples).is_err() {
            store.flush();
        }
    });
}
