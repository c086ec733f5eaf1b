//! Series in memory, chosen by looking at each.

use model::series::{Matcher, Sample};
use promql::{Series, Storage, StorageError};

pub(crate) struct Memory(pub(crate) Vec<Series>);

impl Storage for Memory {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        _step_ms: Option<i64>,
    ) -> Result<Vec<Series>, StorageError> {
        let is_chosen =
            |series: &&Series| matchers.iter().all(|matcher| matcher.accepts(&series.labels));
        let is_inside = |sample: &&Sample| (from_ms..=to_ms).contains(&sample.at_ms);
        let mut chosen: Vec<_> = self
            .0
            .iter()
            .filter(is_chosen)
            .map(|series| Series {
                labels: series.labels.clone(),
                samples: series.samples.iter().filter(is_inside).copied().collect(),
            })
            .filter(|series| !series.samples.is_empty())
            .collect();
        chosen.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(chosen)
    }
}
