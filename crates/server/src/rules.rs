//! Rules and their alerts as `/prometheus/api/v1/rules` and `/alerts` show them; whoever evaluates
//! puts them here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use model::series::Labels;
use serde_json::{Value, json};

/// The groups of rules, as they were at the last evaluation. A clone is another handle.
#[derive(Debug, Clone, Default)]
pub struct Rules(Arc<ArcSwap<Vec<GroupView>>>);

/// A group of rules.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Between two evaluations, where it says so.
    pub interval: Option<Duration>,
    /// The most alerts of a rule; 0 is any number.
    pub limit: usize,
    /// When it was last evaluated.
    pub last_evaluation: Option<Timestamp>,
    /// How long that took.
    pub evaluation_time: Duration,
    /// Evaluations so far.
    pub evaluations: u64,
    /// Evaluations that were left out, since the ones before took too long.
    pub missed: u64,
    /// Evaluations of its rules that failed.
    pub failures: u64,
    /// In the order of the file.
    pub rules: Vec<RuleView>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct RuleView {
    /// The alert's name, or the recorded metric.
    pub name: String,
    /// Its expression.
    pub query: String,
    /// Whether it makes alerts.
    pub is_alerting: bool,
    /// `for`.
    pub hold: Duration,
    /// `keep_firing_for`.
    pub keep_firing_for: Duration,
    /// As they stand in the file.
    pub labels: BTreeMap<String, String>,
    /// As they stand in the file.
    pub annotations: BTreeMap<String, String>,
    /// `ok`, `err` or `unknown`.
    pub health: &'static str,
    /// Why it could not be evaluated.
    pub last_error: Option<String>,
    /// When it was last evaluated.
    pub last_evaluation: Option<Timestamp>,
    /// How long that took.
    pub evaluation_time: Duration,
    /// `firing`, `pending` or `inactive`.
    pub state: &'static str,
    /// Its alerts that are pending or firing.
    pub alerts: Vec<AlertView>,
}

/// One alert of a rule.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// What it is about.
    pub labels: Labels,
    /// What a person should know.
    pub annotations: Labels,
    /// `pending` or `firing`.
    pub state: &'static str,
    /// Since when its condition holds.
    pub active_at: Timestamp,
    /// The value of its expression.
    pub value: f64,
}

impl Rules {
    /// Replaces what is shown.
    pub fn show(&self, groups: Vec<GroupView>) {
        self.0.store(Arc::new(groups));
    }

    /// What is shown.
    pub(crate) fn views(&self) -> Arc<Vec<GroupView>> {
        self.0.load_full()
    }

    /// The data of `/rules`: only alerting, only recording rules, or (none) both.
    pub(crate) fn groups(&self, alerting: Option<bool>) -> Value {
        let groups = self.0.load();
        let group = |group: &GroupView| {
            let wanted = |rule: &&RuleView| alerting.is_none_or(|want| want == rule.is_alerting);
            json!({
                "name": group.name,
                "file": group.file,
                "rules": group.rules.iter().filter(wanted).map(rule).collect::<Vec<_>>(),
                "interval": seconds(group.interval.unwrap_or_default()),
                "limit": group.limit,
                "evaluationTime": group.evaluation_time.as_secs_f64(),
                "lastEvaluation": time(group.last_evaluation),
            })
        };
        json!({"groups": groups.iter().map(group).collect::<Vec<_>>()})
    }

    /// The data of `/alerts`.
    pub(crate) fn alerts(&self) -> Value {
        let groups = self.0.load();
        let alerts = groups.iter().flat_map(|group| &group.rules).flat_map(|rule| &rule.alerts);
        json!({"alerts": alerts.map(alert).collect::<Vec<_>>()})
    }
}

fn rule(rule: &RuleView) -> Value {
    let mut shown = json!({
        "name": rule.name,
        "query": rule.query,
        "labels": rule.labels,
        "health": rule.health,
        "evaluationTime": rule.evaluation_time.as_secs_f64(),
        "lastEvaluation": time(rule.last_evaluation),
        "type": if rule.is_alerting { "alerting" } else { "recording" },
    });
    if let (Some(fields), Some(error)) = (shown.as_object_mut(), &rule.last_error) {
        fields.insert("lastError".to_owned(), error.as_str().into());
    }
    if let (Some(fields), true) = (shown.as_object_mut(), rule.is_alerting) {
        fields.insert("state".to_owned(), rule.state.into());
        fields.insert("duration".to_owned(), seconds(rule.hold));
        fields.insert("keepFiringFor".to_owned(), seconds(rule.keep_firing_for));
        fields.insert("annotations".to_owned(), json!(rule.annotations));
        fields.insert("alerts".to_owned(), rule.alerts.iter().map(alert).collect());
    }
    shown
}

fn alert(alert: &AlertView) -> Value {
    let texts = |labels: &Labels| -> BTreeMap<String, String> {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    json!({
        "labels": texts(&alert.labels),
        "annotations": texts(&alert.annotations),
        "state": alert.state,
        "activeAt": alert.active_at.to_string(),
        "value": exponential(alert.value),
    })
}

/// A number of seconds, without a fraction where there is none.
fn seconds(span: Duration) -> Value {
    if span.subsec_nanos() == 0 { span.as_secs().into() } else { span.as_secs_f64().into() }
}

/// The shortest digits that give the number back, with an exponent as Go writes it: `4.25e+01`.
fn exponential(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As Go writes a time, the zero time where there is none.
fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        let cases = [
            (42.5, "4.25e+01"),
            (0.0, "0e+00"),
            (-0.001, "-1e-03"),
            (1e100, "1e+100"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, text) in cases {
            assert_eq!(exponential(number), text);
        }
        assert_eq!(seconds(Duration::from_secs(90)), json!(90));
        assert_eq!(seconds(Duration::from_millis(1_500)), json!(1.5));
    }
}
