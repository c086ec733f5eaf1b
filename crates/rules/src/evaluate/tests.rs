//! States of alerts minute by minute, and what a restart makes of them.

use std::collections::BTreeSet;

use model::series::METRIC_NAME;

use super::*;
use crate::file::parse;
use crate::memory::Memory;

/// Evaluates the only group of a file once a minute.
struct Bench {
    evaluator: Evaluator,
    memory: Memory,
    minute: i64,
    series: BTreeSet<Labels>,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).expect("a moment")
}

impl Bench {
    fn new(rules: &str) -> Self {
        let text = format!("groups:\n- name: g\n  rules:\n{rules}");
        let file = parse("a.yaml", &text).expect("a good file");
        let external_labels = Labels::new([("region", "eu")]);
        let evaluator = Evaluator::new(file.groups, external_labels, "http://m/");
        Self { evaluator, memory: Memory::default(), minute: 0, series: BTreeSet::new() }
    }

    /// Gives `x` these values by the label `m`, evaluates, and moves on by a minute.
    fn step(&mut self, values: &[(&str, f64)]) -> Evaluation {
        let now = at(self.minute);
        let x: Vec<_> = values
            .iter()
            .map(|(member, value)| (Labels::new([(METRIC_NAME, "x"), ("m", member)]), *value))
            .collect();
        let stale = ["a", "b", "c"].map(|member| Labels::new([(METRIC_NAME, "x"), ("m", member)]));
        let before = if self.minute == 0 { BTreeSet::new() } else { stale.into() };
        self.memory.add_set(&x, &before, now.as_millisecond());
        let evaluation = self.evaluator.evaluate(0, &self.memory, now);
        self.series = self.memory.add_set(&evaluation.samples, &self.series, evaluation.at_ms);
        self.minute += 1;
        evaluation
    }

    fn states(&self) -> Vec<String> {
        let states = self.evaluator.states();
        let text = |alert: &RuleAlert| {
            format!("{}:{}", alert.labels.get("m").unwrap_or_default(), alert.state.as_str())
        };
        states.iter().map(text).collect()
    }
}

fn told(evaluation: &Evaluation) -> Vec<String> {
    let text = |alert: &Alert| {
        let over =
            alert.ends_at.map_or_else(String::new, |end| format!("-{}", end.as_second() / 60));
        let member = alert.labels.get("m").unwrap_or_default();
        format!("{member}:{}{over}", alert.starts_at.as_second() / 60)
    };
    evaluation.alerts.iter().map(text).collect()
}

const HELD: &str = "  - alert: High\n    expr: x > 5\n    for: 2m\n    labels: {severity: info}\n    \
    annotations: {summary: '{{ $labels.m }} is at {{ $value }}'}\n";

#[test]
fn an_alert_waits_fires_and_is_over() {
    let mut bench = Bench::new(HELD);
    assert!(told(&bench.step(&[("a", 9.0)])).is_empty());
    assert_eq!(bench.states(), ["a:pending"]);
    bench.step(&[("a", 9.0), ("b", 9.0)]);
    let fires = bench.step(&[("a", 8.0)]);
    assert_eq!(told(&fires), ["a:2"]);
    assert_eq!(bench.states(), ["a:firing"]);
    let alert = &fires.alerts[0];
    assert_eq!(
        alert.labels.to_string(),
        r#"{alertname="High", m="a", region="eu", severity="info"}"#
    );
    assert_eq!(alert.annotations.get("summary"), Some("a is at 8"));
    assert_eq!(alert.generator_url, "http://m/graph?g0.expr=x+%3E+5&g0.tab=1");
    let samples: Vec<_> =
        fires.samples.iter().map(|(labels, value)| format!("{labels} {value}")).collect();
    assert_eq!(
        samples,
        [
            r#"{__name__="ALERTS", alertname="High", alertstate="firing", m="a", severity="info"} 1"#,
            r#"{__name__="ALERTS_FOR_STATE", alertname="High", m="a", severity="info"} 0"#,
        ]
    );
    assert!(told(&bench.step(&[("a", 7.0)])).is_empty(), "only a number has changed");
    assert_eq!(bench.evaluator.active(at(3))[0].annotations.get("summary"), Some("a is at 7"));
    assert_eq!(told(&bench.step(&[])), ["a:2-4"]);
    assert_eq!(bench.states(), ["a:inactive"]);
    for _ in 0..15 {
        assert!(told(&bench.step(&[])).is_empty());
    }
    assert_eq!(bench.states(), ["a:inactive"], "it is kept for 15 minutes");
    assert_eq!(bench.step(&[]).gone.len(), 1);
    assert!(bench.states().is_empty());
}

