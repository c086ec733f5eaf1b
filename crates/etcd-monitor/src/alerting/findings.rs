//! Findings as alerts: one alert for each open finding, told when it changes and when it is over.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::alert::{ALERT_NAME, Alert, Fingerprint, Hidden};
use model::finding::{Finding, FindingKind};
use model::series::Labels;
use monitor::own;

/// The label that says where an alert comes from, and its value for findings.
const SOURCE: (&str, &str) = ("source", "finding");

/// Evidence that an alert repeats; the rest is in the API.
const EVIDENCE: usize = 5;

/// What was told of the findings of all clusters.
#[derive(Debug, Default)]
pub(crate) struct FindingAlerts {
    told: HashMap<String, HashMap<Fingerprint, Alert>>,
}

impl FindingAlerts {
    /// Goes on from `alerts`, as they were known before a restart; those of other sources are
    /// passed over.
    pub(crate) fn resumed(alerts: impl IntoIterator<Item = Alert>) -> Self {
        let mut told: HashMap<String, HashMap<Fingerprint, Alert>> = HashMap::new();
        for alert in alerts {
            if alert.ends_at.is_some() || alert.labels.get(SOURCE.0) != Some(SOURCE.1) {
                continue;
            }
            let cluster = alert.labels.get("cluster").unwrap_or(own::NAME).to_owned();
            told.entry(cluster).or_default().insert(alert.fingerprint(), alert);
        }
        Self { told }
    }

    /// The alerts that changed: `findings` are all that are known of `cluster` now.
    pub(crate) fn look(
        &mut self,
        cluster: &str,
        extra: &Labels,
        findings: &[Arc<Finding>],
        external_url: &str,
        now: Timestamp,
    ) -> Vec<Alert> {
        let open = findings.iter().filter(|finding| finding.is_open());
        let mut open: HashMap<Fingerprint, Alert> = open
            .map(|finding| {
                let alert = alert(cluster, extra, finding, external_url, now);
                (alert.fingerprint(), alert)
            })
            .collect();
        let told = self.told.entry(cluster.to_owned()).or_default();
        let mut changed = Vec::new();
        told.retain(|fingerprint, known| {
            let Some(alert) = open.remove(fingerprint) else {
                known.ends_at = Some(now);
                known.updated_at = now;
                changed.push(known.clone());
                return false;
            };
            if says_the_same(known, &alert) {
                return true;
            }
            // Evidence moves with each sweep; the beginning stays.
            *known = Alert { starts_at: known.starts_at, ..alert };
            changed.push(known.clone());
            true
        });
        for (fingerprint, alert) in open {
            changed.push(alert.clone());
            told.insert(fingerprint, alert);
        }
        if told.is_empty() {
            self.told.remove(cluster);
        }
        changed.sort_by(|a, b| a.labels.cmp(&b.labels));
        changed
    }

