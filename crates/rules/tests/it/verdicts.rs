//! What promtool accepts, we accept; what it refuses, we refuse.

use std::fmt::Write as _;
use std::path::Path;

use crate::cases::{FILES, RULES, SERIES, TESTS};
use crate::promtool;

#[test]
fn tests_of_rules_have_the_verdicts_of_promtool() {
    let Some(promtool) = promtool::find() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("rules.yaml"), RULES).expect("written");
    let load = |pattern: &str| Ok(vec![(pattern.to_owned(), RULES.to_owned())]);
    let mut differences = Vec::new();
    let (mut good, mut bad) = (0, 0);
    for (name, body) in TESTS {
        let text = test_file(body);
        let path = dir.path().join("test.yaml");
        std::fs::write(&path, &text).expect("written");
        let (theirs, said) = promtool.run(&["test", "rules"], &[path]);
        let ours = rules::testing::run("test.yaml", &text, &load);
        good += usize::from(theirs);
        bad += usize::from(!theirs);
        if theirs != ours.is_empty() {
            differences.push(format!("{name}: promtool: {said}\nours: {}", ours.join("\n")));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(good >= 15 && bad >= 15, "{good} good and {bad} bad tests");
}

#[test]
fn rule_files_are_accepted_where_promtool_accepts_them() {
    let Some(promtool) = promtool::find() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rules.yaml");
    let mut differences = Vec::new();
    let mut good = 0;
    for (name, groups) in FILES {
        let text = format!("groups:\n{groups}\n");
        std::fs::write(&path, &text).expect("written");
        let (theirs, said) = promtool.run(&["check", "rules"], std::slice::from_ref(&path));
        let ours = rules::parse("rules.yaml", &text);
        good += usize::from(theirs);
        if theirs != ours.is_ok() {
            differences.push(format!("{name}: promtool: {said}\nours: {:?}", ours.err()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    let bad = FILES.len() - good;
    assert!(good >= 15 && bad >= 15, "{good} good and {bad} bad files");
}

#[test]
fn the_rules_that_ship_load_in_prometheus() {
    let Some(promtool) = promtool::find() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("default.yaml");
    let (is_well, said) = promtool.run(&["check", "rules"], &[path]);
    assert!(is_well, "{said}");
}

/// A test file of one line of `cases.rs`.
fn test_file(body: &str) -> String {
    let mut text = "rule_files: [rules.yaml]\nevaluation_interval: 1m\n\
        group_eval_order: [first, second, third]\ntests:\n"
        .to_owned();
    if let Some(raw) = body.strip_prefix("raw\n") {
        let raw = raw.trim_start();
        return format!("{text}  - {raw}");
    }
    write!(
        text,
        "  - interval: 1m\n    external_labels: {{region: eu}}\n    input_series:{SERIES}"
    )
    .expect("a string takes text");
    let (kind, rest) = body.split_at(body.len().min(2));
    let Some((head, expected)) = rest.split_once(" =") else { return text };
    let (what, at) = head.rsplit_once(" @ ").expect("a time");
    let expected = expected.trim();
    if kind == "A " {
        write!(
            text,
            "    alert_rule_test:\n      - eval_time: {at}\n        alertname: {what}\n        exp_alerts:\n"
        )
        .expect("a string takes text");
        for alert in expected.split(" | ").filter(|alert| !alert.is_empty()) {
            let (labels, annotations) = alert.split_once("} {").expect("labels and annotations");
            write!(
                text,
                "          - exp_labels: {labels}}}\n            exp_annotations: {{{annotations}\n"
            )
            .expect("a string takes text");
        }
    } else {
        write!(
            text,
            "    promql_expr_test:\n      - expr: '{what}'\n        eval_time: {at}\n        exp_samples:\n"
        )
        .expect("a string takes text");
        for sample in expected.split(", ").filter(|sample| !sample.is_empty()) {
            let (labels, value) = sample.rsplit_once(' ').expect("labels and a value");
            writeln!(text, "          - {{labels: '{labels}', value: {value}}}")
                .expect("a string takes text");
        }
    }
    text
}
