//! Small rule files and tests of rules, good and bad.

/// The rules of [`TESTS`].
pub(crate) const RULES: &str = r#"
groups:
  - name: first
    interval: 1m
    rules:
      - record: job:x:sum
        expr: sum by (job) (x)
      - record: labelled
        expr: x{job="a"}
        labels: {added: 'yes', job: ''}
      - record: chained
        expr: job:x:sum * 2
      - record: number
        expr: 42
      - alert: Plain
        expr: x > 5
      - alert: Held
        expr: x > 5
        for: 3m
        labels: {severity: page, level: '{{ if gt $value 8.0 }}high{{ else }}low{{ end }}'}
        annotations:
          summary: '{{ $labels.m }} of {{ .Labels.job }} is at {{ $value }} in {{ $externalLabels.region }}'
          more: '{{ with query "count(x)" }}{{ . | first | value }}{{ end }} {{ humanize 1234567.0 }} {{ $labels.none }}.'
      - alert: Kept
        expr: x > 5
        keep_firing_for: 3m
      - alert: Absent
        expr: absent(y)
        for: 2m
  - name: second
    rules:
      - alert: Meta
        expr: count(ALERTS{alertstate="firing"}) > 2
      - record: pending
        expr: count by (alertname) (ALERTS{alertstate="pending"})
  - name: third
    rules:
      - alert: Same
        expr: z
        labels: {m: one}
      - alert: Big
        expr: z != 0
        labels: {m: '{{ $value }}'}
        annotations: {is: '{{ $value }} {{ print $value 1 }} {{ printf "%.1f" $value }} {{ humanize $value }} {{ if true }}{{ $value }}{{ end }}'}
"#;

/// The series of every test.
pub(crate) const SERIES: &str = r#"
      - series: x{job="a", m="1"}
        values: 1 6x4 9x4 1x4 stale
      - series: x{job="a", m="2"}
        values: 2 2+1x6 _x2 5-1x4
      - series: x{job="b", m="1"}
        values: 0x20
"#;

