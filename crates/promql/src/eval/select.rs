//! Selectors: series read once, and the value of each at every step.

use model::series::{Sample, is_stale};

use super::rows::{ABSENT, Row};
use super::{Context, Grid};
use crate::error::Error;
use crate::storage::Series;
use crate::syntax::ast::Selector;

/// The series of a selector for `from_ms..=to_ms`.
pub(super) fn read(
    context: &Context<'_>,
    selector: &Selector,
    from_ms: i64,
    to_ms: i64,
    step_ms: Option<i64>,
) -> Result<Vec<Series>, Error> {
    context.check()?;
    let series = context
        .storage
        .select(&selector.matchers, from_ms, to_ms, step_ms)
        .map_err(Error::Storage)?;
    let limits = context.limits;
    if series.len() > limits.max_series {
        return Err(Error::TooLarge { limit: "max_series", bound: limits.max_series });
    }
    let read = series.iter().map(|series| series.samples.len()).sum::<usize>();
    context.samples_read.set(context.samples_read.get() + read);
    if context.samples_read.get() > limits.max_samples {
        return Err(Error::TooLarge { limit: "max_samples", bound: limits.max_samples });
    }
    Ok(series)
}

/// The latest value of each series at every step, unless it is stale or too old.
pub(super) fn instant(
    context: &Context<'_>,
    selector: &Selector,
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    latest(context, selector, grid, |sample| sample.value)
}

/// As [`instant`], but the moment of the sample in seconds instead of its value.
pub(super) fn timestamps(
    context: &Context<'_>,
    selector: &Selector,
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    latest(context, selector, grid, |sample| sample.at_ms as f64 / 1000.0)
}

fn latest(
    context: &Context<'_>,
    selector: &Selector,
    grid: Grid,
    figure: impl Fn(Sample) -> f64,
) -> Result<Vec<Row>, Error> {
    let seen = context.shift(selector.moment, grid);
    let from_ms = seen.start_ms.saturating_sub(context.lookback_ms);
    let step_ms = (grid.steps > 1).then_some(grid.step_ms);
    let series = read(context, selector, from_ms, seen.end_ms(), step_ms)?;
    context.check_size(series.len(), grid)?;
    let mut rows = Vec::with_capacity(series.len());
    for Series { labels, samples } in series {
        context.check()?;
        let mut passed = 0;
        let mut is_empty = true;
        let value_at = |step| {
            let now = seen.at(step);
            while samples.get(passed).is_some_and(|sample| sample.at_ms <= now) {
                passed += 1;
            }
            let Some(sample) = passed.checked_sub(1).map(|last| samples[last]) else {
                return ABSENT;
            };
            let is_old = sample.at_ms < now.saturating_sub(context.lookback_ms);
            if is_old || is_stale(sample.value) {
                return ABSENT;
            }
            is_empty = false;
            figure(sample)
        };
        let values = (0..grid.steps).map(value_at).collect();
        if !is_empty {
            rows.push(Row { labels, values });
        }
    }
    Ok(rows)
}
