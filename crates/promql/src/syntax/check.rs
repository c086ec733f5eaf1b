//! Types: what may stand where. Messages say what was expected.

use super::ast::{Binary, Cardinality, Expr, Type};
use super::functions::Function;

pub(super) fn expect_type(expected: Type, found: Type, place: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("expected type {} in {place}, got {}", expected.name(), found.name()))
}

pub(super) fn expect_number_like(found: Type, place: &str) -> Result<(), String> {
    match found {
        Type::Scalar | Type::Vector => Ok(()),
        Type::String | Type::Matrix => Err(format!(
            "{place} only allowed on expressions of type scalar or instant vector, got {}",
            found.name()
        )),
    }
}

/// Arity and types; the number names the argument that is wrong.
pub(super) fn call(function: &Function, args: &[Expr]) -> Result<(), (Option<usize>, String)> {
    let Function { name, min, max, .. } = *function;
    let count = args.len();
    let bound = match () {
        () if min == max && count != min => format!("{min}"),
        () if count < min => format!("at least {min}"),
        () if count > max => format!("at most {max}"),
        () => {
            for (index, arg) in args.iter().enumerate() {
                let expected = function.args[index.min(function.args.len() - 1)];
                let place = format!("call to function {name:?}");
                expect_type(expected, arg.value_type(), &place)
                    .map_err(|message| (Some(index), message))?;
            }
            return Ok(());
        }
    };
    Err((None, format!("expected {bound} argument(s) in call to {name:?}, got {count}")))
}

pub(super) fn binary(binary: &Binary, is_explicit: bool) -> Result<(), String> {
    let Binary { op, left, right, returns_bool, matching } = binary;
    let (left, right) = (left.value_type(), right.value_type());
    for side in [left, right] {
        expect_number_like(side, "binary expression")?;
    }
    let has_scalar = left == Type::Scalar || right == Type::Scalar;
    if *returns_bool && !op.is_comparison() {
        return Err("bool modifier can only be used on comparison operators".into());
    }
    if op.is_comparison() && left == Type::Scalar && right == Type::Scalar && !returns_bool {
        return Err("comparisons between scalars must use the bool modifier".into());
    }
    if op.is_set() && has_scalar {
        return Err("set operators are only allowed between instant vectors".into());
    }
    if op.is_set() && matching.cardinality != Cardinality::OneToOne {
        return Err("no grouping allowed for set operations".into());
    }
    let grouping = &matching.grouping;
    if has_scalar && is_explicit && !grouping.labels.is_empty() {
        return Err("vector matching only allowed between instant vectors".into());
    }
    let shared = matching.include.iter().find(|label| grouping.labels.contains(label));
    match shared {
        Some(label) if grouping.keeps => {
            Err(format!("label {label:?} must not occur in on and group clause at once"))
        }
        _ => Ok(()),
    }
}