/// What stands below the series of a test: half of it holds, half of it does not.
pub(crate) const TESTS: &[(&str, &str)] = &[
    ("nothing", ""),
    ("record", r#"Q job:x:sum @ 2m = job:x:sum{job="a"} 9, job:x:sum{job="b"} 0"#),
    (
        "record with a wrong value",
        r#"Q job:x:sum @ 2m = job:x:sum{job="a"} 8, job:x:sum{job="b"} 0"#,
    ),
    ("record with a label too few", r#"Q job:x:sum @ 2m = job:x:sum{job="a"} 9"#),
    (
        "record with labels",
        r#"Q labelled @ 0s = labelled{added="yes",m="1"} 1, labelled{added="yes",m="2"} 2"#,
    ),
    ("record twice", r#"Q chained @ 3m = chained{job="a"} 20, chained{job="b"} 0"#),
    ("number", r"Q number @ 3m = number 42"),
    ("number as an expression", r"Q 1 + 1 @ 3m = {} 2"),
    ("no result", r"Q nothing @ 3m ="),
    ("no result where there is one", r"Q number @ 3m ="),
    ("bad expression", r"Q sum( @ 3m ="),
    ("bad labels", r"Q number @ 3m = number{a= 42"),
    ("series ends", r#"Q x{job="a",m="1"} @ 14m ="#),
    ("series before its end", r#"Q x{job="a",m="1"} @ 13m30s = x{job="a",m="1"} 1"#),
    ("series with a gap", r#"Q x{m="2"} @ 9m = x{job="a",m="2"} 8"#),
    ("series that falls", r#"Q x{m="2"} @ 12m = x{job="a",m="2"} 3"#),
    ("range", r#"Q increase(x{job="a",m="1"}[4m]) @ 4m = {job="a",m="1"} 5"#),
    ("subquery", r"Q max_over_time(sum(x)[5m:]) @ 6m = {} 16"),
    ("alert", "A Plain @ 1m = {job: a, m: '1'} {}"),
    ("alert not yet", "A Plain @ 0s ="),
    ("alert too early", "A Plain @ 0s = {job: a, m: '1'} {}"),
    ("alert without a label", "A Plain @ 1m = {job: a} {}"),
    ("alert with an annotation too many", "A Plain @ 1m = {job: a, m: '1'} {summary: x}"),
    ("two alerts", "A Plain @ 6m = {job: a, m: '1'} {} | {job: a, m: '2'} {}"),
    ("two alerts in the other order", "A Plain @ 6m = {job: a, m: '2'} {} | {job: a, m: '1'} {}"),
    ("one of two alerts", "A Plain @ 6m = {job: a, m: '1'} {}"),
    ("no such alert", "A Nothing @ 6m ="),
    ("no such alert where one is expected", "A Nothing @ 6m = {} {}"),
    ("held alert pending", "A Held @ 3m ="),
    (
        "held alert pending, expected",
        "A Held @ 3m = {job: a, m: '1', severity: page, level: low} {}",
    ),
    (
        "held alert",
        "A Held @ 4m = {job: a, m: '1', severity: page, level: low} {summary: 1 of a is at 6 in eu, more: 3 1.235M .}",
    ),
    (
        "held alert with another text",
        "A Held @ 4m = {job: a, m: '1', severity: page, level: low} {summary: 1 of a is at 7 in eu, more: 3 1.235M .}",
    ),
    ("held alert whose labels change begins anew", "A Held @ 7m ="),
    (
        "held alert of the new labels",
        "A Held @ 9m = {job: a, m: '1', severity: page, level: high} {summary: 1 of a is at 9 in eu, more: 3 1.235M .}",
    ),
    ("kept alert", "A Kept @ 12m = {job: a, m: '1'} {}"),
    ("kept alert over", "A Kept @ 14m ="),
    ("between two evaluations", "A Plain @ 1m30s = {job: a, m: '1'} {}"),
    ("absence", "A Absent @ 2m = {} {}"),
    ("absence not yet", "A Absent @ 1m = {} {}"),
    ("alerts about alerts", "A Meta @ 6m = {} {}"),
    (
        "alerts as series",
        r#"Q ALERTS{alertname="Held"} @ 2m = ALERTS{alertname="Held",alertstate="pending",job="a",level="low",m="1",severity="page"} 1"#,
    ),
    (
        "alerts as series of another state",
        r#"Q ALERTS{alertname="Held"} @ 4m = ALERTS{alertname="Held",alertstate="pending",job="a",level="low",m="1",severity="page"} 1"#,
    ),
    ("pending alerts counted by a rule", r#"Q pending @ 2m = pending{alertname="Held"} 1"#),
    (
        "since when",
        r#"Q ALERTS_FOR_STATE{alertname="Plain"} @ 2m = ALERTS_FOR_STATE{alertname="Plain",job="a",m="1"} 60"#,
    ),
    ("no alert name", "A  @ 2m ="),
    ("name without a test", "raw\n    name: a name\n"),
    ("unknown field", "raw\n    unknown: 1\n"),
    ("bad series", "raw\n    input_series: [{series: 'x{', values: '1'}]\n"),
    (
        "bad values",
        "raw\n    input_series: [{series: 'x', values: '1 b'}]\n    promql_expr_test: [{expr: x, eval_time: 1m}]\n",
    ),
    ("bad time", "raw\n    alert_rule_test: [{eval_time: soon, alertname: A}]\n"),
    (
        "rule that fails",
        "raw\n    interval: 1m\n    input_series: [{series: 'z{m=\"1\"}', values: 1x5}, {series: 'z{m=\"2\"}', values: 1x5}]\n    alert_rule_test: [{eval_time: 2m, alertname: Plain}]\n",
    ),
    (
        "values of every kind",
        "raw\n    interval: 30s\n    input_series: [{series: 'q', values: '-1 1e2 Inf 0x1 _ .5'}]\n    promql_expr_test: [{expr: 'q', eval_time: 3m, exp_samples: [{labels: q, value: 0.5}]}, {expr: 'min_over_time(q[4m])', eval_time: 3m, exp_samples: [{labels: '{}', value: -1}]}]\n",
    ),
    (
        "not a number",
        "raw\n    interval: 1m\n    input_series: [{series: 'q', values: 'NaN NaN'}]\n    promql_expr_test: [{expr: 'q', eval_time: 1m, exp_samples: [{labels: q, value: .nan}]}]\n",
    ),
    (
        "large number",
        "raw\n    interval: 1m\n    input_series: [{series: z, values: '1234567'}]\n    alert_rule_test: [{eval_time: 0m, alertname: Big, exp_alerts: [{exp_labels: {m: '1.234567e+06'}, exp_annotations: {is: '1.234567e+06 1.234567e+06 1 1234567.0 1.235M 1.234567e+06'}}]}]\n",
    ),
    (
        "small number",
        "raw\n    interval: 1m\n    input_series: [{series: z, values: '0.0000125'}]\n    alert_rule_test: [{eval_time: 0m, alertname: Big, exp_alerts: [{exp_labels: {m: '1.25e-05'}, exp_annotations: {is: '1.25e-05 1.25e-05 1 0.0 12.5u 1.25e-05'}}]}]\n",
    ),
    (
        "plain number",
        "raw\n    interval: 1m\n    input_series: [{series: z, values: '123456'}]\n    alert_rule_test: [{eval_time: 0m, alertname: Big, exp_alerts: [{exp_labels: {m: '123456'}, exp_annotations: {is: '123456 123456 1 123456.0 123.5k 123456'}}]}]\n",
    ),
    (
        "large number written out",
        "raw\n    interval: 1m\n    input_series: [{series: z, values: '1234567'}]\n    alert_rule_test: [{eval_time: 0m, alertname: Big, exp_alerts: [{exp_labels: {m: '1234567'}, exp_annotations: {is: '1234567 1234567 1 1234567.0 1.235M 1234567'}}]}]\n",
    ),
];

/// Rule files: below `groups:`.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("empty group", "- name: a"),
    (
        "all fields",
        "- name: a\n  interval: 15s\n  limit: 5\n  rules: [{alert: A, expr: up, for: 5m, keep_firing_for: 1m, labels: {a: b}, annotations: {c: d}}]",
    ),
    ("no name", "- rules: []"),
    ("name twice", "- name: a\n- name: a"),
    ("unknown field of a group", "- name: a\n  every: 5m"),
    ("unknown field of a rule", "- name: a\n  rules: [{alert: A, expr: up, with: x}]"),
    ("bad interval", "- name: a\n  interval: 5x"),
    ("interval without a unit", "- name: a\n  interval: 5"),
    ("interval of nothing", "- name: a\n  interval: 0"),
    ("interval of two units", "- name: a\n  interval: 1h30m"),
    ("units in the wrong order", "- name: a\n  interval: 30m1h"),
    ("fraction", "- name: a\n  interval: 1.5h"),
    ("negative limit", "- name: a\n  limit: x"),
    ("neither alert nor record", "- name: a\n  rules: [{expr: up}]"),
    ("both alert and record", "- name: a\n  rules: [{alert: A, record: b, expr: up}]"),
    ("no expression", "- name: a\n  rules: [{alert: A}]"),
    ("empty expression", "- name: a\n  rules: [{alert: A, expr: ''}]"),
    ("bad expression", "- name: a\n  rules: [{alert: A, expr: 'sum(up'}]"),
    ("unknown function", "- name: a\n  rules: [{alert: A, expr: 'foo(up)'}]"),
    ("wrong type", "- name: a\n  rules: [{alert: A, expr: 'rate(up)'}]"),
    ("range as a rule", "- name: a\n  rules: [{record: b, expr: 'up[5m]'}]"),
    ("text as a rule", "- name: a\n  rules: [{record: b, expr: '\"text\"'}]"),
    ("number as an expression", "- name: a\n  rules: [{record: b, expr: 5}]"),
    ("bad name of a record", "- name: a\n  rules: [{record: a-b, expr: up}]"),
    ("colons in the name of a record", "- name: a\n  rules: [{record: 'a:b:c', expr: up}]"),
    ("anything as the name of an alert", "- name: a\n  rules: [{alert: 'An alert: 1', expr: up}]"),
    ("record with for", "- name: a\n  rules: [{record: b, expr: up, for: 5m}]"),
    ("record with for of nothing", "- name: a\n  rules: [{record: b, expr: up, for: 0s}]"),
    ("record with annotations", "- name: a\n  rules: [{record: b, expr: up, annotations: {a: b}}]"),
    (
        "record with keep_firing_for",
        "- name: a\n  rules: [{record: b, expr: up, keep_firing_for: 5m}]",
    ),
    ("bad name of a label", "- name: a\n  rules: [{alert: A, expr: up, labels: {'0': b}}]"),
    (
        "colon in the name of a label",
        "- name: a\n  rules: [{alert: A, expr: up, labels: {'a:b': b}}]",
    ),
    (
        "name of the metric as a label",
        "- name: a\n  rules: [{record: b, expr: up, labels: {__name__: c}}]",
    ),
    ("number as a label", "- name: a\n  rules: [{alert: A, expr: up, labels: {a: 1.50}}]"),
    ("list as a label", "- name: a\n  rules: [{alert: A, expr: up, labels: {a: [b]}}]"),
    ("nothing as a label", "- name: a\n  rules: [{alert: A, expr: up, labels: {a: }}]"),
    (
        "bad name of an annotation",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a-b: c}}]",
    ),
    (
        "template",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ range $k, $v := $labels }}{{ if eq $k \"a\" }}{{ $v | title }}{{ else }}-{{ end }}{{ end }}'}}]",
    ),
    (
        "template that does not end",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ $labels.a'}}]",
    ),
    (
        "template with an open block",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ if true }}'}}]",
    ),
    (
        "template with an end too many",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ end }}'}}]",
    ),
    (
        "template with an unknown function",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ foo 1 }}'}}]",
    ),
    (
        "template with an unknown variable",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ $foo }}'}}]",
    ),
    (
        "template in a label",
        "- name: a\n  rules: [{alert: A, expr: up, labels: {a: '{{ $labels.b | toUpper }}'}}]",
    ),
    (
        "bad template in a label",
        "- name: a\n  rules: [{alert: A, expr: up, labels: {a: '{{ foo }}'}}]",
    ),
    (
        "template that only fails when rendered",
        "- name: a\n  rules: [{alert: A, expr: up, annotations: {a: '{{ .Foo | first }}'}}]",
    ),
    (
        "bad template in a record",
        "- name: a\n  rules: [{record: b, expr: up, labels: {a: '{{ foo }}'}}]",
    ),
    ("rule twice", "- name: a\n  rules: [{alert: A, expr: up}, {alert: A, expr: up}]"),
    ("rules that are no list", "- name: a\n  rules: {alert: A}"),
    ("group that is text", "- a"),
    ("no YAML", "- name: ["),
    ("field twice", "- name: a\n  name: b"),
    ("nothing", ""),
];
