//! Function calls: each name to what computes it.

use model::series::Labels;

use super::rates::Change;
use super::rows::{ABSENT, Row, is_present};
use super::windows::{self, Window};
use super::{
    Context, Grid, Outcome, absent, dates, histogram, math, over_time, quantile, rates, relabel,
    renamed, scalar, select, text, trend, vector,
};
use crate::error::Error;
use crate::storage::Figure;
use crate::syntax::ast::{Expr, Kind, Type};

pub(super) fn evaluate(
    context: &Context<'_>,
    name: &str,
    args: &[Expr],
    grid: Grid,
) -> Result<Outcome, Error> {
    let seconds = |step: usize| grid.at(step) as f64 / 1000.0;
    if args.iter().any(|arg| arg.value_type() == Type::Matrix) {
        return of_range(context, name, args, grid).map(Outcome::Vector);
    }
    if let Some(function) = math::function(name) {
        return renamed(vector(context, &args[0], grid)?, function).map(Outcome::Vector);
    }
    if let Some(function) = dates::function(name) {
        let Some(arg) = args.first() else {
            let values = (0..grid.steps).map(|step| function(seconds(step))).collect();
            return Ok(Outcome::Vector(vec![Row { labels: Labels::default(), values }]));
        };
        return renamed(vector(context, arg, grid)?, function).map(Outcome::Vector);
    }
    Ok(match name {
        "pi" => Outcome::Scalar(vec![std::f64::consts::PI; grid.steps]),
        "time" => Outcome::Scalar((0..grid.steps).map(seconds).collect()),
        "scalar" => Outcome::Scalar(only_values(&vector(context, &args[0], grid)?, grid)),
        "vector" => {
            let values = scalar(context, &args[0], grid)?;
            Outcome::Vector(vec![Row { labels: Labels::default(), values }])
        }
        _ => Outcome::Vector(of_vector(context, name, args, grid)?),
    })
}

fn of_vector(
    context: &Context<'_>,
    name: &str,
    args: &[Expr],
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    let number = |index: usize| scalar(context, &args[index], grid);
    let rows = |index: usize| vector(context, &args[index], grid);
    let string = |index: usize| text(&args[index]);
    match name {
        "absent" => Ok(absent::evaluate(&args[0], &rows(0)?, grid)),
        "clamp" => {
            let (low, high) = (number(1)?, number(2)?);
            let clamp = |step: usize, value| {
                let (low, high) = (low[step], high[step]);
                if high < low { ABSENT } else { math::max(low, math::min(high, value)) }
            };
            stepwise(rows(0)?, clamp)
        }
        "clamp_min" => {
            let low = number(1)?;
            stepwise(rows(0)?, |step, value| math::max(low[step], value))
        }
        "clamp_max" => {
            let high = number(1)?;
            stepwise(rows(0)?, |step, value| math::min(high[step], value))
        }
        "round" => {
            let to = if args.len() > 1 { number(1)? } else { vec![1.0; grid.steps] };
            stepwise(rows(0)?, |step, value| math::round(value, to[step]))
        }
        "histogram_quantile" => histogram::quantile(&number(0)?, &rows(1)?, grid),
        "label_replace" => {
            relabel::replace(rows(0)?, string(1)?, string(2)?, string(3)?, string(4)?)
        }
        "label_join" => {
            let sources = args[3..].iter().map(text).collect::<Result<Vec<_>, _>>()?;
            relabel::join(rows(0)?, string(1)?, string(2)?, &sources)
        }
        "sort" | "sort_desc" => {
            let mut rows = rows(0)?;
            // A range query's result is in order of the labels in any case.
            if grid.steps == 1 {
                rows.retain(|row| row.is_present(0));
                rows.sort_by(|a, b| {
                    let (a, b) = (a.values[0], b.values[0]);
                    let is_descending = name == "sort_desc" && !a.is_nan() && !b.is_nan();
                    // NaN comes last either way.
                    match (a.is_nan(), b.is_nan()) {
                        (false, false) if is_descending => quantile::ascending(b, a),
                        (false, false) => quantile::ascending(a, b),
                        (a_is_nan, b_is_nan) => a_is_nan.cmp(&b_is_nan),
                    }
                });
            }
            Ok(rows)
        }
        "timestamp" => match &args[0].without_parens().kind {
            Kind::Selector(selector) => {
                renamed(select::timestamps(context, selector, grid)?, |value| value)
            }
            _ => stepwise(rows(0)?, |step, _| grid.at(step) as f64 / 1000.0),
        },
        _ => Err(Error::Execution(format!("function {name} has no evaluation"))),
    }
}