#[test]
fn an_alert_is_kept_firing_and_begins_anew_after_its_end() {
    let mut bench = Bench::new("  - {alert: High, expr: x > 5, keep_firing_for: 2m}\n");
    assert_eq!(told(&bench.step(&[("a", 9.0)])), ["a:0"]);
    assert!(told(&bench.step(&[])).is_empty());
    assert!(told(&bench.step(&[("a", 9.0)])).is_empty());
    assert!(told(&bench.step(&[])).is_empty());
    assert!(told(&bench.step(&[])).is_empty());
    assert_eq!(told(&bench.step(&[])), ["a:0-5"]);
    assert_eq!(told(&bench.step(&[("a", 9.0)])), ["a:6"]);
}

#[test]
fn resolve_expr_ends_an_alert_and_nothing_else_does() {
    let mut bench = Bench::new(
        "  - {alert: High, expr: x > 8, resolve_expr: x < 5, labels: {m2: '{{ $labels.m }}'}}\n",
    );
    assert_eq!(told(&bench.step(&[("a", 9.0), ("b", 9.0)])), ["a:0", "b:0"]);
    assert!(told(&bench.step(&[("a", 7.0), ("b", 9.0)])).is_empty());
    assert!(told(&bench.step(&[])).is_empty(), "no data is no end");
    assert_eq!(told(&bench.step(&[("a", 4.0), ("b", 6.0)])), ["a:0-3"]);
    assert_eq!(bench.states(), ["a:inactive", "b:firing"]);
}

#[test]
fn later_rules_see_what_earlier_ones_have_just_given() {
    let mut bench = Bench::new(
        "  - {record: y, expr: x * 2}\n  - {record: z, expr: y + 1, labels: {m: q}}\n  \
        - {alert: A, expr: z > 2}\n  - {record: n, expr: 'count(ALERTS)'}\n",
    );
    let values = |evaluation: &Evaluation, name: &str| -> Vec<f64> {
        let named = |labels: &Labels| labels.get(METRIC_NAME) == Some(name);
        let found = evaluation.samples.iter().filter(|(labels, _)| named(labels));
        found.map(|(_, value)| *value).collect()
    };
    let first = bench.step(&[("a", 1.0)]);
    assert_eq!((values(&first, "z"), values(&first, "n")), (vec![3.0], vec![1.0]));
    let second = bench.step(&[("b", 2.0)]);
    assert_eq!((values(&second, "y"), values(&second, "z")), (vec![4.0], vec![5.0]));
    assert_eq!(values(&bench.step(&[]), "n"), Vec::<f64>::new());
}

#[test]
fn a_failing_rule_says_why_and_the_others_go_on() {
    let mut bench = Bench::new(
        "  - {record: y, expr: x, labels: {m: same}}\n  - {record: z, expr: 'vector(1)'}\n  \
        - {record: s, expr: '\"text\"'}\n  - {alert: A, expr: x, labels: {m: same}}\n",
    );
    let evaluation = bench.step(&[("a", 1.0), ("b", 1.0)]);
    let errors: Vec<_> = evaluation.errors.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(errors, ["y", "s", "A"]);
    assert_eq!(evaluation.samples.len(), 1);
    let status = bench.evaluator.status().next().expect("a group");
    assert_eq!(status.rules[0].health, Health::Bad);
    assert_eq!(status.rules[1].health, Health::Good);
    assert!(status.rules[3].last_error.expect("an error").contains("same labelset"));
}

#[test]
fn too_many_alerts_are_none_and_those_told_are_over() {
    let text = "groups:\n- name: g\n  limit: 1\n  rules:\n  - {alert: A, expr: x > 0}\n";
    let mut bench = Bench::new("  - {alert: A, expr: x}\n");
    bench.evaluator =
        Evaluator::new(parse("a.yaml", text).expect("good").groups, Labels::default(), "");
    assert_eq!(told(&bench.step(&[("a", 1.0)])), ["a:0"]);
    let evaluation = bench.step(&[("a", 1.0), ("b", 1.0)]);
    assert_eq!(told(&evaluation), ["a:0-1"]);
    assert_eq!(evaluation.errors[0].1, "exceeded limit of 1 with 2 alerts");
    assert!(evaluation.samples.is_empty() && bench.states().is_empty());
}

