//! What a user reads after a mistake, and the limits.

use promql::{Cancel, Engine, Error, Limits, Query};

use crate::data;
use crate::memory::Memory;

fn message(text: &str) -> String {
    Query::parse(text).expect_err("a mistake").to_string()
}

#[test]
fn mistakes_are_told_with_their_place_and_what_was_expected() {
    let expected = [
        (
            "sum(up",
            r#"1:7: parse error: unexpected end of input, expected "," or ")" in the arguments"#,
        ),
        ("up +", "1:5: parse error: unexpected end of input, expected an expression"),
        (
            "up up",
            r#"1:4: parse error: unexpected "up", expected an operator or the end of the query"#,
        ),
        (
            "ratee(up[5m])",
            r#"1:1: parse error: unknown function with name "ratee"; did you mean rate?"#,
        ),
        (
            "rate(up)",
            r#"1:6: parse error: expected type range vector in call to function "rate", got instant vector"#,
        ),
        (
            "up{a=1}",
            "1:6: parse error: unexpected number 1, expected a quoted string in the label condition",
        ),
        ("up\n  + {", r"2:6: parse error: unexpected end of input, expected a label name"),
        ("up[5]", "1:4: parse error: unexpected number 5, expected a duration such as 5m"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("1 > 2", "1:3: parse error: comparisons between scalars must use the bool modifier"),
    ];
    for (text, expected) in expected {
        assert_eq!(message(text), expected, "{text}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(message(&deep).contains("nests deeper"));
    assert!(message(&"1+".repeat(100_000)).contains("nests deeper"));
    assert!(message(&"-".repeat(100_000)).contains("nests deeper"));
}

#[test]
fn limits_are_named_and_cancelled_queries_end() {
    let memory = Memory(data::series());
    let query = Query::parse("sum(rate(up[5m]))").expect("a valid query");
    let at_ms = (data::START + 3600) * 1000;
    let limits = Limits { max_samples: 10, ..Limits::default() };
    let engine = Engine { limits, ..Engine::default() };
    let error = engine.instant(&memory, &query, at_ms, &Cancel::default()).expect_err("a limit");
    assert!(error.to_string().contains("max_samples of 10"), "{error}");
    let cancel = Cancel::default();
    cancel.cancel();
    let result = Engine::default().instant(&memory, &query, at_ms, &cancel);
    assert!(matches!(result, Err(Error::Canceled)));
}

#[test]
fn steps_of_zero_and_reversed_ranges_are_refused() {
    let memory = Memory(Vec::new());
    let query = Query::parse("up").expect("a valid query");
    for (start, end, step) in [(0, 1, 0), (0, 1, -1), (2, 1, 1)] {
        let result = Engine::default().range(&memory, &query, start, end, step, &Cancel::default());
        assert!(matches!(result, Err(Error::BadQuery(_))));
    }
    let huge = Engine::default().range(&memory, &query, 0, i64::MAX, 1, &Cancel::default());
    assert!(matches!(huge, Err(Error::TooLarge { limit: "max_samples", .. })));
}