    /// The clusters of which anything was told and that `is_watched` does not know: nobody looks
    /// after them any more, so that what was told of them is over.
    pub(crate) fn forget(
        &mut self,
        is_watched: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Vec<Alert> {
        let gone: Vec<String> = self
            .told
            .keys()
            .filter(|name| *name != own::NAME && !is_watched(name))
            .cloned()
            .collect();
        let alerts = gone.iter().filter_map(|name| self.told.remove(name)).flatten();
        alerts.map(|(_, alert)| Alert { ends_at: Some(now), updated_at: now, ..alert }).collect()
    }
}

fn says_the_same(one: &Alert, other: &Alert) -> bool {
    let summary = |alert: &Alert| alert.annotations.get("summary").map(str::to_owned);
    one.hidden == other.hidden && summary(one) == summary(other)
}

/// The name of a finding's alert: `EtcdMemberDown` for `member_down`.
fn name(kind: FindingKind) -> String {
    let words = kind.as_str().split('_');
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.fold("Etcd".to_owned(), |name, word| name + &capital(word))
}

fn alert(
    cluster: &str,
    extra: &Labels,
    finding: &Finding,
    external_url: &str,
    now: Timestamp,
) -> Alert {
    let is_own = cluster == own::NAME;
    let member = finding.member.as_ref();
    let labels = Labels::new([
        (ALERT_NAME, name(finding.kind).as_str()),
        SOURCE,
        ("finding", finding.kind.as_str()),
        ("severity", finding.severity.as_str()),
        ("cluster", cluster),
        ("member", member.map_or("", |member| &member.name)),
        ("instance", member.map_or("", |member| &member.endpoint)),
        ("about", &finding.about),
        ("expected", if finding.expected.is_some() { "true" } else { "" }),
    ]);
    let lines = |texts: &[String]| texts.join("\n");
    let evidence: Vec<String> = finding
        .evidence
        .iter()
        .take(EVIDENCE)
        .map(|item| format!("{} {}: {}", clock_time(item.at), item.source, item.observed))
        .collect();
    let annotations = Labels::new([
        ("summary", finding.summary.as_str()),
        ("description", &finding.explanation),
        ("evidence", &lines(&evidence)),
        ("causes", &lines(&finding.causes)),
        ("next_steps", &lines(&finding.next_steps)),
        ("runbook_url", &format!("{external_url}/runbooks/{}", finding.kind)),
    ]);
    let hidden = match (&finding.expected, finding.hidden_by) {
        (Some(why), _) => Some(Hidden::Expected(why.clone())),
        (None, Some(root)) => Some(Hidden::Symptom(name(root))),
        (None, None) => None,
    };
    let path = if is_own {
        "/api/v1/findings".to_owned()
    } else {
        format!("/api/v1/clusters/{cluster}/findings")
    };
    Alert {
        labels: labels.and(extra),
        annotations,
        starts_at: finding.since,
        ends_at: None,
        updated_at: now,
        generator_url: format!("{external_url}{path}?kind={}", finding.kind),
        hidden,
    }
}

fn clock_time(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use model::finding::{Evidence, FindingState, MemberRef};
    use model::severity::Severity;

    use super::*;

    const BEGIN: Timestamp = Timestamp::UNIX_EPOCH;

    fn finding(kind: FindingKind) -> Finding {
        Finding {
            kind,
            member: Some(MemberRef {
                id: None,
                name: "m1".to_owned(),
                endpoint: "10.0.0.1:2379".to_owned(),
            }),
            about: String::new(),
            severity: Severity::Critical,
            state: FindingState::Open,
            since: BEGIN,
            opened_at: Some(BEGIN),
            closed_at: None,
            summary: "m1 is down".to_owned(),
            explanation: "It does not answer.".to_owned(),
            evidence: vec![Evidence {
                at: BEGIN,
                source: "10.0.0.1:2379 Status".to_owned(),
                observed: "connection refused".to_owned(),
            }],
            causes: vec!["the process has ended".to_owned()],
            next_steps: vec!["systemctl status etcd".to_owned(), "journalctl -u etcd".to_owned()],
            hidden_by: None,
            expected: None,
        }
    }

    fn look(alerts: &mut FindingAlerts, findings: &[Finding], second: i64) -> Vec<Alert> {
        let findings: Vec<_> = findings.iter().cloned().map(Arc::new).collect();
        let now = BEGIN + second.seconds();
        alerts.look("prod", &Labels::default(), &findings, "http://m:8080", now)
    }

    #[test]
    fn an_open_finding_is_told_once_and_its_end_once() {
        let mut alerts = FindingAlerts::default();
        let mut down = finding(FindingKind::MemberDown);
        let told = look(&mut alerts, std::slice::from_ref(&down), 1);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].name(), "EtcdMemberDown");
        assert_eq!(
            told[0].labels.to_string(),
            r#"{alertname="EtcdMemberDown", cluster="prod", finding="member_down", instance="10.0.0.1:2379", member="m1", severity="critical", source="finding"}"#
        );
        assert_eq!(
            told[0].annotations.get("evidence"),
            Some("00:00:00Z 10.0.0.1:2379 Status: connection refused")
        );
        assert_eq!(
            told[0].generator_url,
            "http://m:8080/api/v1/clusters/prod/findings?kind=member_down"
        );
        down.state = FindingState::Clearing;
        assert!(look(&mut alerts, std::slice::from_ref(&down), 2).is_empty());
        let over = look(&mut alerts, &[], 3);
        assert_eq!(over[0].ends_at, Some(BEGIN + 3.seconds()));
        assert!(look(&mut alerts, &[], 4).is_empty());
    }

    #[test]
    fn what_is_pending_is_not_told_and_what_is_hidden_says_why() {
        let mut alerts = FindingAlerts::default();
        let mut pending = finding(FindingKind::MemberDown);
        pending.state = FindingState::Pending;
        assert!(look(&mut alerts, &[pending], 1).is_empty());
        let mut symptom = finding(FindingKind::LinkDown);
        symptom.hidden_by = Some(FindingKind::MemberDown);
        let told = look(&mut alerts, std::slice::from_ref(&symptom), 2);
        assert_eq!(told[0].hidden, Some(Hidden::Symptom("EtcdMemberDown".to_owned())));
        symptom.hidden_by = None;
        assert_eq!(look(&mut alerts, &[symptom], 3)[0].hidden, None);
    }

    #[test]
    fn after_a_restart_nothing_is_told_again_and_what_ended_meanwhile_is_over() {
        let mut before = FindingAlerts::default();
        let both = [finding(FindingKind::MemberDown), finding(FindingKind::QuorumAtRisk)];
        let known = look(&mut before, &both, 1);
        let mut after = FindingAlerts::resumed(known);
        let told = look(&mut after, &both[..1], 9);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].name(), told[0].ends_at.is_some()), ("EtcdQuorumAtRisk", true));
    }

    #[test]
    fn what_was_told_of_a_cluster_that_is_no_longer_watched_is_over() {
        let mut alerts = FindingAlerts::default();
        look(&mut alerts, &[finding(FindingKind::MemberDown)], 1);
        assert!(alerts.forget(|name| name == "prod", BEGIN).is_empty());
        let over = alerts.forget(|_| false, BEGIN);
        assert_eq!((over.len(), over[0].ends_at), (1, Some(BEGIN)));
        assert!(alerts.forget(|_| false, BEGIN).is_empty());
    }
}
