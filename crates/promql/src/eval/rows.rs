//! Instant vectors over all steps at once: one row for each series.

use std::collections::HashMap;

use model::series::{Labels, STALE_NAN, Sample, is_stale};

use super::Grid;
use crate::error::Error;
use crate::storage::Series;

/// One series' value at each step; where it has none stands [`ABSENT`].
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<f64>,
}

/// No value: the bits of a stale marker, which no calculation yields and no selector lets through.
pub(crate) const ABSENT: f64 = STALE_NAN;

/// Whether a cell holds a value.
pub(crate) fn is_present(value: f64) -> bool {
    !is_stale(value)
}

impl Row {
    pub(crate) fn is_present(&self, step: usize) -> bool {
        is_present(self.values[step])
    }

    /// The row with `change` applied to each present value.
    pub(crate) fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        for value in self.values.iter_mut().filter(|value| is_present(**value)) {
            *value = change(*value);
        }
        self
    }

    pub(crate) fn into_series(self, grid: Grid) -> Series {
        let cells = self.values.into_iter().enumerate().filter(|(_, value)| is_present(*value));
        let samples = cells.map(|(step, value)| Sample { at_ms: grid.at(step), value }).collect();
        Series { labels: self.labels, samples }
    }
}

/// Leaves out rows without any value and unites rows of equal labels; two values of equal labels
/// at one step are an error that names `what`.
pub(crate) fn merge(rows: Vec<Row>, what: &str) -> Result<Vec<Row>, Error> {
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    let mut places: HashMap<Labels, usize, foldhash::fast::RandomState> = HashMap::default();
    for row in rows {
        if !row.values.iter().copied().any(is_present) {
            continue;
        }
        let place = *places.entry(row.labels.clone()).or_insert(merged.len());
        let Some(target) = merged.get_mut(place) else {
            merged.push(row);
            continue;
        };
        for (cell, value) in target.values.iter_mut().zip(row.values) {
            if is_present(value) {
                if is_present(*cell) {
                    let labels = row.labels;
                    return Err(Error::Execution(format!(
                        "{what} cannot contain metrics with the same labelset {labels}"
                    )));
                }
                *cell = value;
            }
        }
    }
    Ok(merged)
}
