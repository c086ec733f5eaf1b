//! Range vectors: selectors and subqueries as series with a window that slides over them.

use model::series::{Labels, Sample, is_stale};

use super::rows::{ABSENT, Row};
use super::{Context, Grid, Outcome, evaluate, select};
use crate::error::Error;
use crate::labels;
use crate::storage::Series;
use crate::syntax::ast::{Expr, Kind};

/// What a function sees at one step.
pub(super) struct Window<'a> {
    /// At least one, none stale, in order of time.
    pub(super) samples: &'a [Sample],
    /// First and last moment of the window, both inside.
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// The moment of evaluation, which offsets do not move.
    pub(super) now_ms: i64,
    pub(super) step: usize,
    /// Whether any value of the whole series is below the one before.
    pub(super) may_reset: bool,
}

/// Series with the windows that they are seen through.
pub(super) struct Ranges {
    pub(super) series: Vec<Series>,
    range_ms: i64,
    /// The last moment of each window.
    seen: Grid,
}

/// Reads the range vector `expr` for all windows of `grid`.
pub(super) fn read(context: &Context<'_>, expr: &Expr, grid: Grid) -> Result<Ranges, Error> {
    let (mut series, range_ms, seen) = match &expr.without_parens().kind {
        Kind::Range { selector, range_ms } => {
            let seen = context.shift(selector.moment, grid);
            let from_ms = seen.start_ms.saturating_sub(*range_ms);
            // Two samples in each window, at least, or no rate can be told.
            let step_ms = (grid.steps > 1).then_some(grid.step_ms.min(range_ms / 2));
            let series = select::read(context, selector, from_ms, seen.end_ms(), step_ms)?;
            (series, *range_ms, seen)
        }
        Kind::Subquery(subquery) => {
            let seen = context.shift(subquery.moment, grid);
            let step_ms = subquery.step_ms.unwrap_or(context.subquery_step_ms);
            let from_ms = seen.start_ms.saturating_sub(subquery.range_ms);
            // Go's division truncates; the first moment is the first multiple in the window.
            let mut start_ms = step_ms * (from_ms / step_ms);
            if start_ms < from_ms {
                start_ms += step_ms;
            }
            if start_ms > seen.end_ms() {
                (Vec::new(), subquery.range_ms, seen)
            } else {
                let inner = Grid::between(start_ms, seen.end_ms(), step_ms);
                context.check_size(1, inner)?;
                let rows = match evaluate(context, &subquery.expr, inner)? {
                    Outcome::Vector(rows) => rows,
                    Outcome::Scalar(_) | Outcome::Text(_) => Vec::new(),
                };
                let series = rows.into_iter().map(|row| row.into_series(inner)).collect();
                (series, subquery.range_ms, seen)
            }
        }
        _ => return Err(Error::Execution("expected a range vector".into())),
    };
    for series in &mut series {
        series.samples.retain(|sample| !is_stale(sample.value));
    }
    Ok(Ranges { series, range_ms, seen })
}

/// The samples of a range vector at one moment, as an instant query shows them.
pub(crate) fn raw(context: &Context<'_>, expr: &Expr, grid: Grid) -> Result<Vec<Series>, Error> {
    let ranges = read(context, expr, grid)?;
    let from_ms = ranges.seen.start_ms.saturating_sub(ranges.range_ms);
    let mut series = ranges.series;
    for series in &mut series {
        series.samples.retain(|sample| (from_ms..=ranges.seen.start_ms).contains(&sample.at_ms));
    }
    Ok(series)
}

impl Ranges {
    /// Applies `figure` to each window that holds a sample; none means no value.
    pub(super) fn apply(
        &self,
        context: &Context<'_>,
        keeps_name: bool,
        steps: Grid,
        figure: impl Fn(&Window<'_>) -> Option<f64>,
    ) -> Result<Vec<Row>, Error> {
        context.check_size(self.series.len(), steps)?;
        let mut rows = Vec::with_capacity(self.series.len());
        for Series { labels, samples } in &self.series {
            context.check()?;
            let labels = if keeps_name { labels.clone() } else { labels::without_name(labels) };
            let may_reset = samples.windows(2).any(|pair| pair[1].value < pair[0].value);
            let (mut first, mut past) = (0, 0);
            let mut values = Vec::with_capacity(steps.steps);
            for step in 0..steps.steps {
                let end_ms = self.seen.at(step);
                let start_ms = end_ms.saturating_sub(self.range_ms);
                while samples.get(past).is_some_and(|sample| sample.at_ms <= end_ms) {
                    past += 1;
                }
                while samples.get(first).is_some_and(|sample| sample.at_ms < start_ms) {
                    first += 1;
                }
                let samples = samples.get(first..past).unwrap_or_default();
                let now_ms = steps.at(step);
                let window = Window { samples, start_ms, end_ms, now_ms, step, may_reset };
                let is_empty = samples.is_empty();
                values.push(if is_empty { None } else { figure(&window) }.unwrap_or(ABSENT));
                // A window of a long range may hold very many samples.
                if step % 64 == 63 {
                    context.check()?;
                }
            }
            rows.push(Row { labels, values });
        }
        let is_unique = |rows: &[Row]| {
            let mut seen = std::collections::HashSet::<&Labels>::with_capacity(rows.len());
            rows.iter().all(|row| seen.insert(&row.labels))
        };
        rows.retain(|row| row.values.iter().copied().any(super::rows::is_present));
        if !is_unique(&rows) {
            return Err(Error::Execution(
                "vector cannot contain metrics with the same labelset".into(),
            ));
        }
        Ok(rows)
    }
}
