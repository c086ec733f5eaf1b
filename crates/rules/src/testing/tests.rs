//! A test file that holds, and ways in which it does not.

use super::*;

const RULES: &str = "
groups:
  - name: g
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.instance }} in {{ $externalLabels.region }}'}
";

const TEST: &str = "
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - name: one
    interval: 1m
    external_labels: {region: eu}
    input_series:
      - series: 'up{job=\"etcd\", instance=\"a\"}'
        values: '1 0x5'
      - series: 'up{job=\"etcd\", instance=\"b\"}'
        values: '1x6'
    alert_rule_test:
      - {eval_time: 2m, alertname: Down}
      - eval_time: 3m
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, instance: a, job: etcd}
            exp_annotations: {summary: a in eu}
    promql_expr_test:
      - expr: job:up:sum
        eval_time: 4m
        exp_samples:
          - labels: 'job:up:sum{job=\"etcd\"}'
            value: 1
      - expr: ALERTS
        eval_time: 1m
        exp_samples:
          - labels: 'ALERTS{alertname=\"Down\",alertstate=\"pending\",instance=\"a\",job=\"etcd\",severity=\"page\"}'
            value: 1
";

fn failures(test: &str) -> Vec<String> {
    run("test.yaml", test, &|pattern| match pattern {
        "rules.yaml" => Ok(vec![(pattern.to_owned(), RULES.to_owned())]),
        other => Err(format!("no file {other}")),
    })
}

#[test]
fn a_test_that_holds_has_no_failures() {
    assert_eq!(failures(TEST), Vec::<String>::new());
}

#[test]
fn what_does_not_hold_is_told_with_what_was_got() {
    for (from, to, part) in [
        ("a in eu", "a in us", "expected:\n      {alertname=\"Down\""),
        ("eval_time: 2m", "eval_time: 3m", "line 14: alertname Down, time 3m:"),
        (
            "value: 1\n      - expr",
            "value: 2\n      - expr",
            "{__name__=\"job:up:sum\", job=\"etcd\"} 1.0",
        ),
        ("job:up:sum\n        eval", "sum(\n        eval", "expr \"sum(\""),
        ("rules.yaml", "other.yaml", "test.yaml:2: no file other.yaml"),
        ("1 0x5", "1 y", "bad values \"y\""),
        ("eval_time: 4m", "evaltime: 4m", "did you mean eval_time?"),
        ("alertname: Down}", "alertname: ''}", "has no alertname"),
    ] {
        let test = TEST.replacen(from, to, 1);
        assert_ne!(test, TEST, "{from}");
        let found = failures(&test);
        assert!(found.iter().any(|failure| failure.contains(part)), "{from}: {found:#?}");
    }
}
