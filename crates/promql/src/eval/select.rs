//! Selectors: series read one at a time, and the value of each at every step.

use std::ops::ControlFlow;

use model::series::{Sample, is_stale};

use super::rows::{ABSENT, Row};
use super::{Context, Grid};
use crate::error::Error;
use crate::storage::{Figure, Series, Want, Windows};
use crate::syntax::ast::Selector;

/// Hands each series of a selector to `take`, with the time between two samples of it that is due to
/// coarser data.
pub(super) fn each(
    context: &Context<'_>,
    selector: &Selector,
    want: Want,
    mut take: impl FnMut(Series, i64) -> Result<(), Error>,
) -> Result<(), Error> {
    context.check()?;
    let limits = context.limits;
    let mut count = 0;
    let mut outcome = Ok(());
    let mut one = |series: Series, spacing_ms: i64| {
        count += 1;
        context.check()?;
        if count > limits.max_series {
            return Err(Error::TooLarge { limit: "max_series", bound: limits.max_series });
        }
        if series.samples.len() > limits.max_samples {
            return Err(Error::TooLarge { limit: "max_samples", bound: limits.max_samples });
        }
        take(series, spacing_ms)
    };
    let read = context.storage.read(&selector.matchers, want, &mut |series, spacing_ms| {
        outcome = one(series, spacing_ms);
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    outcome?;
    read.map_err(Error::Storage)
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
    let want = Want {
        from_ms: seen.start_ms.saturating_sub(context.lookback_ms),
        to_ms: seen.end_ms(),
        spacing_ms: (grid.steps > 1).then_some(grid.step_ms),
        figure: Figure::Last,
        is_last: grid.steps == 1,
        windows: Windows::apart(seen.step_ms, context.lookback_ms),
    };
    let mut rows: Vec<Row> = Vec::new();
    each(context, selector, want, |Series { labels, samples }, spacing_ms| {
        let lookback_ms = context.lookback_ms.saturating_add(spacing_ms);
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
            let is_old = sample.at_ms < now.saturating_sub(lookback_ms);
            if is_old || is_stale(sample.value) {
                return ABSENT;
            }
            is_empty = false;
            figure(sample)
        };
        context.check_size(rows.len() + 1, grid)?;
        let values = (0..grid.steps).map(value_at).collect();
        if !is_empty {
            rows.push(Row { labels, values });
        }
        Ok(())
    })?;
    rows.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(rows)
}

/// The series of a selector with every sample, in order of labels.
pub(super) fn whole(
    context: &Context<'_>,
    selector: &Selector,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Series>, Error> {
    let bound = context.limits.max_samples;
    let mut held = 0;
    let mut all = Vec::new();
    each(context, selector, Want::all(from_ms, to_ms), |series, _| {
        held += series.samples.len();
        if held > bound {
            return Err(Error::TooLarge { limit: "max_samples", bound });
        }
        all.push(series);
        Ok(())
    })?;
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(all)
}
