//! Range vectors: selectors and subqueries as series with a window that slides over them.

use std::collections::HashSet;
use std::ops::Range;

use model::series::{Labels, MatchOp, Sample, is_stale};

use super::rows::{self, ABSENT, Row};
use super::{Context, Grid, Outcome, evaluate, select};
use crate::error::Error;
use crate::labels;
use crate::storage::{self, Figure, Series, Want};
use crate::syntax::ast::{Expr, Kind, Selector, Subquery};

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
    /// The time between samples that is due to coarser data; 0 where each was kept.
    pub(super) spacing_ms: i64,
}

/// A range vector before its samples are read.
pub(super) struct Ranges<'e> {
    content: Content<'e>,
    range_ms: i64,
    /// The last moment of each window.
    seen: Grid,
}

enum Content<'e> {
    /// Read one at a time: a long range of many series never is in memory as a whole.
    Stored(&'e Selector),
    /// A subquery's.
    Computed(Vec<Series>),
}

/// The range vector `expr` for all windows of `grid`.
pub(super) fn of<'e>(
    context: &Context<'_>,
    expr: &'e Expr,
    grid: Grid,
) -> Result<Ranges<'e>, Error> {
    match &expr.without_parens().kind {
        Kind::Range { selector, range_ms } => Ok(Ranges {
            content: Content::Stored(selector),
            range_ms: *range_ms,
            seen: context.shift(selector.moment, grid),
        }),
        Kind::Subquery(subquery) => {
            let seen = context.shift(subquery.moment, grid);
            let series = computed(context, subquery, seen)?;
            Ok(Ranges { content: Content::Computed(series), range_ms: subquery.range_ms, seen })
        }
        _ => Err(Error::Execution("expected a range vector".into())),
    }
}

fn computed(context: &Context<'_>, subquery: &Subquery, seen: Grid) -> Result<Vec<Series>, Error> {
    let step_ms = subquery.step_ms.unwrap_or(context.subquery_step_ms);
    let from_ms = seen.start_ms.saturating_sub(subquery.range_ms);
    // Go's division truncates; the first moment is the first multiple in the window.
    let mut start_ms = step_ms * (from_ms / step_ms);
    if start_ms < from_ms {
        start_ms += step_ms;
    }
    if start_ms > seen.end_ms() {
        return Ok(Vec::new());
    }
    let inner = Grid::between(start_ms, seen.end_ms(), step_ms);
    context.check_size(1, inner)?;
    Ok(match evaluate(context, &subquery.expr, inner)? {
        Outcome::Vector(rows) => rows.into_iter().map(|row| row.into_series(inner)).collect(),
        Outcome::Scalar(_) | Outcome::Text(_) => Vec::new(),
    })
}

/// The samples of a range vector at one moment, as an instant query shows them.
pub(crate) fn raw(context: &Context<'_>, expr: &Expr, grid: Grid) -> Result<Vec<Series>, Error> {
    let Ranges { content, range_ms, seen } = of(context, expr, grid)?;
    let from_ms = seen.start_ms.saturating_sub(range_ms);
    let mut all = match content {
        Content::Stored(selector) => select::whole(context, selector, from_ms, seen.start_ms)?,
        Content::Computed(series) => series,
    };
    for series in &mut all {
        series.samples.retain(|sample| {
            !is_stale(sample.value) && (from_ms..=seen.start_ms).contains(&sample.at_ms)
        });
    }
    Ok(all)
}

