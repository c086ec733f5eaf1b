//! Which expressions can be evaluated for the series of each value of a label by themselves.

use super::ast::{Aggregate, AggregateOp, Expr, Grouping, Kind, Type};

/// Whether no value of `expr` depends on series that have different values of `label`, and each
/// value of it has the label as the series had that it is made of.
pub(crate) fn is_apart(expr: &Expr, label: &str) -> bool {
    let is_apart = |expr: &Expr| is_apart(expr, label);
    match &expr.kind {
        Kind::Selector(_) | Kind::Range { .. } => true,
        // A number has no labels.
        Kind::Number(_) | Kind::String(_) => false,
        Kind::Subquery(subquery) => is_apart(&subquery.expr),
        Kind::Negate(inner) | Kind::Paren(inner) => is_apart(inner),
        Kind::Binary(binary) => {
            let (left, right) = (&binary.left, &binary.right);
            match (is_constant(left), is_constant(right)) {
                (true, true) => false,
                (true, false) => is_apart(right),
                (false, true) => is_apart(left),
                (false, false) => {
                    keeps(&binary.matching.grouping, label) && is_apart(left) && is_apart(right)
                }
            }
        }
        Kind::Aggregate(aggregate) => is_aggregate_apart(aggregate, label),
        Kind::Call { function, args } => match function.name {
            // They tell of all series at once, or of none.
            "absent" | "absent_over_time" | "scalar" | "vector" => false,
            "label_replace" | "label_join" => {
                let target = args.get(1).map(|target| &target.without_parens().kind);
                let is_other = matches!(target, Some(Kind::String(name)) if name != label);
                is_other && args.first().is_some_and(is_apart)
            }
            _ => {
                let is_series =
                    |arg: &&Expr| matches!(arg.value_type(), Type::Vector | Type::Matrix);
                let mut of_series = args.iter().filter(is_series).peekable();
                // Without any they are of the moment.
                of_series.peek().is_some()
                    && of_series.all(is_apart)
                    && args.iter().filter(|arg| !is_series(arg)).all(is_constant)
            }
        },
    }
}

fn is_aggregate_apart(aggregate: &Aggregate, label: &str) -> bool {
    let is_param_apart = match (&aggregate.param, aggregate.op) {
        (None, _) => true,
        (Some(param), AggregateOp::CountValues) => {
            matches!(&param.without_parens().kind, Kind::String(name) if name != label)
        }
        (Some(param), _) => is_constant(param),
    };
    is_param_apart && keeps(&aggregate.grouping, label) && is_apart(&aggregate.expr, label)
}

/// Whether groups are of one value of `label` each.
fn keeps(grouping: &Grouping, label: &str) -> bool {
    grouping.labels.iter().any(|listed| listed == label) == grouping.keeps
}

/// Whether an expression is a number or a text that no series decides on.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Number(_) | Kind::String(_) => true,
        Kind::Negate(inner) | Kind::Paren(inner) => is_constant(inner),
        Kind::Binary(binary) => is_constant(&binary.left) && is_constant(&binary.right),
        Kind::Call { function, args } => {
            function.returns == Type::Scalar && args.iter().all(is_constant)
        }
        Kind::Selector(_) | Kind::Range { .. } | Kind::Subquery(_) | Kind::Aggregate(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::is_apart;

    #[test]
    fn what_depends_on_series_of_one_value_only_is_apart() {
        let is = |text: &str| is_apart(&parse(text).expect(text), "c");
        for apart in [
            "x",
            "x > 1",
            "time() - x > 2 * 60",
            "sum by (c, m) (rate(x[5m]))",
            "sum without (m) (x)",
            "x / on (c) group_left (v) y",
            "x and y",
            "x unless ignoring (m) y",
            "quantile by (c) (0.9, max_over_time(x[1h:1m] offset 5m))",
            r#"label_replace(x, "d", "$1", "c", "(.*)")"#,
            "round(x, 0.1)",
            "-(topk by (c) (3, x))",
            r#"count_values by (c) ("d", x)"#,
            "hour(x)",
        ] {
            assert!(is(apart), "{apart}");
        }
        for not in [
            "1",
            "vector(1)",
            "hour()",
            "sum(x)",
            "sum by (m) (x)",
            "sum without (c) (x)",
            "x / on (m) y",
            "x or vector(0)",
            "x unless ignoring (c) y",
            "absent(x)",
            "x > scalar(y)",
            "topk by (c) (scalar(y), x)",
            "clamp_min(x, scalar(y))",
            r#"label_replace(x, "c", "$1", "m", "(.*)")"#,
            r#"count_values by (c) ("c", x)"#,
            "sum by (c) (sum(x))",
        ] {
            assert!(!is(not), "{not}");
        }
    }
}
