//! The history with what the rules of a group have just given, which is not stored yet.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::series::{Labels, METRIC_NAME, MatchOp, Matcher, STALE_NAN, Sample};
use promql::{Series, Storage, StorageError, Want};

use super::context::Point;

/// A storage with samples of one moment on top.
pub(super) struct Overlay<'a> {
    below: &'a dyn Storage,
    at_ms: i64,
    /// By the metric's name.
    added: BTreeMap<Arc<str>, BTreeMap<Labels, f64>>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(below: &'a dyn Storage, at_ms: i64) -> Self {
        Self { below, at_ms, added: BTreeMap::new() }
    }

    /// Adds what a rule gives now; what it gave before and not now ends.
    pub(super) fn add(&mut self, samples: &[Point], before: &[Labels]) {
        let ends = before.iter().map(|labels| (labels.clone(), STALE_NAN));
        for (labels, value) in ends.chain(samples.iter().cloned()) {
            let name = labels.get(METRIC_NAME).unwrap_or_default();
            self.added.entry(Arc::from(name)).or_default().insert(labels, value);
        }
    }

    fn accepted(&self, matchers: &[Matcher]) -> BTreeMap<Labels, f64> {
        let name = matchers
            .iter()
            .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Eq);
        let accepts = |labels: &Labels| matchers.iter().all(|matcher| matcher.accepts(labels));
        let groups: Vec<_> = match name {
            Some(name) => self.added.get(name.value()).into_iter().collect(),
            None => self.added.values().collect(),
        };
        let all = groups.into_iter().flatten().filter(|(labels, _)| accepts(labels));
        all.map(|(labels, value)| (labels.clone(), *value)).collect()
    }
}

impl Storage for Overlay<'_> {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let is_wanted = (want.from_ms..=want.to_ms).contains(&self.at_ms);
        let mut added = if is_wanted { self.accepted(matchers) } else { BTreeMap::new() };
        if added.is_empty() {
            return self.below.read(matchers, want, take);
        }
        let mut flow = ControlFlow::Continue(());
        self.below.read(matchers, want, &mut |mut series, spacing_ms| {
            if let Some(value) = added.remove(&series.labels) {
                let from = series.samples.partition_point(|sample| sample.at_ms < self.at_ms);
                series.samples.truncate(from);
                series.samples.push(Sample { at_ms: self.at_ms, value });
            }
            flow = take(series, spacing_ms);
            flow
        })?;
        for (labels, value) in added {
            if flow.is_break() {
                break;
            }
            let samples = vec![Sample { at_ms: self.at_ms, value }];
            flow = take(Series { labels, samples }, 0);
        }
        Ok(())
    }
}
