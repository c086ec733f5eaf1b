//! Aggregations: many series into one of each group.

use std::collections::HashMap;

use model::series::Labels;

use super::rows::{self, ABSENT, Row, is_present};
use super::{Context, Grid, over_time, quantile, ranking, scalar, text, vector};
use crate::error::Error;
use crate::labels;
use crate::syntax::ast::{Aggregate, AggregateOp};

/// Groups in order of their first series.
type Groups = Vec<(Labels, Vec<usize>)>;

pub(super) fn evaluate(
    context: &Context<'_>,
    aggregate: &Aggregate,
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    let Aggregate { op, param, expr, grouping } = aggregate;
    let rows = vector(context, expr, grid)?;
    let param = param.as_ref();
    let numbers = || param.map_or_else(|| Ok(Vec::new()), |param| scalar(context, param, grid));
    if *op == AggregateOp::CountValues {
        let label = param.map_or(Ok(""), text)?;
        return count_values(context, label, aggregate, &rows, grid);
    }
    let numbers = if op.param_type().is_some() { numbers()? } else { Vec::new() };
    let groups = group(&rows, |row| labels::group(&row.labels, grouping));
    match op {
        AggregateOp::Topk | AggregateOp::Bottomk => {
            rank(&numbers, *op == AggregateOp::Topk, &rows, &groups, grid)
        }
        AggregateOp::Quantile => fold(context, &rows, groups, grid, |step, values| {
            quantile::of(numbers[step], values.collect())
        }),
        _ => fold(context, &rows, groups, grid, |_, values| reduce(*op, values)),
    }
}

fn group(rows: &[Row], key: impl Fn(&Row) -> Labels) -> Groups {
    let mut groups = Groups::new();
    let mut places: HashMap<Labels, usize, foldhash::fast::RandomState> = HashMap::default();
    for (index, row) in rows.iter().enumerate() {
        let key = key(row);
        let place = *places.entry(key.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[place].1.push(index);
    }
    groups
}

fn fold(
    context: &Context<'_>,
    rows: &[Row],
    groups: Groups,
    grid: Grid,
    reduce: impl Fn(usize, &mut dyn Iterator<Item = f64>) -> f64,
) -> Result<Vec<Row>, Error> {
    context.check_size(groups.len(), grid)?;
    let mut folded = Vec::with_capacity(groups.len());
    for (labels, members) in groups {
        context.check()?;
        let at = |step: usize| {
            let values = members.iter().map(|member| rows[*member].values[step]);
            let mut values = values.filter(|value| is_present(*value)).peekable();
            if values.peek().is_none() { ABSENT } else { reduce(step, &mut values) }
        };
        let values = (0..grid.steps).map(at).collect();
        folded.push(Row { labels, values });
    }
    rows::merge(folded, "vector")
}

fn reduce(op: AggregateOp, values: &mut dyn Iterator<Item = f64>) -> f64 {
    match op {
        AggregateOp::Sum => values.reduce(|sum, value| sum + value).unwrap_or(0.0),
        AggregateOp::Count => values.count() as f64,
        AggregateOp::Group => 1.0,
        AggregateOp::Min => values
            .reduce(|min, value| if min > value || min.is_nan() { value } else { min })
            .unwrap_or(f64::NAN),
        AggregateOp::Max => values
            .reduce(|max, value| if max < value || max.is_nan() { value } else { max })
            .unwrap_or(f64::NAN),
        AggregateOp::Avg => mean(values),
        AggregateOp::Stdvar => variance(values),
        AggregateOp::Stddev => variance(values).sqrt(),
        // These have a parameter and are handled before.
        AggregateOp::Topk
        | AggregateOp::Bottomk
        | AggregateOp::Quantile
        | AggregateOp::CountValues => f64::NAN,
    }
}

fn mean(values: &mut dyn Iterator<Item = f64>) -> f64 {
    let mut mean = values.next().unwrap_or(f64::NAN);
    let mut count = 1.0;
    for value in values {
        count += 1.0;
        if !over_time::keeps_infinite_mean(mean, value) {
            mean += value / count - mean / count;
        }
    }
    mean
}

fn variance(values: &mut dyn Iterator<Item = f64>) -> f64 {
    let mut mean = values.next().unwrap_or(f64::NAN);
    let (mut count, mut squares) = (1.0, 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

fn rank(
    counts: &[f64],
    is_top: bool,
    rows: &[Row],
    groups: &Groups,
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    let mut kept: Vec<Option<Vec<f64>>> = vec![None; rows.len()];
    let mut order = Vec::new();
    for (step, k) in counts.iter().copied().enumerate() {
        if !(k >= i64::MIN as f64 && k <= i64::MAX as f64) {
            return Err(Error::Execution(format!("scalar value {k} overflows int64")));
        }
        if k < 1.0 {
            continue;
        }
        for (_, members) in groups {
            let values = members.iter().map(|member| (*member, rows[*member].values[step]));
            let values = values.filter(|(_, value)| is_present(*value));
            for (index, value) in ranking::best(values, k as usize, is_top) {
                let row = kept[index].get_or_insert_with(|| {
                    order.push(index);
                    vec![ABSENT; grid.steps]
                });
                row[step] = value;
            }
        }
    }
    let take = |index: usize| {
        let values = kept[index].take()?;
        Some(Row { labels: rows[index].labels.clone(), values })
    };
    Ok(order.into_iter().filter_map(take).collect())
}

fn count_values(
    context: &Context<'_>,
    label: &str,
    aggregate: &Aggregate,
    rows: &[Row],
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    if !labels::is_valid_name(label) {
        return Err(Error::Execution(format!("invalid label name {label:?}")));
    }
    let mut counted: Vec<Row> = Vec::new();
    let mut places: HashMap<(Labels, u64), usize> = HashMap::new();
    for row in rows {
        context.check_size(counted.len(), grid)?;
        // The new label replaces an old one of its name, which thus does not tell groups apart.
        let group = labels::with(&labels::group(&row.labels, &aggregate.grouping), label, "");
        for (step, value) in row.values.iter().copied().enumerate() {
            if !is_present(value) {
                continue;
            }
            let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
            let place = *places.entry((group.clone(), bits)).or_insert_with(|| {
                let labels = labels::with(&group, label, &go_float(value));
                counted.push(Row { labels, values: vec![ABSENT; grid.steps] });
                counted.len() - 1
            });
            let cell = &mut counted[place].values[step];
            *cell = if is_present(*cell) { *cell + 1.0 } else { 1.0 };
        }
    }
    Ok(counted)
}

/// A float as Go prints it in full: the shortest digits that give it back, no exponent.
fn go_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{value}")
    }
}
