//! Queries, their limits, and the two ways to ask: for one moment and for a range.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::series::{Matcher, Sample};
use tokio::time::Instant;

use crate::error::Error;
use crate::eval::{self, Context, Grid, Outcome};
use crate::storage::{Series, Storage};
use crate::syntax::apart;
use crate::syntax::ast::{Expr, Kind, Moment, Type};
use crate::syntax::parser;
use crate::value::Value;

/// What a query may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the start of evaluation; 2 minutes, as in Prometheus.
    pub timeout: Duration,
    /// Samples and values that any one part of the expression holds at once; 50 million, as in
    /// Prometheus.
    pub max_samples: usize,
    /// Series that one selector may read; 3 million: all of a thousand members, and room.
    pub max_series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_mins(2), max_samples: 50_000_000, max_series: 3_000_000 }
    }
}

/// Stops a query from another thread, or when its time is over; clones stop the same query.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    is_canceled: Arc<AtomicBool>,
    at: Option<Instant>,
}

impl Cancel {
    /// Stops the query by itself after `time`.
    pub fn after(time: Duration) -> Self {
        Self { at: Some(Instant::now() + time), ..Self::default() }
    }

    /// Makes the query end soon with [`Error::Canceled`].
    pub fn cancel(&self) {
        self.is_canceled.store(true, Ordering::Relaxed);
    }

    /// Whether the query is to end.
    pub fn is_canceled(&self) -> bool {
        self.is_canceled.load(Ordering::Relaxed) || self.at.is_some_and(|at| Instant::now() >= at)
    }
}

/// A parsed and checked expression.
#[derive(Debug, Clone)]
pub struct Query {
    expr: Expr,
}

impl Query {
    /// Parses `text`; an error tells the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parser::parse(text).map(|expr| Self { expr })
    }

    /// Whether the query may be evaluated for the series of each value of `label` by themselves, and
    /// yields the same: no value depends on series of another value, and each has the label.
    pub fn keeps_apart(&self, label: &str) -> bool {
        apart::is_apart(&self.expr, label)
    }

    /// The conditions of the query when it is a single selector of the present, as `match[]`
    /// parameters are.
    pub fn matchers(&self) -> Option<&[Matcher]> {
        match &self.expr.kind {
            Kind::Selector(selector) if selector.moment == Moment::default() => {
                Some(&selector.matchers)
            }
            _ => None,
        }
    }
}

/// Evaluates queries.
#[derive(Debug, Clone)]
pub struct Engine {
    /// How long a sample counts as the present value: 5 minutes, as in Prometheus.
    pub lookback: Duration,
    /// The step of subqueries that name none: 1 minute, as in Prometheus.
    pub subquery_step: Duration,
    /// What a query may cost.
    pub limits: Limits,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            lookback: Duration::from_mins(5),
            subquery_step: Duration::from_mins(1),
            limits: Limits::default(),
        }
    }
}

impl Engine {
    /// The value of `query` at one moment, milliseconds since 1970 UTC.
    pub fn instant(
        &self,
        storage: &dyn Storage,
        query: &Query,
        at_ms: i64,
        cancel: &Cancel,
    ) -> Result<Value, Error> {
        let grid = Grid::one(at_ms);
        let context = self.context(storage, grid, cancel);
        if query.expr.value_type() == Type::Matrix {
            let series = eval::windows::raw(&context, query.expr.without_parens(), grid)?;
            return Ok(Value::Matrix(sorted(series)));
        }
        Ok(match eval::evaluate(&context, &query.expr, grid)? {
            Outcome::Scalar(values) => Value::Scalar(Sample { at_ms, value: values[0] }),
            Outcome::Text(text) => Value::String(at_ms, text),
            Outcome::Vector(rows) => {
                let sample = |value| Sample { at_ms, value };
                let rows = rows.into_iter().filter(|row| row.is_present(0));
                Value::Vector(rows.map(|row| (row.labels.clone(), sample(row.values[0]))).collect())
            }
        })
    }

    /// The values of `query` at each step of `start_ms..=end_ms`, always a matrix.
    pub fn range(
        &self,
        storage: &dyn Storage,
        query: &Query,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        cancel: &Cancel,
    ) -> Result<Value, Error> {
        if step_ms <= 0 {
            return Err(Error::BadQuery("step must be greater than 0".into()));
        }
        if end_ms < start_ms {
            return Err(Error::BadQuery("end must not be before start".into()));
        }
        let found = query.expr.value_type();
        if matches!(found, Type::Matrix | Type::String) {
            let found = found.name();
            return Err(Error::BadQuery(format!(
                "invalid expression type {found:?} for range query, must be scalar or instant vector"
            )));
        }
        let grid = Grid::between(start_ms, end_ms, step_ms);
        let context = self.context(storage, grid, cancel);
        context.check_size(1, grid)?;
        let series = match eval::evaluate(&context, &query.expr, grid)? {
            Outcome::Scalar(values) => {
                let at = |(step, value)| Sample { at_ms: grid.at(step), value };
                let samples = values.into_iter().enumerate().map(at).collect();
                vec![Series { labels: model::series::Labels::default(), samples }]
            }
            Outcome::Text(_) => Vec::new(),
            Outcome::Vector(rows) => {
                let rows = eval::rows::merge(rows, "vector")?;
                rows.into_iter().map(|row| row.into_series(grid)).collect()
            }
        };
        Ok(Value::Matrix(sorted(series)))
    }

    fn context<'a>(
        &'a self,
        storage: &'a dyn Storage,
        grid: Grid,
        cancel: &'a Cancel,
    ) -> Context<'a> {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Context {
            storage,
            start_ms: grid.start_ms,
            end_ms: grid.at(grid.steps - 1),
            lookback_ms: ms(self.lookback),
            subquery_step_ms: ms(self.subquery_step).max(1),
            limits: &self.limits,
            deadline: Instant::now() + self.limits.timeout,
            cancel,
        }
    }
}

fn sorted(mut series: Vec<Series>) -> Vec<Series> {
    series.retain(|series| !series.samples.is_empty());
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}
