//! Binary operators: of numbers, of a vector and a number, of two vectors.

use std::collections::{HashMap, HashSet};

use model::series::Labels;

use super::rows::{self, ABSENT, Row, is_present};
use super::{Context, Grid, Outcome};
use crate::error::Error;
use crate::labels;
use crate::syntax::ast::{Binary, BinaryOp, Cardinality};

pub(super) fn evaluate(
    context: &Context<'_>,
    binary: &Binary,
    grid: Grid,
) -> Result<Outcome, Error> {
    let left = super::evaluate(context, &binary.left, grid)?;
    let right = super::evaluate(context, &binary.right, grid)?;
    context.check()?;
    Ok(match (left, right) {
        (Outcome::Scalar(left), Outcome::Scalar(right)) => {
            let pairs = left.into_iter().zip(right);
            Outcome::Scalar(pairs.map(|(a, b)| of_scalars(binary.op, a, b)).collect())
        }
        (Outcome::Vector(rows), Outcome::Scalar(numbers)) => {
            Outcome::Vector(with_scalar(binary, rows, &numbers, false)?)
        }
        (Outcome::Scalar(numbers), Outcome::Vector(rows)) => {
            Outcome::Vector(with_scalar(binary, rows, &numbers, true)?)
        }
        (Outcome::Vector(left), Outcome::Vector(right)) => Outcome::Vector(match binary.op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => of_sets(binary, left, right, grid)?,
            _ => of_vectors(context, binary, left, right, grid)?,
        }),
        _ => return Err(Error::Execution("expected scalars or instant vectors".into())),
    })
}

fn of_scalars(op: BinaryOp, left: f64, right: f64) -> f64 {
    match compute(op, left, right) {
        _ if !op.is_comparison() => compute(op, left, right).unwrap_or(f64::NAN),
        Some(_) => 1.0,
        None => 0.0,
    }
}

/// The result; none where a comparison fails, and the left value where it holds.
fn compute(op: BinaryOp, left: f64, right: f64) -> Option<f64> {
    let holds = match op {
        BinaryOp::Add => return Some(left + right),
        BinaryOp::Sub => return Some(left - right),
        BinaryOp::Mul => return Some(left * right),
        BinaryOp::Div => return Some(left / right),
        BinaryOp::Mod => return Some(left % right),
        BinaryOp::Pow => return Some(left.powf(right)),
        BinaryOp::Atan2 => return Some(left.atan2(right)),
        BinaryOp::Eq => left == right,
        BinaryOp::Ne => left != right,
        BinaryOp::Gt => left > right,
        BinaryOp::Lt => left < right,
        BinaryOp::Ge => left >= right,
        BinaryOp::Le => left <= right,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => false,
    };
    holds.then_some(left)
}

fn with_scalar(
    binary: &Binary,
    rows: Vec<Row>,
    numbers: &[f64],
    is_swapped: bool,
) -> Result<Vec<Row>, Error> {
    let op = binary.op;
    let drops_name = op.drops_name() || binary.returns_bool;
    let combine = |value: f64, number: f64| {
        let (left, right) = if is_swapped { (number, value) } else { (value, number) };
        match compute(op, left, right) {
            kept if binary.returns_bool => f64::from(u8::from(kept.is_some())),
            // A filter keeps the vector's value, whichever side it stands on.
            Some(_) if op.is_comparison() => value,
            kept => kept.unwrap_or(ABSENT),
        }
    };
    let combined = rows.into_iter().map(|mut row| {
        for (value, number) in row.values.iter_mut().zip(numbers) {
            if is_present(*value) {
                *value = combine(*value, *number);
            }
        }
        if drops_name {
            row.labels = labels::without_name(&row.labels);
        }
        row
    });
    rows::merge(combined.collect(), "vector")
}

fn of_sets(
    binary: &Binary,
    left: Vec<Row>,
    right: Vec<Row>,
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    let key = |row: &Row| labels::group(&row.labels, &binary.matching.grouping);
    let is_or = binary.op == BinaryOp::Or;
    // `or` lets a right series through where no left one has its key; the others judge the left.
    let (judges, mut judged) = if is_or { (&left, right) } else { (&right, left.clone()) };
    let mut seen: HashMap<Labels, Vec<bool>, foldhash::fast::RandomState> = HashMap::default();
    for row in judges {
        let steps = seen.entry(key(row)).or_insert_with(|| vec![false; grid.steps]);
        for (step, is_seen) in steps.iter_mut().enumerate() {
            *is_seen |= row.is_present(step);
        }
    }
    for row in &mut judged {
        let steps = seen.get(&key(row));
        for (step, value) in row.values.iter_mut().enumerate() {
            let is_seen = steps.is_some_and(|steps| steps[step]);
            if is_seen != (binary.op == BinaryOp::And) {
                *value = ABSENT;
            }
        }
    }
    if is_or {
        judged.splice(0..0, left);
    }
    rows::merge(judged, "vector")
}

