//! The file format of promtool's unit tests.

use std::time::Duration;

use model::series::Labels;

use super::notation;
use crate::error::RuleError;
use crate::file::fields::{Fields, Mistake, Mistakes, Text};
use crate::file::tree;

/// A test file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) rule_files: Vec<Text>,
    pub(super) evaluation_interval: Duration,
    pub(super) group_eval_order: Vec<String>,
    pub(super) tests: Vec<Test>,
}

/// Series, and what the rules make of them.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) interval: Duration,
    pub(super) series: Vec<(Labels, Vec<Option<f64>>)>,
    pub(super) alerts: Vec<AlertTest>,
    pub(super) queries: Vec<QueryTest>,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
}

/// The alerts of one name that fire at one moment.
#[derive(Debug)]
pub(super) struct AlertTest {
    pub(super) line: usize,
    pub(super) at: Duration,
    pub(super) name: String,
    /// Labels and annotations.
    pub(super) expected: Vec<(Labels, Labels)>,
}

/// What a query yields at one moment.
#[derive(Debug)]
pub(super) struct QueryTest {
    pub(super) line: usize,
    pub(super) at: Duration,
    pub(super) expr: String,
    pub(super) expected: Vec<(Labels, f64)>,
}

/// Reads a test file called `name`.
pub(super) fn parse(name: &str, text: &str) -> Result<Document, Vec<RuleError>> {
    let mut mistakes = Mistakes::new();
    let document = match tree::read(text) {
        Ok(root) => document(root, &mut mistakes),
        Err((line, message)) => {
            mistakes.push(Mistake { line: line.unwrap_or(1), message });
            Document::default()
        }
    };
    if mistakes.is_empty() {
        return Ok(document);
    }
    let error = |Mistake { line, message }| RuleError {
        file: name.to_owned(),
        line: Some(line),
        group: None,
        rule: None,
        message,
    };
    Err(mistakes.into_iter().map(error).collect())
}

fn document(root: tree::Node, mistakes: &mut Mistakes) -> Document {
    let Some(mut fields) = Fields::of(root, "a test file", mistakes) else {
        return Document::default();
    };
    let rule_files = texts(&mut fields, "rule_files", mistakes);
    let interval = fields.duration("evaluation_interval", mistakes).unwrap_or_default();
    let evaluation_interval = if interval.is_zero() { Duration::from_mins(1) } else { interval };
    let order = texts(&mut fields, "group_eval_order", mistakes);
    let mut group_eval_order = Vec::new();
    for (name, line) in order {
        if group_eval_order.contains(&name) {
            let message = format!("group {name:?} is repeated in group_eval_order");
            mistakes.push(Mistake { line, message });
        }
        group_eval_order.push(name);
    }
    let items = fields.list("tests", mistakes);
    let tests = items.into_iter().filter_map(|item| test(item, evaluation_interval, mistakes));
    let tests = tests.collect();
    fields.end("a test file", mistakes);
    Document { rule_files, evaluation_interval, group_eval_order, tests }
}

fn test(node: tree::Node, default_interval: Duration, mistakes: &mut Mistakes) -> Option<Test> {
    let mut fields = Fields::of(node, "a test", mistakes)?;
    let interval = fields.duration("interval", mistakes).unwrap_or_default();
    let mut series = Vec::new();
    for item in fields.list("input_series", mistakes) {
        series.extend(input_series(item, mistakes));
    }
    let mut alerts = Vec::new();
    for item in fields.list("alert_rule_test", mistakes) {
        alerts.extend(alert_test(item, mistakes));
    }
    let mut queries = Vec::new();
    for item in fields.list("promql_expr_test", mistakes) {
        queries.extend(query_test(item, mistakes));
    }
    let external_labels = labels(fields.texts("external_labels", mistakes));
    let external_url = text(&mut fields, "external_url", mistakes);
    let name = text(&mut fields, "name", mistakes);
    fields.end("a test", mistakes);
    let interval = if interval.is_zero() { default_interval } else { interval };
    Some(Test { name, interval, series, alerts, queries, external_labels, external_url })
}

