//! Queries in PromQL over a few series.

use std::ops::ControlFlow;
use std::time::Duration;

use model::series::{Labels, METRIC_NAME, Matcher, STALE_NAN, Sample, Series};
use model::series::{Source, SourceError, Want};
use promql::{Cancel, Engine, Limits, Query};

/// Takes the bytes as a query, and evaluates it for one moment and for a range when it is one.
pub fn queries(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let limits = Limits { timeout: Duration::from_secs(1), max_samples: 20_000, max_series: 100 };
    let engine = Engine { limits, ..Engine::default() };
    let (source, cancel) = (Few::new(), Cancel::default());
    // A mistake that shows only now is as good as a value.
    let _ = engine.instant(&source, &query, END_MS, &cancel);
    let _ = engine.range(&source, &query, BEGIN_MS, END_MS, STEP_MS, &cancel);
}

const BEGIN_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 30_000;
const STEPS: i64 = 20;
const END_MS: i64 = BEGIN_MS + STEPS * STEP_MS;

/// A counter that is reset, a gauge with a gap, a histogram, and values that are no numbers.
struct Few(Vec<Series>);

impl Few {
    fn new() -> Self {
        let series = |labels: &[(&str, &str)], value: &dyn Fn(i64) -> Option<f64>| Series {
            labels: Labels::new(labels.iter().copied()),
            samples: (0..STEPS)
                .filter_map(|step| {
                    Some(Sample { at_ms: BEGIN_MS + step * STEP_MS, value: value(step)? })
                })
                .collect(),
        };
        let bucket = |le| [(METRIC_NAME, "h_bucket"), ("le", le), ("job", "etcd")];
        Self(vec![
            series(&[(METRIC_NAME, "c"), ("m", "1")], &|step| Some((step % 7 * 10) as f64)),
            series(&[(METRIC_NAME, "c"), ("m", "2")], &|step| Some(step as f64)),
            series(&[(METRIC_NAME, "g")], &|step| {
                (step % 5 != 2).then_some(if step == 8 { STALE_NAN } else { -1.5 })
            }),
            series(&bucket("0.1"), &|step| Some(step as f64)),
            series(&bucket("1"), &|step| Some((step * 2) as f64)),
            series(&bucket("+Inf"), &|step| Some((step * 2) as f64)),
            series(&[(METRIC_NAME, "odd")], &|step| {
                Some([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX][step as usize % 4])
            }),
        ])
    }
}

impl Source for Few {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        for series in &self.0 {
            let mut series = series.clone();
            series.samples.retain(|sample| (want.from_ms..=want.to_ms).contains(&sample.at_ms));
            let is_chosen = matchers.iter().all(|matcher| matcher.accepts(&series.labels));
            if is_chosen && !series.samples.is_empty() && take(series, 0).is_break() {
                break;
            }
        }
        Ok(())
    }
}