/// Every present value changed by a function of its step, and the metric's name gone.
fn stepwise(rows: Vec<Row>, change: impl Fn(usize, f64) -> f64) -> Result<Vec<Row>, Error> {
    let changed = rows.into_iter().map(|mut row| {
        for (step, value) in row.values.iter_mut().enumerate() {
            if is_present(*value) {
                *value = change(step, *value);
            }
        }
        row
    });
    renamed(changed.collect(), |value| value)
}

/// The value of the only series at each step, NaN where there is not exactly one.
fn only_values(rows: &[Row], grid: Grid) -> Vec<f64> {
    let at = |step: usize| {
        let mut present =
            rows.iter().map(|row| row.values[step]).filter(|value| is_present(*value));
        match (present.next(), present.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    (0..grid.steps).map(at).collect()
}

fn of_range(
    context: &Context<'_>,
    name: &str,
    args: &[Expr],
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    let index = usize::from(name == "quantile_over_time");
    let ranges = windows::of(context, &args[index], grid)?;
    if name == "absent_over_time" {
        // Which series is there does not matter, so their names must not collide.
        let rows = ranges.apply(context, stands_for(name), true, grid, |_| Some(1.0))?;
        return Ok(absent::evaluate(&args[0], &rows, grid));
    }
    match name {
        "changes" => return ranges.count_pairs(context, grid, over_time::is_change),
        "resets" => return ranges.count_pairs(context, grid, over_time::is_reset),
        _ => {}
    }
    let number = |index: usize| scalar(context, &args[index], grid);
    let apply = |figure: &dyn Fn(&Window<'_>) -> Option<f64>| {
        ranges.apply(context, stands_for(name), name == "last_over_time", grid, figure)
    };
    let whole = |statistic: fn(&[model::series::Sample]) -> f64| {
        move |window: &Window<'_>| Some(statistic(window.samples))
    };
    match name {
        "rate" => apply(&|window| rates::extrapolated(window, Change::Rate)),
        "increase" => apply(&|window| rates::extrapolated(window, Change::Increase)),
        "delta" => apply(&|window| rates::extrapolated(window, Change::Delta)),
        "irate" => apply(&|window| rates::instant(window, true)),
        "idelta" => apply(&|window| rates::instant(window, false)),
        "deriv" => apply(&trend::deriv),
        "predict_linear" => {
            let seconds = number(1)?;
            apply(&|window| trend::predict(window, seconds[window.step]))
        }
        "holt_winters" => {
            let (smoothing, factor) = (number(1)?, number(2)?);
            let wrong = [("smoothing", &smoothing), ("trend", &factor)].into_iter().find_map(
                |(what, factors)| {
                    let is_wrong = |factor: &&f64| **factor <= 0.0 || **factor >= 1.0;
                    factors.iter().find(is_wrong).map(|factor| (what, *factor))
                },
            );
            let rows = apply(&|window| {
                trend::holt_winters(window.samples, smoothing[window.step], factor[window.step])
            })?;
            match wrong {
                // Without a series nothing is smoothed, and no factor is wrong.
                Some((what, factor)) if !rows.is_empty() => Err(Error::Execution(format!(
                    "invalid {what} factor, expected a number between 0 and 1, got {factor}"
                ))),
                _ => Ok(rows),
            }
        }
        "quantile_over_time" => {
            let q = number(0)?;
            apply(&|window| {
                let values = window.samples.iter().map(|sample| sample.value).collect();
                Some(quantile::of(q[window.step], values))
            })
        }
        "avg_over_time" => apply(&whole(over_time::avg)),
        "count_over_time" => apply(&|window| Some(window.samples.len() as f64)),
        "last_over_time" => apply(&|window| window.samples.last().map(|sample| sample.value)),
        "max_over_time" => apply(&whole(over_time::max)),
        "min_over_time" => apply(&whole(over_time::min)),
        "present_over_time" => apply(&|_| Some(1.0)),
        "stddev_over_time" => apply(&|window| Some(over_time::stdvar(window.samples).sqrt())),
        "stdvar_over_time" => apply(&whole(over_time::stdvar)),
        "sum_over_time" => apply(&whole(over_time::sum)),
        _ => Err(Error::Execution(format!("function {name} has no evaluation"))),
    }
}

/// What one sample must be where it stands for several, so that a function of ranges stays right;
/// none for those that count samples or look at all of them.
fn stands_for(function: &str) -> Option<Figure> {
    match function {
        "rate" | "increase" | "delta" | "last_over_time" | "present_over_time"
        | "absent_over_time" => Some(Figure::Last),
        "min_over_time" => Some(Figure::Min),
        "max_over_time" => Some(Figure::Max),
        "sum_over_time" => Some(Figure::Sum),
        "avg_over_time" => Some(Figure::Mean),
        _ => None,
    }
}
