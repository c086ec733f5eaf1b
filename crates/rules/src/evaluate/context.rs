//! What the evaluation of one rule is given.

use jiff::Timestamp;
use model::series::Labels;
use promql::{Cancel, Engine, Query, Storage, Value};

use crate::template::{Subject, Template};

/// Labels and a value.
pub(super) type Point = (Labels, f64);

/// What the evaluation of one rule is given.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) engine: &'a Engine,
    pub(super) storage: &'a dyn Storage,
    pub(super) cancel: &'a Cancel,
    /// The moment that is asked about.
    pub(super) at_ms: i64,
    /// The moment of the evaluation, from which states count.
    pub(super) now: Timestamp,
    pub(super) external_labels: &'a Labels,
    pub(super) external_url: &'a str,
    /// The most series or alerts of a rule; 0 for no limit.
    pub(super) limit: usize,
}

impl Context<'_> {
    /// What `query` yields; a number counts as one sample without labels.
    pub(super) fn vector(&self, query: &Query) -> Result<Vec<Point>, String> {
        match self.engine.instant(self.storage, query, self.at_ms, self.cancel) {
            Ok(Value::Vector(rows)) => {
                Ok(rows.into_iter().map(|(labels, sample)| (labels, sample.value)).collect())
            }
            Ok(Value::Scalar(sample)) => Ok(vec![(Labels::default(), sample.value)]),
            Ok(Value::String(..) | Value::Matrix(_)) => {
                Err("rule result is not a vector or scalar".to_owned())
            }
            Err(error) => Err(with_causes(&error)),
        }
    }

    /// The text of `template` for a sample.
    pub(super) fn expand(&self, template: &Template, labels: &Labels, value: f64) -> String {
        let query = |text: &str| {
            let query = Query::parse(text).map_err(|error| error.to_string())?;
            self.vector(&query)
        };
        template.expand(Subject {
            labels,
            value,
            external_labels: self.external_labels,
            external_url: self.external_url,
            query: &query,
        })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