/// Series of both sides that share a match group.
#[derive(Default)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

fn of_vectors(
    context: &Context<'_>,
    binary: &Binary,
    left: Vec<Row>,
    right: Vec<Row>,
    grid: Grid,
) -> Result<Vec<Row>, Error> {
    let cardinality = binary.matching.cardinality;
    let is_swapped = cardinality == Cardinality::OneToMany;
    let (many, one) = if is_swapped { (right, left) } else { (left, right) };
    let key = |row: &Row| labels::group(&row.labels, &binary.matching.grouping);
    let mut groups: HashMap<Labels, Group, foldhash::fast::RandomState> = HashMap::default();
    for (index, row) in one.iter().enumerate() {
        groups.entry(key(row)).or_default().one.push(index);
    }
    for (index, row) in many.iter().enumerate() {
        if let Some(group) = groups.get_mut(&key(row)) {
            group.many.push(index);
        }
    }
    let many_present = present_steps(&many, grid);
    // Rows of the result in order of the many side's series.
    let mut results: Vec<(usize, Row)> = Vec::new();
    for (group_labels, group) in &groups {
        context.check()?;
        check_one_side(group_labels, group, &one, &many_present, is_swapped)?;
        let mut matched = vec![0_u32; grid.steps];
        let mut taken = HashSet::new();
        for many_index in &group.many {
            for one_index in &group.one {
                let labels = result_labels(binary, &many[*many_index], &one[*one_index]);
                let pairs = many[*many_index].values.iter().zip(&one[*one_index].values);
                let mut values = Vec::with_capacity(grid.steps);
                for (step, (many, one)) in pairs.enumerate() {
                    let mut value = ABSENT;
                    if is_present(*many) && is_present(*one) {
                        let (left, right) = if is_swapped { (*one, *many) } else { (*many, *one) };
                        let kept = compute(binary.op, left, right);
                        value = match kept {
                            _ if binary.returns_bool => f64::from(u8::from(kept.is_some())),
                            kept => kept.unwrap_or(ABSENT),
                        };
                    }
                    if !is_present(value) {
                        values.push(ABSENT);
                        continue;
                    }
                    matched[step] += 1;
                    if cardinality == Cardinality::OneToOne && matched[step] > 1 {
                        return Err(Error::Execution(
                            "multiple matches for labels: many-to-one matching must be explicit \
                             (group_left/group_right)"
                                .into(),
                        ));
                    }
                    if cardinality != Cardinality::OneToOne && !taken.insert((step, labels.clone()))
                    {
                        return Err(Error::Execution(
                            "multiple matches for labels: grouping labels must ensure unique \
                             matches"
                                .into(),
                        ));
                    }
                    values.push(value);
                }
                results.push((*many_index, Row { labels, values }));
            }
        }
    }
    results.sort_by_key(|(index, _)| *index);
    rows::merge(results.into_iter().map(|(_, row)| row).collect(), "vector")
}

/// At which steps any of the series has a value.
fn present_steps(rows: &[Row], grid: Grid) -> Vec<bool> {
    let is_present = |step| rows.iter().any(|row| row.is_present(step));
    (0..grid.steps).map(is_present).collect()
}

/// The "one" side may hold one series of each group at a step; with nothing to match it does not
/// matter.
fn check_one_side(
    labels: &Labels,
    group: &Group,
    one: &[Row],
    is_needed: &[bool],
    is_swapped: bool,
) -> Result<(), Error> {
    if group.one.len() < 2 {
        return Ok(());
    }
    for step in (0..is_needed.len()).filter(|step| is_needed[*step]) {
        let mut present = group.one.iter().filter(|index| one[**index].is_present(step));
        if let (Some(first), Some(second)) = (present.next(), present.next()) {
            let side = if is_swapped { "left" } else { "right" };
            let (first, second) = (&one[*first].labels, &one[*second].labels);
            return Err(Error::Execution(format!(
                "found duplicate series for the match group {labels} on the {side} hand-side of \
                 the operation: [{second}, {first}]; many-to-many matching not allowed: matching \
                 labels must be unique on one side"
            )));
        }
    }
    Ok(())
}

fn result_labels(binary: &Binary, many: &Row, one: &Row) -> Labels {
    let matching = &binary.matching;
    let drops_name = binary.op.drops_name() || binary.returns_bool;
    let is_listed = |name: &str| matching.grouping.labels.iter().any(|listed| listed == name);
    let is_one_to_one = matching.cardinality == Cardinality::OneToOne;
    let mut labels = many.labels.filter(|name| {
        let is_dropped_name = drops_name && name == labels::NAME;
        !is_dropped_name && (!is_one_to_one || is_listed(name) == matching.grouping.keeps)
    });
    for name in &matching.include {
        labels = labels::with(&labels, name, one.labels.get(name).unwrap_or_default());
    }
    labels
}
