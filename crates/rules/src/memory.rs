//! Series in memory, for rules that are tried out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use model::series::{Labels, METRIC_NAME, MatchOp, Matcher, STALE_NAN, Sample};
use promql::{Series, Storage, StorageError, Want};

/// Series by their metric's name.
#[derive(Debug, Default)]
pub(crate) struct Memory(BTreeMap<String, BTreeMap<Labels, Vec<Sample>>>);

impl Memory {
    /// Adds a sample; one of the same moment is replaced, and one older than the last is left out.
    pub(crate) fn add(&mut self, labels: &Labels, sample: Sample) {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        let series = self.0.entry(name.to_owned()).or_default();
        let samples = series.entry(labels.clone()).or_default();
        match samples.last_mut() {
            Some(last) if last.at_ms == sample.at_ms => *last = sample,
            Some(last) if last.at_ms > sample.at_ms => {}
            _ => samples.push(sample),
        }
    }

    /// Adds all series that a group has at one moment, and ends those that it had `before`; gives
    /// those that it has now.
    pub(crate) fn add_set(
        &mut self,
        set: &[(Labels, f64)],
        before: &BTreeSet<Labels>,
        at_ms: i64,
    ) -> BTreeSet<Labels> {
        let now: BTreeSet<Labels> = set.iter().map(|(labels, _)| labels.clone()).collect();
        for labels in before.difference(&now) {
            self.add(labels, Sample { at_ms, value: STALE_NAN });
        }
        for (labels, value) in set {
            self.add(labels, Sample { at_ms, value: *value });
        }
        now
    }
}

impl Storage for Memory {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let name = matchers
            .iter()
            .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Eq);
        let groups: Vec<_> = match name {
            Some(name) => self.0.get(name.value()).into_iter().collect(),
            None => self.0.values().collect(),
        };
        for (labels, samples) in groups.into_iter().flatten() {
            if !matchers.iter().all(|matcher| matcher.accepts(labels)) {
                continue;
            }
            let from = samples.partition_point(|sample| sample.at_ms < want.from_ms);
            let to = samples.partition_point(|sample| sample.at_ms <= want.to_ms);
            if from < to {
                let series = Series { labels: labels.clone(), samples: samples[from..to].to_vec() };
                if take(series, 0).is_break() {
                    break;
                }
            }
        }
        Ok(())
    }
}
