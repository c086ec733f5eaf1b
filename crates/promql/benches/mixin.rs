//! How fast the expressions of dashboards and rules are over an hour of a thousand members.

use std::hint::black_box;
use std::ops::ControlFlow;

use divan::{Bencher, Divan};
use model::series::{Labels, Matcher, Sample};
use promql::{Cancel, Engine, Query, Series, Storage, StorageError, Want};

fn main() {
    Divan::from_args().main();
}

const START: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

/// A histogram of twelve buckets and a gauge for each of a thousand members, every 15 s.
struct Members(Vec<Series>);

impl Members {
    fn new() -> Self {
        let mut all = Vec::new();
        for member in 0..1_000 {
            let instance = format!("m{member}:2379");
            for bucket in 0..12_u32 {
                let le = (0.001 * f64::from(1 << bucket)).to_string();
                let labels = Labels::new([
                    ("__name__", "fsync_seconds_bucket"),
                    ("job", "etcd"),
                    ("instance", &instance),
                    ("le", if bucket == 11 { "+Inf" } else { &le }),
                ]);
                all.push(series(labels, |step| f64::from((step + 1) * (bucket + 1))));
            }
            let labels = [("__name__", "db_size_bytes"), ("job", "etcd"), ("instance", &instance)];
            all.push(series(Labels::new(labels), |step| f64::from(step % 40) * 4096.0));
        }
        Self(all)
    }
}

fn series(labels: Labels, value: impl Fn(u32) -> f64) -> Series {
    let sample = |step: u32| Sample { at_ms: START + i64::from(step) * 15_000, value: value(step) };
    Series { labels, samples: (0..260).map(sample).collect() }
}

impl Storage for Members {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let accepted = |one: &&Series| matchers.iter().all(|matcher| matcher.accepts(&one.labels));
        let is_inside = |sample: &Sample| (want.from_ms..=want.to_ms).contains(&sample.at_ms);
        for one in self.0.iter().filter(accepted) {
            let samples = one.samples.iter().copied().filter(is_inside).collect();
            if take(Series { labels: one.labels.clone(), samples }, 0).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[divan::bench(sample_count = 10, args = [
    "sum(rate(fsync_seconds_bucket[5m]))",
    "histogram_quantile(0.99, sum(rate(fsync_seconds_bucket[5m])) by (instance, le))",
    "max_over_time(db_size_bytes[10m]) > 100000",
    "topk(5, db_size_bytes)",
])]
fn an_hour_of_a_thousand_members(bencher: Bencher<'_, '_>, text: &str) {
    let members = Members::new();
    let query = Query::parse(text).expect("a query");
    let engine = Engine::default();
    bencher.bench_local(|| {
        let (from, to) = (START, START + HOUR);
        black_box(engine.range(&members, &query, from, to, 60_000, &Cancel::default()))
    });
}
