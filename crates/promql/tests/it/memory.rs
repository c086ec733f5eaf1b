//! Series in memory, chosen by looking at each.

use std::ops::ControlFlow;

use model::series::{Matcher, Sample};
use promql::{Series, Storage, StorageError, Want};

pub(crate) struct Memory(pub(crate) Vec<Series>);

impl Storage for Memory {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let is_chosen =
            |series: &&Series| matchers.iter().all(|matcher| matcher.accepts(&series.labels));
        // No more than what is asked for, though a source may give more: answers must not need it.
        let is_in_window = |at_ms: i64| {
            let before_end = i128::from(want.to_ms) - i128::from(at_ms);
            want.windows.is_none_or(|windows| {
                before_end % i128::from(windows.step_ms) <= i128::from(windows.length_ms)
            })
        };
        let is_inside = |sample: &&Sample| {
            (want.from_ms..=want.to_ms).contains(&sample.at_ms) && is_in_window(sample.at_ms)
        };
        for series in self.0.iter().filter(is_chosen) {
            let samples: Vec<_> = series.samples.iter().filter(is_inside).copied().collect();
            let series = Series { labels: series.labels.clone(), samples };
            if !series.samples.is_empty() && take(series, 0).is_break() {
                break;
            }
        }
        Ok(())
    }
}