fn input_series(node: tree::Node, mistakes: &mut Mistakes) -> Option<(Labels, Vec<Option<f64>>)> {
    let line = node.line;
    let mut fields = Fields::of(node, "an input series", mistakes)?;
    let series = text(&mut fields, "series", mistakes);
    let values = text(&mut fields, "values", mistakes);
    fields.end("an input series", mistakes);
    let read = notation::named_metric(&series)
        .and_then(|labels| notation::values(&values).map(|values| (labels, values)));
    read.map_err(|message| mistakes.push(Mistake { line, message })).ok()
}

fn alert_test(node: tree::Node, mistakes: &mut Mistakes) -> Option<AlertTest> {
    let line = node.line;
    let mut fields = Fields::of(node, "an alert test", mistakes)?;
    let at = fields.duration("eval_time", mistakes).unwrap_or_default();
    let name = text(&mut fields, "alertname", mistakes);
    let mut expected = Vec::new();
    for item in fields.list("exp_alerts", mistakes) {
        let Some(mut fields) = Fields::of(item, "an expected alert", mistakes) else { continue };
        let labels = labels(fields.texts("exp_labels", mistakes));
        let annotations = self::labels(fields.texts("exp_annotations", mistakes));
        fields.end("an expected alert", mistakes);
        expected.push((labels, annotations));
    }
    fields.end("an alert test", mistakes);
    if name.is_empty() {
        let message = "an item under alert_rule_test has no alertname".to_owned();
        mistakes.push(Mistake { line, message });
    }
    Some(AlertTest { line, at, name, expected })
}

fn query_test(node: tree::Node, mistakes: &mut Mistakes) -> Option<QueryTest> {
    let line = node.line;
    let mut fields = Fields::of(node, "a query test", mistakes)?;
    let at = fields.duration("eval_time", mistakes).unwrap_or_default();
    let expr = text(&mut fields, "expr", mistakes);
    let mut expected = Vec::new();
    for item in fields.list("exp_samples", mistakes) {
        let line = item.line;
        let Some(mut fields) = Fields::of(item, "an expected sample", mistakes) else { continue };
        let labels = notation::metric(&text(&mut fields, "labels", mistakes));
        let value = fields.text("value", mistakes).map_or(Some(0.0), |(text, _)| float(&text));
        fields.end("an expected sample", mistakes);
        match (labels, value) {
            (Ok(labels), Some(value)) => expected.push((labels, value)),
            (Err(message), _) => mistakes.push(Mistake { line, message }),
            (_, None) => {
                mistakes.push(Mistake { line, message: "value is no number".to_owned() });
            }
        }
    }
    fields.end("a query test", mistakes);
    Some(QueryTest { line, at, expr, expected })
}

fn text(fields: &mut Fields, name: &'static str, mistakes: &mut Mistakes) -> String {
    fields.text(name, mistakes).map(|(text, _)| text).unwrap_or_default()
}

fn texts(fields: &mut Fields, name: &'static str, mistakes: &mut Mistakes) -> Vec<Text> {
    let mut texts = Vec::new();
    for item in fields.list(name, mistakes) {
        match item.kind {
            tree::Kind::Scalar(text) => texts.push((text, item.line)),
            other => {
                let message = format!("{name} holds texts, not {}", other.describe());
                mistakes.push(Mistake { line: item.line, message });
            }
        }
    }
    texts
}

fn labels(texts: Vec<(String, Text)>) -> Labels {
    Labels::new(texts.into_iter().map(|(name, (text, _))| (name, text)))
}

fn float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        ".nan" => Some(f64::NAN),
        ".inf" | "+.inf" => Some(f64::INFINITY),
        "-.inf" => Some(f64::NEG_INFINITY),
        plain => plain.replace('_', "").parse().ok(),
    }
}