impl Ranges<'_> {
    /// Applies `figure` to each window that holds a sample; none means no value. `stands_for` says
    /// what coarser samples must be for the figure to stay right; none: it needs every sample.
    pub(super) fn apply(
        self,
        context: &Context<'_>,
        stands_for: Option<Figure>,
        keeps_name: bool,
        steps: Grid,
        figure: impl Fn(&Window<'_>) -> Option<f64>,
    ) -> Result<Vec<Row>, Error> {
        let slide = |windows: &Windows<'_>| windows.slide(context, &figure);
        self.of_each(context, stands_for, keeps_name, steps, slide)
    }

    /// How many samples of each window, with the one before, `is_counted` accepts. Each pair is looked at once,
    /// however many windows it is in.
    pub(super) fn count_pairs(
        self,
        context: &Context<'_>,
        steps: Grid,
        is_counted: fn(f64, f64) -> bool,
    ) -> Result<Vec<Row>, Error> {
        let count = |windows: &Windows<'_>| windows.count_pairs(context, is_counted);
        self.of_each(context, None, false, steps, count)
    }

    /// The rows of all series, given the `values` of one at all steps.
    fn of_each(
        self,
        context: &Context<'_>,
        stands_for: Option<Figure>,
        keeps_name: bool,
        steps: Grid,
        values: impl Fn(&Windows<'_>) -> Result<Vec<f64>, Error>,
    ) -> Result<Vec<Row>, Error> {
        let Self { content, range_ms, seen } = self;
        let has_one_name = match &content {
            Content::Stored(selector) => selector
                .matchers
                .iter()
                .any(|matcher| matcher.name() == labels::NAME && matcher.op() == MatchOp::Eq),
            Content::Computed(_) => false,
        };
        let mut rows: Vec<(Labels, Vec<f64>)> = Vec::new();
        let mut add = |series: Series, spacing_ms: i64| {
            context.check_size(rows.len() + 1, steps)?;
            let Series { labels, mut samples } = series;
            samples.retain(|sample| !is_stale(sample.value));
            let values = values(&Windows { samples: &samples, spacing_ms, range_ms, seen, steps })?;
            if values.iter().copied().any(rows::is_present) {
                rows.push((labels, values));
            }
            Ok(())
        };
        match content {
            Content::Computed(series) => {
                series.into_iter().try_for_each(|series| add(series, 0))?;
            }
            Content::Stored(selector) => {
                let want = Want {
                    from_ms: seen.start_ms.saturating_sub(range_ms),
                    to_ms: seen.end_ms(),
                    spacing_ms: stands_for.is_some().then(|| spacing(range_ms, steps)),
                    figure: stands_for.unwrap_or(Figure::Last),
                    is_last: false,
                    windows: storage::Windows::apart(seen.step_ms, range_ms),
                };
                select::each(context, selector, want, add)?;
                rows.sort_by(|a, b| a.0.cmp(&b.0));
            }
        }
        let row = |(labels, values): (Labels, Vec<f64>)| {
            let labels = if keeps_name { labels } else { labels::without_name(&labels) };
            Row { labels, values }
        };
        let rows: Vec<Row> = rows.into_iter().map(row).collect();
        // Series of one name differ in their other labels.
        if has_one_name {
            return Ok(rows);
        }
        let mut seen = HashSet::<&Labels>::with_capacity(rows.len());
        if !rows.iter().all(|row| seen.insert(&row.labels)) {
            return Err(Error::Execution(
                "vector cannot contain metrics with the same labelset".into(),
            ));
        }
        Ok(rows)
    }
}

/// How far apart samples may be for a window of this range: a dozen to a window, which bounds what is
/// extrapolated, and a hundred where there is only one window.
fn spacing(range_ms: i64, steps: Grid) -> i64 {
    if steps.steps > 1 { steps.step_ms.min(range_ms / 12) } else { range_ms / 100 }
}

/// All windows over one series.
struct Windows<'s> {
    samples: &'s [Sample],
    spacing_ms: i64,
    range_ms: i64,
    /// The last moment of each.
    seen: Grid,
    /// The moment of evaluation of each.
    steps: Grid,
}

impl Windows<'_> {
    /// The figure of every window.
    fn slide(
        &self,
        context: &Context<'_>,
        figure: impl Fn(&Window<'_>) -> Option<f64>,
    ) -> Result<Vec<f64>, Error> {
        let Self { samples, spacing_ms, range_ms, seen, steps } = *self;
        let may_reset = samples.windows(2).any(|pair| pair[1].value < pair[0].value);
        self.values(context, |step, places| {
            let (end_ms, now_ms) = (seen.at(step), steps.at(step));
            let start_ms = end_ms.saturating_sub(range_ms);
            let samples = &samples[places];
            figure(&Window { samples, start_ms, end_ms, now_ms, step, may_reset, spacing_ms })
        })
    }

    /// How many pairs of neighbours within each window `is_counted` accepts.
    fn count_pairs(
        &self,
        context: &Context<'_>,
        is_counted: fn(f64, f64) -> bool,
    ) -> Result<Vec<f64>, Error> {
        let pairs = self.samples.windows(2);
        // Of each sample: how many pairs are counted up to it.
        let counted = pairs.scan(0_u64, |count, pair| {
            *count += u64::from(is_counted(pair[0].value, pair[1].value));
            Some(*count)
        });
        let counted: Vec<u64> = std::iter::once(0).chain(counted).collect();
        self.values(context, |_, places| {
            Some((counted[places.end - 1] - counted[places.start]) as f64)
        })
    }

    /// The `value` of every window that holds a sample, given its step and the places of its samples.
    fn values(
        &self,
        context: &Context<'_>,
        value: impl Fn(usize, Range<usize>) -> Option<f64>,
    ) -> Result<Vec<f64>, Error> {
        let Self { samples, range_ms, seen, steps, .. } = *self;
        let (mut first, mut past) = (0, 0);
        let mut values = Vec::with_capacity(steps.steps);
        for step in 0..steps.steps {
            let end_ms = seen.at(step);
            let start_ms = end_ms.saturating_sub(range_ms);
            while samples.get(past).is_some_and(|sample| sample.at_ms <= end_ms) {
                past += 1;
            }
            while samples.get(first).is_some_and(|sample| sample.at_ms < start_ms) {
                first += 1;
            }
            let found = if first < past { value(step, first..past) } else { None };
            values.push(found.unwrap_or(ABSENT));
            // A window of a long range may hold very many samples.
            if step % 64 == 63 {
                context.check()?;
            }
        }
        Ok(values)
    }
}
