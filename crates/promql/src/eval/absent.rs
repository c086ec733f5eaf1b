//! `absent` and `absent_over_time`: one where nothing is.

use model::series::{Labels, MatchOp};

use super::Grid;
use super::rows::{self, ABSENT, Row};
use crate::labels;
use crate::syntax::ast::{Expr, Kind};

/// 1 at each step where none of `rows` has a value, labeled by what `expr` asks for.
pub(super) fn evaluate(expr: &Expr, rows: &[Row], grid: Grid) -> Vec<Row> {
    let is_absent = |step| !rows.iter().any(|row| row.is_present(step));
    let values: Vec<_> =
        (0..grid.steps).map(|step| if is_absent(step) { 1.0 } else { ABSENT }).collect();
    if !values.iter().copied().any(rows::is_present) {
        return Vec::new();
    }
    vec![Row { labels: expected(expr), values }]
}

/// The labels that a selector fixes with `=`, unless it names them twice.
fn expected(expr: &Expr) -> Labels {
    let matchers = match &expr.without_parens().kind {
        Kind::Selector(selector) | Kind::Range { selector, .. } => &selector.matchers,
        _ => return Labels::default(),
    };
    let mut expected = Labels::default();
    let mut seen = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name() != labels::NAME) {
        let name = matcher.name();
        let is_fixed = matcher.op() == MatchOp::Eq && !seen.contains(&name);
        let value = if is_fixed { matcher.value() } else { "" };
        expected = labels::with(&expected, name, value);
        if is_fixed {
            seen.push(name);
        }
    }
    expected
}
