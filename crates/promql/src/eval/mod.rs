//! Evaluation: each expression for all steps of a grid at once.

mod absent;
mod aggregate;
mod binary;
mod call;
mod dates;
mod histogram;
mod math;
mod over_time;
mod quantile;
mod ranking;
mod rates;
mod relabel;
pub(crate) mod rows;
mod select;
mod trend;
pub(crate) mod windows;

use tokio::time::Instant;

use crate::engine::{Cancel, Limits};
use crate::error::Error;
use crate::labels;
use crate::storage::Storage;
use crate::syntax::ast::{Anchor, Expr, Kind, Moment};
use rows::Row;

/// The moments of an evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    /// At least one.
    pub(crate) steps: usize,
}

impl Grid {
    pub(crate) fn one(at_ms: i64) -> Self {
        Self { start_ms: at_ms, step_ms: 1, steps: 1 }
    }

    pub(crate) fn between(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let span = i128::from(end_ms) - i128::from(start_ms);
        let steps = usize::try_from(span / i128::from(step_ms) + 1).unwrap_or(usize::MAX);
        Self { start_ms, step_ms, steps }
    }

    /// The moment of `step`, from 0.
    pub(crate) fn at(self, step: usize) -> i64 {
        self.start_ms.saturating_add((step as i64).saturating_mul(self.step_ms))
    }

    pub(crate) fn end_ms(self) -> i64 {
        self.at(self.steps - 1)
    }
}

/// The value of an expression at all steps.
pub(crate) enum Outcome {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Row>),
}

/// What an evaluation needs to know besides the expression.
pub(crate) struct Context<'a> {
    pub(crate) storage: &'a dyn Storage,
    /// The query's own range, which `@ start()` and `@ end()` name even inside subqueries.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) lookback_ms: i64,
    pub(crate) subquery_step_ms: i64,
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) cancel: &'a Cancel,
}

impl Context<'_> {
    /// Fails when the query must end; called once for every series, at least.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cancel.is_canceled() {
            return Err(Error::Canceled);
        }
        if Instant::now() >= self.deadline {
            return Err(Error::Timeout);
        }
        Ok(())
    }

    /// Fails when `rows` over `grid` would hold too much, before it is allocated.
    pub(crate) fn check_size(&self, rows: usize, grid: Grid) -> Result<(), Error> {
        self.check()?;
        let bound = self.limits.max_samples;
        if rows.saturating_mul(grid.steps) > bound {
            return Err(Error::TooLarge { limit: "max_samples", bound });
        }
        Ok(())
    }

    /// The moments that a modified selector or subquery looks at.
    pub(crate) fn shift(&self, moment: Moment, grid: Grid) -> Grid {
        let offset_ms = moment.offset_ms.unwrap_or(0);
        let anchor_ms = match moment.anchor {
            None => {
                return Grid { start_ms: grid.start_ms.saturating_sub(offset_ms), ..grid };
            }
            Some(Anchor::At(at_ms)) => at_ms,
            Some(Anchor::Start) => self.start_ms,
            Some(Anchor::End) => self.end_ms,
        };
        Grid { start_ms: anchor_ms.saturating_sub(offset_ms), step_ms: 0, steps: grid.steps }
    }
}

/// Evaluates `expr`, which is no range vector, at every step of `grid`.
pub(crate) fn evaluate(context: &Context<'_>, expr: &Expr, grid: Grid) -> Result<Outcome, Error> {
    context.check()?;
    Ok(match &expr.kind {
        Kind::Number(number) => Outcome::Scalar(vec![*number; grid.steps]),
        Kind::String(text) => Outcome::Text(text.clone()),
        Kind::Selector(selector) => Outcome::Vector(select::instant(context, selector, grid)?),
        Kind::Paren(inner) => evaluate(context, inner, grid)?,
        Kind::Negate(inner) => match evaluate(context, inner, grid)? {
            Outcome::Scalar(values) => {
                Outcome::Scalar(values.into_iter().map(|value| -value).collect())
            }
            Outcome::Vector(rows) => Outcome::Vector(renamed(rows, |value| -value)?),
            text @ Outcome::Text(_) => text,
        },
        Kind::Binary(binary) => binary::evaluate(context, binary, grid)?,
        Kind::Aggregate(aggregate) => {
            Outcome::Vector(aggregate::evaluate(context, aggregate, grid)?)
        }
        Kind::Call { function, args } => call::evaluate(context, function.name, args, grid)?,
        Kind::Range { .. } | Kind::Subquery(_) => {
            return Err(Error::BadQuery("a range vector has no value at a moment".into()));
        }
    })
}

/// `evaluate` where the checks allow a scalar only.
pub(crate) fn scalar(context: &Context<'_>, expr: &Expr, grid: Grid) -> Result<Vec<f64>, Error> {
    match evaluate(context, expr, grid)? {
        Outcome::Scalar(values) => Ok(values),
        Outcome::Text(_) | Outcome::Vector(_) => Err(Error::Execution("expected a scalar".into())),
    }
}

/// `evaluate` where the checks allow an instant vector only.
pub(crate) fn vector(context: &Context<'_>, expr: &Expr, grid: Grid) -> Result<Vec<Row>, Error> {
    match evaluate(context, expr, grid)? {
        Outcome::Vector(rows) => Ok(rows),
        Outcome::Scalar(_) | Outcome::Text(_) => {
            Err(Error::Execution("expected an instant vector".into()))
        }
    }
}

/// `evaluate` where the checks allow a string only.
pub(crate) fn text(expr: &Expr) -> Result<&str, Error> {
    match &expr.without_parens().kind {
        Kind::String(text) => Ok(text),
        _ => Err(Error::Execution("expected a string".into())),
    }
}

/// Every value changed, and the metric's name gone, since it no longer fits.
pub(crate) fn renamed(rows: Vec<Row>, change: impl Fn(f64) -> f64) -> Result<Vec<Row>, Error> {
    let renamed = rows.into_iter().map(|row| {
        let labels = labels::without_name(&row.labels);
        Row { labels, ..row.map(&change) }
    });
    rows::merge(renamed.collect(), "vector")
}
