//! Numbers as Go prints them: `1e+06`, where the template engine would write `1000000`.

use std::sync::Arc;

use gotmpl::parse::{CommandNode, Expr, ListNode, Node};
use gotmpl::{FuncMap, Value};

/// The function that each action ends with; no template can name it.
const SHOW: &str = "show a number";

/// Puts [`SHOW`] behind every action of `list`.
pub(super) fn show_in(list: &mut ListNode) {
    for node in &mut list.nodes {
        match node {
            Node::List(list) => show_in(list),
            Node::Action(action) if action.pipe.decl.is_empty() => {
                let pos = action.pipe.pos;
                let args = vec![Expr::Identifier(pos, SHOW.into())];
                action.pipe.commands.push(CommandNode { pos, args });
            }
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                show_in(&mut branch.body);
                branch.else_body.iter_mut().for_each(show_in);
            }
            _ => {}
        }
    }
}

/// [`SHOW`], and the functions that print numbers as they are.
pub(super) fn add_to(functions: &mut FuncMap) {
    let show = |args: &[Value]| match args {
        [Value::Float(number)] => Ok(Value::String(text(*number).into())),
        [other] => Ok(other.clone()),
        _ => Ok(Value::Nil),
    };
    functions.insert(SHOW.into(), Arc::new(show));
    let print = |args: &[Value]| Ok(Value::String(joined(args, false).into()));
    functions.insert("print".into(), Arc::new(print));
    let println = |args: &[Value]| Ok(Value::String((joined(args, true) + "\n").into()));
    functions.insert("println".into(), Arc::new(println));
}

/// As Go's `Sprint` joins: with a blank between two that are no texts, or between all.
fn joined(args: &[Value], is_spaced: bool) -> String {
    let mut joined = String::new();
    let mut was_text = true;
    for (index, arg) in args.iter().enumerate() {
        let is_text = matches!(arg, Value::String(_));
        if index > 0 && (is_spaced || !(is_text || was_text)) {
            joined.push(' ');
        }
        match arg {
            Value::Float(number) => joined.push_str(&text(*number)),
            other => joined.push_str(&other.to_string()),
        }
        was_text = is_text;
    }
    joined
}

/// Go's `%v`: the shortest digits that give the number back, very small and large ones with an exponent.
fn text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..LARGE).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// From this exponent on a number is written with it.
const LARGE: i32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    // As promtool renders `{{ $value }}`.
    #[test]
    fn numbers_are_those_of_go() {
        for (number, expected) in [
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1e6, "1e+06"),
            (1e21, "1e+21"),
            (123_456_789.5, "1.234567895e+08"),
            (-2.5e6, "-2.5e+06"),
            (0.000_012_34, "1.234e-05"),
            (0.0001, "0.0001"),
            (100.0, "100"),
            (0.0, "0"),
        ] {
            assert_eq!(text(number), expected);
        }
    }
}
