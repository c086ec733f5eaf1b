//! Which prefixes hold how many keys, by the last scan, and how they grew, by those in the history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use monitor::fleet::ClusterHandle;
use monitor::keyspace::{Prefix, Scans};
use monitor::trend::{MIN_SAMPLES, Sample, Trend};
use promql::{Query, Series, Value};

use super::SPANS;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::capacity::{KeyCapacity, PrefixCapacity};

const SCANS: &str = "etcd_monitor_key_scan_timestamp_seconds";
const KEYS: &str = "etcd_monitor_prefix_keys";
const BYTES: &str = "etcd_monitor_prefix_bytes";

/// By prefix.
type Trends = BTreeMap<String, Trend>;

/// The keys of `cluster`.
pub(super) async fn of(shared: &Shared, cluster: &ClusterHandle) -> Result<KeyCapacity, Problem> {
    let scans = cluster.key_scans();
    let is_whole = scans.last.as_ref().is_some_and(|last| last.cut_short.is_none());
    let (mut keys, mut bytes) = (Trends::new(), Trends::new());
    for span in SPANS.into_iter().filter(|_| is_whole) {
        let (of_keys, of_bytes) = trends_of(shared, cluster, span).await?;
        for (all, found) in [(&mut keys, of_keys), (&mut bytes, of_bytes)] {
            for (prefix, trend) in found {
                all.entry(prefix).or_insert(trend);
            }
        }
    }
    let of_prefix = |prefix: &Prefix| PrefixCapacity {
        prefix: prefix.name.clone(),
        keys: prefix.keys,
        bytes: prefix.bytes,
        keys_growth: keys.get(&prefix.name).map(Into::into),
        bytes_growth: bytes.get(&prefix.name).map(Into::into),
        why: match keys.contains_key(&prefix.name) {
            true => None,
            false if !is_whole => Some("the last scan did not count all keys".to_owned()),
            false => Some(format!("a trend takes at least {MIN_SAMPLES} scans within a week")),
        },
    };
    let last = scans.last.as_deref();
    let prefixes =
        last.into_iter().flat_map(|last| std::iter::once(&last.all).chain(&last.prefixes));
    Ok(KeyCapacity {
        is_scheduled: scans.is_scheduled,
        scanned_at: last.map(|last| last.at.into()),
        prefixes: prefixes.map(of_prefix).collect(),
        why: why(&scans),
    })
}

/// Why there is nothing, or less than all.
fn why(scans: &Scans) -> Option<String> {
    let text = match (&scans.failed, &scans.last) {
        _ if !scans.is_scheduled => {
            "no scan is made: set key_scan.enabled to true for this cluster to have its keys counted \
             by prefix"
                .to_owned()
        }
        (Some(why), _) => format!("the keys could not be counted: {why}"),
        (None, None) => {
            "no scan yet: the first begins within ten minutes of the monitor's start".to_owned()
        }
        (None, Some(last)) => {
            let why = last.cut_short.as_ref()?;
            format!("{} of {} keys were counted: {why}", last.counted, last.total)
        }
    };
    Some(text)
}

/// The trends over a span, of keys and of bytes.
async fn trends_of(
    shared: &Shared,
    cluster: &ClusterHandle,
    (range_ms, step_ms): (i64, i64),
) -> Result<(Trends, Trends), Problem> {
    let engine = shared.queries.engine();
    let end_ms = shared.now().as_millisecond();
    let name = cluster.name();
    let series = shared.queries.run(move |store, cancel| {
        let curves = |metric: &str| -> Result<Vec<Series>, promql::Error> {
            let query = Query::parse(&format!("max by (prefix) ({metric}{{cluster={name:?}}})"))?;
            match engine.range(store, &query, end_ms - range_ms, end_ms, step_ms, cancel)? {
                Value::Matrix(series) => Ok(series),
                _ => Ok(Vec::new()),
            }
        };
        Ok([curves(SCANS)?, curves(KEYS)?, curves(BYTES)?])
    });
    let [scans, keys, bytes] = series.await?;
    let scans = scans.into_iter().next().map(times).unwrap_or_default();
    Ok((trends(&keys, &scans), trends(&bytes, &scans)))
}