#[test]
fn a_restart_neither_restarts_waiting_nor_repeats_what_was_told() {
    let mut bench = Bench::new(HELD);
    bench.step(&[("a", 9.0)]);
    bench.step(&[("a", 9.0)]);
    bench.step(&[("a", 9.0), ("b", 9.0)]);
    let saved = bench.evaluator.states();
    let mut restarted = Bench::new(HELD);
    restarted.minute = 30;
    assert!(restarted.evaluator.restore(saved.clone(), at(3), at(30)).gone.is_empty());
    assert!(told(&restarted.step(&[("a", 9.0), ("b", 9.0)])).is_empty());
    assert_eq!(restarted.states(), ["a:firing", "b:pending"]);
    assert_eq!(told(&restarted.step(&[("a", 9.0), ("b", 9.0)])), ["b:31"]);

    let mut late = Bench::new(HELD);
    late.minute = 100;
    assert_eq!(late.evaluator.restore(saved.clone(), at(3), at(100)).gone.len(), 1);
    assert_eq!(told(&late.step(&[])), ["a:2-100"], "an end is told however late");

    let mut other = Bench::new("  - {alert: Other, expr: x}\n");
    let restored = other.evaluator.restore(saved, at(3), at(4));
    assert_eq!((restored.alerts.len(), restored.gone.len()), (1, 2));
    assert_eq!(restored.alerts[0].ends_at, Some(at(4)));
}

#[test]
fn what_is_evaluated_ahead_cluster_by_cluster_is_what_is_evaluated_rule_by_rule() {
    let text = "groups:\n- name: g\n  rules:\n  - {record: y, expr: 'sum by (cluster) (x)'}\n  \
        - {alert: Ahead, expr: 'rate(x[5m]) * 60 > on (cluster) group_left () \
        avg by (cluster) (x) / 9', for: 1m}\n  - {alert: After, expr: 'y > 20'}\n  \
        - {alert: Over, expr: 'sum(x) > 40'}\n  - {alert: Both, expr: 'x > 7 unless on (cluster) \
        count by (cluster) (x offset 1m) > 2'}\n- name: h\n  query_offset: 1m\n  rules:\n  \
        - {record: z, expr: 'max_over_time(x[3m])'}\n  - {record: w, expr: 'x + on (cluster) y'}\n";
    let made =
        || Evaluator::new(parse("a.yaml", text).expect("good rules").groups, Labels::default(), "");
    let (mut ahead, mut plain) = (made(), made());
    let is_ahead: Vec<bool> =
        ahead.groups.iter().flat_map(|group| &group.rules).map(|rule| rule.is_ahead).collect();
    assert_eq!(is_ahead, [true, true, false, false, true, true, true]);
    for rule in plain.groups.iter_mut().flat_map(|group| &mut group.rules) {
        rule.is_ahead = false;
    }
    let mut memory = Memory::default();
    let mut told_of = 0;
    for minute in 0..30_i64 {
        let series = ["", "a", "b", "c"].iter().enumerate();
        for (place, cluster) in series {
            for member in 0..3 {
                let value =
                    f64::from(((minute as i32 + 3) * (place as i32 + 2) * (member + 5)) % 11);
                let labels = [("cluster", *cluster), ("m", &*member.to_string())];
                let labels = Labels::new(labels.into_iter().chain([(METRIC_NAME, "x")]));
                if (minute + place as i64) % 7 > 1 {
                    memory.add(&labels, model::series::Sample { at_ms: minute * 60_000, value });
                }
            }
        }
        let one = ahead.evaluate_all(&[0, 1], &memory, at(minute));
        let other: Vec<_> = [0, 1].map(|index| plain.evaluate(index, &memory, at(minute))).into();
        for (one, other) in one.iter().zip(&other) {
            let sorted = |evaluation: &Evaluation| {
                let mut samples = evaluation.samples.clone();
                samples.sort_by(|a, b| a.0.cmp(&b.0));
                samples
            };
            assert_eq!(sorted(one), sorted(other), "minute {minute}");
            assert_eq!(told(one), told(other), "minute {minute}");
            assert_eq!(one.errors, other.errors);
            told_of += one.alerts.len();
        }
    }
    assert!(told_of > 10, "{told_of}");
}
