//! Trouble with rules themselves, as alerts: they cannot be evaluated, or are too late.

use jiff::Timestamp;
use model::alert::{ALERT_NAME, Alert};
use model::series::Labels;
use tracing::warn;

/// When something is told, and where people reach this monitor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Timestamp,
    pub(super) external_url: &'a str,
}

const FAILED: &str = "EtcdMonitorRuleFailed";
const LATE: &str = "EtcdMonitorRulesLate";

/// Of which group or rule an alert of this file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) group: &'a str,
    /// Empty when the group is late.
    pub(super) rule: &'a str,
}

/// What `alert` tells of, if it is one of this file.
pub(super) fn told(alert: &Alert) -> Option<Told<'_>> {
    let label = |name| alert.labels.get(name);
    let group = label("group").filter(|_| label("source") == Some("rules"))?;
    let rule = label("rule").unwrap_or_default();
    let is_ours = matches!((label(ALERT_NAME)?, rule), (FAILED, _) | (LATE, ""));
    is_ours.then_some(Told { group, rule })
}

/// Rules of `group` that cannot be evaluated, with those that could not before and now can; `failed`
/// remembers which.
pub(super) fn of_errors(
    group: &str,
    failed: &mut Vec<String>,
    errors: &[(String, String)],
    of: Moment<'_>,
) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (rule, error) in errors {
        if !failed.contains(rule) {
            warn!(%group, %rule, %error, "a rule cannot be evaluated");
        }
        let summary =
            format!("rule {rule} cannot be evaluated: what it watches over is not watched");
        alerts.push(of.alert(FAILED, group, rule, &summary, error));
    }
    for rule in failed.drain(..) {
        if !errors.iter().any(|(name, _)| *name == rule) {
            let alert = of.alert(FAILED, group, &rule, "", "");
            alerts.push(Alert { ends_at: Some(of.now), ..alert });
        }
    }
    *failed = errors.iter().map(|(rule, _)| rule.clone()).collect();
    alerts
}

/// That evaluations of `group` were missed, or no longer are.
pub(super) fn of_lateness(
    group: &str,
    was_late: bool,
    missed: u32,
    of: Moment<'_>,
) -> Option<Alert> {
    let summary = format!("group {group} is evaluated too late");
    let why = format!("{missed} evaluations were missed; the last one took too long");
    let alert = of.alert(LATE, group, "", &summary, &why);
    match (was_late, missed > 0) {
        (_, true) => Some(alert),
        (true, false) => Some(Alert { ends_at: Some(of.now), ..alert }),
        (false, false) => None,
    }
}

impl Moment<'_> {
    fn alert(self, name: &str, group: &str, rule: &str, summary: &str, why: &str) -> Alert {
        let Self { now, external_url } = self;
        let labels = Labels::new([
            (ALERT_NAME, name),
            ("severity", "warning"),
            ("source", "rules"),
            ("group", group),
            ("rule", rule),
        ]);
        Alert {
            labels,
            annotations: Labels::new([("summary", summary), ("description", why)]),
            starts_at: now,
            ends_at: None,
            updated_at: now,
            generator_url: format!("{external_url}/prometheus/api/v1/rules"),
            hidden: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_before_a_restart_is_over_when_the_rule_works_again() {
        let of = Moment { now: Timestamp::UNIX_EPOCH, external_url: "http://m" };
        let mut failed = Vec::new();
        let error = ("A".to_owned(), "timed out".to_owned());
        let begun = of_errors("a.yaml;g", &mut failed, &[error], of);
        assert_eq!(told(&begun[0]), Some(Told { group: "a.yaml;g", rule: "A" }));
        let mut failed = vec![told(&begun[0]).unwrap().rule.to_owned()];
        let over = of_errors("a.yaml;g", &mut failed, &[], of);
        assert_eq!(
            (over[0].labels.clone(), over[0].ends_at),
            (begun[0].labels.clone(), Some(of.now))
        );
        let late = of_lateness("a.yaml;g", false, 2, of).unwrap();
        assert_eq!(told(&late), Some(Told { group: "a.yaml;g", rule: "" }));
        assert_eq!(told(&Alert { labels: Labels::new([(ALERT_NAME, FAILED)]), ..late }), None);
    }
}
