//! Unit tests of rules, in the file format of `promtool test rules` and with its verdicts.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use model::alert::ALERT_NAME;
use model::rule_alert::RuleState;
use model::series::{Labels, Sample};
use promql::{Cancel, Engine, Query, Value};

mod document;
mod notation;
#[cfg(test)]
mod tests;

use crate::evaluate::Evaluator;
use crate::file::{self, Group};
use crate::memory::Memory;
use document::{AlertTest, Document, QueryTest, Test};

/// Gives the rule files, by name and text, that a test file names with a path or a pattern.
pub type Load<'a> = dyn Fn(&str) -> Result<Vec<(String, String)>, String> + 'a;

/// Runs the tests of a file called `name`; gives every failure, and nothing when all is well.
pub fn run(name: &str, text: &str, load: &Load<'_>) -> Vec<String> {
    let document = match document::parse(name, text) {
        Ok(document) => document,
        Err(errors) => return errors.iter().map(ToString::to_string).collect(),
    };
    let mut failures = Vec::new();
    let mut groups = Vec::new();
    for (pattern, line) in &document.rule_files {
        match load(pattern) {
            Ok(files) => {
                for (name, text) in files {
                    match file::parse(&name, &text) {
                        Ok(file) => groups.extend(file.groups),
                        Err(errors) => failures.extend(errors.iter().map(ToString::to_string)),
                    }
                }
            }
            Err(error) => failures.push(format!("{name}:{line}: {error}")),
        }
    }
    if !failures.is_empty() {
        return failures;
    }
    let place = |group: &Group| {
        document.group_eval_order.iter().position(|name| *name == group.name).unwrap_or_default()
    };
    groups.sort_by_key(place);
    for (index, test) in document.tests.iter().enumerate() {
        let title = match test.name.as_str() {
            "" => format!("test {}", index + 1),
            name => format!("test {name:?}"),
        };
        let found = run_test(&document, test, groups.clone());
        failures.extend(found.into_iter().map(|failure| format!("{name}: {title}: {failure}")));
    }
    failures
}

fn run_test(document: &Document, test: &Test, groups: Vec<Group>) -> Vec<String> {
    let interval = document.evaluation_interval;
    let engine = Engine { subquery_step: interval, ..Engine::default() };
    let mut evaluator = Evaluator::new(groups, test.external_labels.clone(), &test.external_url)
        .with_engine(engine.clone());
    let mut memory = Memory::default();
    let mut before = vec![BTreeSet::new(); evaluator.len()];
    let times = test.alerts.iter().map(|test| test.at);
    let last = times.chain(test.queries.iter().map(|test| test.at)).max().unwrap_or_default();
    let mut failures = Vec::new();
    let mut fed = vec![0; test.series.len()];
    let mut at = Duration::ZERO;
    while at <= last {
        feed(test, &mut fed, at, &mut memory);
        let mut errors = Vec::new();
        for (index, before) in before.iter_mut().enumerate() {
            let evaluation = evaluator.evaluate(index, &memory, moment(at));
            *before = memory.add_set(&evaluation.samples, before, evaluation.at_ms);
            for (rule, error) in evaluation.errors {
                errors.push(format!("rule {rule}, time {}: {error}", span(at)));
            }
        }
        if !errors.is_empty() {
            failures.extend(errors);
            return failures;
        }
        let next = at + interval;
        for expected in test.alerts.iter().filter(|test| (at..next).contains(&test.at)) {
            failures.extend(check_alerts(expected, &evaluator));
        }
        at = next;
    }
    for expected in &test.queries {
        failures.extend(check_query(expected, &engine, &memory));
    }
    failures
}

/// Adds the samples up to `until` that are not there yet.
fn feed(test: &Test, fed: &mut [usize], until: Duration, memory: &mut Memory) {
    for ((labels, values), next) in test.series.iter().zip(fed) {
        while let Some(value) = values.get(*next) {
            let at_ms = ms(test.interval).saturating_mul(*next as i64);
            if at_ms > ms(until) {
                break;
            }
            if let Some(value) = *value {
                memory.add(labels, Sample { at_ms, value });
            }
            *next += 1;
        }
    }
}

fn check_alerts(test: &AlertTest, evaluator: &Evaluator) -> Option<String> {
    let states = evaluator.states();
    let fires = |alert: &&model::rule_alert::RuleAlert| {
        alert.rule == test.name && alert.state == RuleState::Firing
    };
    let found = states.iter().filter(fires);
    let mut found: Vec<_> =
        found.map(|alert| (alert.labels.clone(), alert.annotations.clone())).collect();
    found.sort();
    let name = Labels::new([(ALERT_NAME, test.name.as_str())]);
    let expected = test.expected.iter();
    let mut expected: Vec<_> =
        expected.map(|(labels, annotations)| (name.and(labels), annotations.clone())).collect();
    expected.sort();
    if found == expected {
        return None;
    }
    let list = |alerts: &[(Labels, Labels)]| {
        alerts.iter().fold(String::new(), |mut text, (labels, annotations)| {
            // Writing to a string never fails.
            let _ = write!(text, "\n      {labels} annotations {annotations}");
            text
        })
    };
    let (name, at, line) = (&test.name, span(test.at), test.line);
    Some(format!(
        "line {line}: alertname {name}, time {at}:\n    expected:{}\n    got:{}",
        list(&expected),
        list(&found)
    ))
}

fn check_query(test: &QueryTest, engine: &Engine, memory: &Memory) -> Option<String> {
    let (expr, at, line) = (&test.expr, span(test.at), test.line);
    let query = Query::parse(expr);
    let value =
        query.and_then(|query| engine.instant(memory, &query, ms(test.at), &Cancel::default()));
    let mut found = match value {
        Ok(Value::Vector(rows)) => {
            rows.into_iter().map(|(labels, sample)| (labels, sample.value)).collect()
        }
        Ok(Value::Scalar(sample)) => vec![(Labels::default(), sample.value)],
        Ok(_) => {
            return Some(format!("line {line}: expr {expr:?}, time {at}: no vector or scalar"));
        }
        Err(error) => return Some(format!("line {line}: expr {expr:?}, time {at}: {error}")),
    };
    let by_labels = |a: &(Labels, f64), b: &(Labels, f64)| a.0.cmp(&b.0);
    found.sort_by(by_labels);
    let mut expected = test.expected.clone();
    expected.sort_by(by_labels);
    if found == expected {
        return None;
    }
    let list = |samples: &[(Labels, f64)]| {
        let text = samples.iter().map(|(labels, value)| format!("\n      {labels} {value:?}"));
        text.collect::<String>()
    };
    Some(format!(
        "line {line}: expr {expr:?}, time {at}:\n    expected:{}\n    got:{}",
        list(&expected),
        list(&found)
    ))
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn moment(at: Duration) -> Timestamp {
    Timestamp::from_millisecond(ms(at)).unwrap_or(Timestamp::MAX)
}

/// As Prometheus writes a duration.
fn span(at: Duration) -> String {
    let mut rest = at.as_millis();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if rest >= size {
            // Writing to a string never fails.
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    text
}