/// At each step of a query, when the newest scan was made.
fn times(scans: Series) -> BTreeMap<i64, Timestamp> {
    let at = |seconds: f64| Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).ok();
    let samples = scans.samples.into_iter();
    samples.filter_map(|sample| Some((sample.at_ms, at(sample.value)?))).collect()
}

/// A count says something at the time of its scan only: the history repeats it until the next one.
fn trends(series: &[Series], scans: &BTreeMap<i64, Timestamp>) -> Trends {
    let of = |series: &Series| {
        let mut samples: Vec<Sample> = Vec::new();
        for sample in &series.samples {
            let Some(at) = scans.get(&sample.at_ms).copied() else { continue };
            if samples.last().is_none_or(|last| last.at < at) {
                samples.push(Sample { at, bytes: sample.value });
            }
        }
        Trend::of(&samples)
    };
    let named = |series: &Series| series.labels.get("prefix").unwrap_or_default().to_owned();
    series.iter().filter_map(|series| Some((named(series), of(series)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::series::{Labels, Sample as Point};

    use super::*;

    fn series(prefix: &str, values: impl IntoIterator<Item = f64>) -> Series {
        let samples =
            (0_i64..).zip(values).map(|(step, value)| Point { at_ms: 60_000 * step, value });
        Series { labels: Labels::new([("prefix", prefix)]), samples: samples.collect() }
    }

    /// Ten steps for each scan.
    fn every_ten(value: impl Fn(u32) -> f64, scans: u32) -> Vec<f64> {
        (0..10 * scans).map(|step| value(step / 10)).collect()
    }

    #[test]
    fn what_is_repeated_between_scans_is_counted_once() {
        let scans = times(series("", every_ten(|scan| 600.0 * f64::from(scan), 8)));
        let keys = [
            series("", every_ten(|scan| 100.0 + 10.0 * f64::from(scan), 8)),
            series("a/", every_ten(|_| 50.0, 8)),
        ];
        let found = trends(&keys, &scans);
        // Ten keys in ten minutes.
        let whole = crate::wire::capacity::DailyGrowth::from(&found[""]);
        assert!((whole.per_day - 1_440.0).abs() < 1e-6 && whole.has_trend, "{whole:?}");
        assert_eq!(whole.scans, 8);
        assert!(!crate::wire::capacity::DailyGrowth::from(&found["a/"]).has_trend);
        let few = series("", every_ten(f64::from, 5));
        assert!(
            trends(&[few], &scans).is_empty(),
            "five scans are too few, however often repeated"
        );
    }

    #[test]
    fn where_there_is_nothing_it_is_said_why() {
        let said = |scans: &Scans| why(scans).unwrap();
        let mut scans = Scans::default();
        assert!(said(&scans).contains("set key_scan.enabled to true"));
        scans.is_scheduled = true;
        assert!(said(&scans).starts_with("no scan yet"));
        scans.failed = Some("m2 is not well: no answer".to_owned());
        assert!(said(&scans).ends_with("could not be counted: m2 is not well: no answer"));
        let all = Prefix { name: String::new(), keys: 2, bytes: None };
        let mut last = monitor::keyspace::KeySpace {
            endpoint: "m1:2379".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            revision: 3,
            counted: 2,
            total: 9,
            cut_short: Some("the budget of 2 keys was used up".to_owned()),
            all,
            prefixes: Vec::new(),
            sizes: Vec::new(),
            largest: None,
            most_changed: None,
        };
        scans = Scans { is_scheduled: true, last: Some(Arc::new(last.clone())), failed: None };
        assert_eq!(said(&scans), "2 of 9 keys were counted: the budget of 2 keys was used up");
        last.cut_short = None;
        scans.last = Some(Arc::new(last));
        assert_eq!(why(&scans), None);
    }
}
