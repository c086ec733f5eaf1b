//! What a query answers.

use model::series::{Labels, Sample};

use crate::storage::Series;

/// What a query answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number without labels.
    Scalar(Sample),
    /// A string literal, for the moment asked about (ms).
    String(i64, String),
    /// One sample of each series, in the order that the expression gives.
    Vector(Vec<(Labels, Sample)>),
    /// Samples of each series, in order of the labels.
    Matrix(Vec<Series>),
}
