//! Good and bad rule files.

use super::*;

#[test]
fn a_file_is_read_with_all_that_it_may_hold() {
    let text = r"
groups:
  - name: etcd
    interval: 15s
    query_offset: 1m
    limit: 10
    labels: {team: db}
    rules:
      - record: a:rate5m
        expr: rate(a[5m])
        labels: {version: 1.10, on: true, team: own}
      - alert: Down
        expr: |
          up == 0
        for: 1m30s
        keep_firing_for: 0
        resolve_expr: up == 1
        labels:
          severity: critical
        annotations:
          summary: '{{ $labels.instance }} is down'
          empty:
";
    let file = parse("a.yaml", text).expect("a good file");
    assert_eq!((file.rules(), file.warnings.len()), (2, 0));
    let group = &file.groups[0];
    assert_eq!(group.key(), "a.yaml;etcd");
    assert_eq!((group.interval, group.limit), (Some(Duration::from_secs(15)), 10));
    assert_eq!(group.query_offset, Duration::from_mins(1));
    let labels = |rule: &Rule| -> Vec<String> {
        rule.labels.iter().map(|(name, value)| format!("{name}={}", value.text())).collect()
    };
    assert_eq!(labels(&group.rules[0]), ["on=true", "team=own", "version=1.10"]);
    let down = &group.rules[1];
    assert_eq!((down.line, down.text.as_str()), (12, "up == 0"));
    assert_eq!(labels(down), ["severity=critical", "team=db"]);
    let alert = down.alert.as_ref().expect("an alert");
    assert_eq!(alert.hold, Duration::from_secs(90));
    assert_eq!(alert.resolve.as_ref().expect("a resolve_expr").0, "up == 1");
    assert_eq!(alert.annotations.len(), 2);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = r"
groups:
  - name: one
    intervall: 5s
    limit: -1
    rules:
      - alert: A
        record: b
        expr: sum(
      - expr: up
      - record: a-b
        expr: up
        for: 5m
        annotations: {x: y}
      - alert: C
        expr: |
          up ==
            foo bar
        for: 5 minutes
        labels: {0bad: x, __name__: y}
        annotations:
          summary: '{{ $labels.x'
          list: [a]
      - alert: D
      - text
  - name: one
    rules: {}
  - rules:
other: 1
";
    let errors = parse("bad.yaml", text).expect_err("a bad file");
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let expected = [
        "bad.yaml:29: unknown field \"other\"; a rule file has groups",
        "bad.yaml:5: group \"one\": limit: \"-1\" is no whole number from 0",
        "bad.yaml:4: group \"one\": unknown field \"intervall\"; did you mean interval?",
        "bad.yaml:7: group \"one\": rule A: only one of alert and record may be given",
        "bad.yaml:9: group \"one\": rule A: expr: 1:5: parse error",
        "bad.yaml:10: group \"one\": rule 2: one of alert and record must be given",
        "bad.yaml:11: group \"one\": rule a-b: a recording rule has no for",
        "bad.yaml:11: group \"one\": rule a-b: a recording rule has no annotations",
        "bad.yaml:11: group \"one\": rule a-b: invalid recording rule name \"a-b\"",
        "bad.yaml:19: group \"one\": rule C: for: \"5 minutes\" is no duration",
        "bad.yaml:23: group \"one\": rule C: annotations.list must be text, not a list",
        "bad.yaml:17: group \"one\": rule C: expr: 2:7: parse error",
        "bad.yaml:20: group \"one\": rule C: invalid label name \"0bad\"",
        "bad.yaml:20: group \"one\": rule C: invalid label name \"__name__\"",
        "bad.yaml:22: group \"one\": rule C: annotation \"summary\": template: ",
        "bad.yaml:24: group \"one\": rule D: expr must be given",
        "bad.yaml:25: group \"one\": rule 6: a rule must be a mapping, not text",
        "bad.yaml:27: group \"one\": rules must be a list, not a mapping",
        "bad.yaml:26: group \"one\": group name is repeated in the file",
        "bad.yaml:28: group \"3\": group name must not be empty",
    ];
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\nexpected {expected}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let errors = parse("a.yaml", "groups:\n  - name: [\n").expect_err("a bad file");
    assert!(errors[0].line.is_some(), "{errors:?}");
    assert!(parse("a.yaml", "- a").is_err());
    assert_eq!(parse("a.yaml", "").expect("an empty file").rules(), 0);
}

#[test]
fn a_rule_that_repeats_another_one_is_a_warning() {
    let text = "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, labels: {s: a}}\n  \
        - {alert: A, expr: up, labels: {s: b}}\n  - {alert: A, expr: up > 1, labels: {s: b}}\n";
    let file = parse("a.yaml", text).expect("a good file");
    let warnings: Vec<_> = file.warnings.iter().map(ToString::to_string).collect();
    let warning =
        "a.yaml:6: group \"a\": rule A: has the name and the labels of the rule in line 5";
    assert_eq!(warnings, [warning]);
}
