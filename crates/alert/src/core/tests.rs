//! Scenes of the core on a clock that stands still, each also across restarts where that matters.

use model::alert::Hidden;
use model::notification::Reason;

use super::*;
use crate::change::GroupState;
use crate::config::Config;
use crate::matcher;

const FILE: &str = "
route:
  receiver: mail
  group_by: [cluster]
  group_wait: 10s
  group_interval: 60s
  repeat_interval: 1h
  routes:
    - matchers: [severity=critical]
      receiver: pager
      group_wait: 0s
      escalate_after: 10m
      escalate_to: boss
receivers:
  - name: mail
    webhook_configs: [{}, {send_resolved: false}]
  - name: pager
    pagerduty_configs: [{}]
  - name: boss
    webhook_configs: [{}]
";

fn routing() -> Arc<Routing> {
    Arc::new(Routing::new(&Config::parse(FILE).expect("a good file"), "http://here"))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).expect("a moment")
}

fn alert(name: &str, severity: &str, from: i64, to: Option<i64>) -> Alert {
    Alert {
        labels: Labels::new([("alertname", name), ("severity", severity), ("cluster", "c")]),
        annotations: Labels::default(),
        starts_at: at(from),
        ends_at: to.map(at),
        updated_at: at(to.unwrap_or(from)),
        generator_url: String::new(),
        hidden: None,
    }
}

/// A core whose changes are stored and which can be started again from there.
struct Stage {
    core: Core,
    alerts: Map<Fingerprint, Alert>,
    sent: Map<(String, String, String), Sent>,
    groups: Map<(String, String), GroupState>,
    silences: Map<String, Silence>,
    acks: Map<Fingerprint, Ack>,
    history: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        Self {
            core: Core::new(routing(), Saved::default(), at(0)),
            alerts: Map::default(),
            sent: Map::default(),
            groups: Map::default(),
            silences: Map::default(),
            acks: Map::default(),
            history: Vec::new(),
        }
    }

    fn store(&mut self) {
        for change in self.core.take_changes() {
            match change {
                Change::Alert(alert) => drop(self.alerts.insert(alert.fingerprint(), alert)),
                Change::AlertGone(fingerprint) => drop(self.alerts.remove(&fingerprint)),
                Change::Transition(t) => {
                    let from = t.from.map_or("new", AlertState::as_str);
                    let name = t.labels.get("alertname").unwrap_or_default();
                    self.history.push(format!("{name}: {from} > {}", t.to));
                }
                Change::Sent(sent) => {
                    let key = (sent.receiver.clone(), sent.channel.clone(), sent.group_key.clone());
                    self.sent.insert(key, sent);
                }
                Change::SentGone { receiver, channel, group_key } => {
                    self.sent.remove(&(receiver, channel, group_key));
                }
                Change::Group(group) => {
                    let key = (group.receiver.clone(), group.group_key.clone());
                    self.groups.insert(key, group);
                }
                Change::GroupGone { receiver, group_key } => {
                    self.groups.remove(&(receiver, group_key));
                }
                Change::Silence(silence) => {
                    self.silences.insert(silence.id.clone(), silence);
                }
                Change::SilenceGone(id) => drop(self.silences.remove(&id)),
                Change::Ack(ack) => drop(self.acks.insert(ack.fingerprint, ack)),
                Change::AckGone(fingerprint) => drop(self.acks.remove(&fingerprint)),
                other => panic!("the core has no part in {other:?}"),
            }
        }
    }

    /// Everything that is sent up to `second`, in short.
    fn until(&mut self, second: i64) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let due = self.core.next_due().unwrap_or(Timestamp::MAX).min(at(second));
            for outgoing in self.core.advance(due) {
                let n = &outgoing.notification;
                let names: Vec<_> = n
                    .alerts
                    .iter()
                    .map(|a| format!("{}{}", if a.is_resolved(n.at) { "-" } else { "" }, a.name()))
                    .collect();
                all.push(format!(
                    "{} {}/{} {} {}",
                    due.as_second() - 1_000_000,
                    outgoing.receiver,
                    outgoing.integration,
                    n.reason,
                    names.join(",")
                ));
            }
            self.store();
            if due >= at(second) {
                return all;
            }
        }
    }

    fn restart(&mut self, second: i64) {
        let saved = Saved {
            alerts: self.alerts.values().cloned().collect(),
            sent: self.sent.values().cloned().collect(),
            groups: self.groups.values().cloned().collect(),
            silences: self.silences.values().cloned().collect(),
            acks: self.acks.values().cloned().collect(),
        };
        self.core = Core::new(routing(), saved, at(second));
        self.store();
    }

    fn receive(&mut self, second: i64, alerts: &[Alert]) {
        self.core.receive(alerts.to_vec(), at(second));
        self.store();
    }
}

#[test]
fn a_group_is_told_once_then_what_is_new_and_when_it_is_over() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "warning", 0, None)]);
    stage.receive(5, &[alert("B", "warning", 5, None)]);
    assert_eq!(
        stage.until(70),
        ["10 mail/webhook[0] first notification A,B", "10 mail/webhook[1] first notification A,B"]
    );
    stage.receive(75, &[alert("A", "warning", 0, Some(75))]);
    assert_eq!(stage.until(140), ["130 mail/webhook[0] some alerts resolved B,-A"]);
    stage.receive(150, &[alert("B", "warning", 5, Some(150))]);
    assert_eq!(stage.until(4_000), ["190 mail/webhook[0] all alerts resolved -B"]);
    assert_eq!(
        stage.history,
        ["A: new > firing", "B: new > firing", "A: firing > resolved", "B: firing > resolved"]
    );
    assert!(stage.alerts.is_empty() && stage.groups.is_empty(), "nothing is left over");
    assert_eq!(stage.core.next_due(), None);
    stage.until(20_000);
    assert!(stage.sent.is_empty());
}

#[test]
fn what_is_over_before_anybody_was_told_is_never_told() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "warning", 0, None)]);
    stage.receive(5, &[alert("A", "warning", 0, Some(5))]);
    assert!(stage.until(1_000).is_empty());
}

#[test]
fn an_alert_that_is_not_told_again_in_time_is_over() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "warning", 0, Some(50))]);
    assert_eq!(stage.until(60).len(), 2);
    assert_eq!(stage.history, ["A: new > firing", "A: firing > resolved"]);
    stage.restart(61);
    assert_eq!(stage.until(80), ["70 mail/webhook[0] all alerts resolved -A"]);
    assert_eq!(stage.history.len(), 2, "its end is on record once: {:?}", stage.history);
}

#[test]
fn what_ends_while_nobody_is_there_is_on_record_and_told_at_once() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "warning", 0, Some(50)), alert("B", "warning", 0, None)]);
    let b = alert("B", "warning", 0, None).fingerprint();
    assert_eq!(stage.until(40).len(), 2);
    stage.core.acknowledge(b, "ann", "", at(40));
    stage.until(41);
    stage.restart(200);
    assert_eq!(stage.until(201), ["200 mail/webhook[0] some alerts resolved B,-A"]);
    let history = &stage.history[2..];
    assert_eq!(history, ["B: firing > acknowledged", "A: firing > resolved"]);
}

#[test]
fn a_restart_neither_repeats_nor_loses() {
    for restart in [1, 5, 30, 69, 100, 129, 131, 185] {
        let (mut told, mut stage) = (Vec::new(), Stage::new());
        for (second, alerts) in [
            (0, alert("A", "warning", 0, None)),
            (20, alert("B", "warning", 20, None)),
            (80, alert("A", "warning", 0, Some(80))),
            (140, alert("B", "warning", 20, Some(140))),
        ] {
            if (second..second + 60).contains(&restart) && second < restart {
                told.extend(stage.until(restart));
                stage.restart(restart);
            }
            told.extend(stage.until(second));
            if restart == second + 1 {
                stage.restart(restart);
            }
            stage.receive(second, &[alerts]);
        }
        told.extend(stage.until(restart.max(140)));
        stage.restart(restart.max(140));
        told.extend(stage.until(300));
        told.retain(|line| line.contains("webhook[0]"));
        let what: Vec<_> =
            told.iter().filter_map(|line| line.split_once(' ')).map(|(_, w)| w).collect();
        assert_eq!(
            what,
            [
                "mail/webhook[0] first notification A",
                "mail/webhook[0] new alerts in group A,B",
                "mail/webhook[0] some alerts resolved B,-A",
                "mail/webhook[0] all alerts resolved -B",
            ],
            "restart at {restart}: {told:?}"
        );
    }
}

#[test]
fn an_acknowledgement_stops_repeats_until_the_group_changes() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "warning", 0, None)]);
    assert_eq!(stage.until(4_000).len(), 4, "told, and repeated after an hour, to two");
    let a = alert("A", "warning", 0, None).fingerprint();
    assert!(stage.core.acknowledge(a, "ann", "on it", at(4_000)));
    assert!(stage.until(20_000).is_empty());
    stage.restart(20_000);
    assert!(stage.until(30_000).is_empty());
    stage.receive(30_000, &[alert("B", "warning", 30_000, None)]);
    assert_eq!(stage.until(30_100).len(), 2, "new in the group");
    assert_eq!(stage.until(34_000).len(), 2, "repeated, since one is not acknowledged");
    assert!(stage.core.unacknowledge(a, at(34_000)));
    assert!(!stage.core.acknowledge(Fingerprint(1), "ann", "", at(34_000)));
    assert!(stage.history.contains(&"A: firing > acknowledged".to_owned()), "{:?}", stage.history);
}

#[test]
fn what_fires_anew_is_not_acknowledged() {
    let mut stage = Stage::new();
    let a = alert("A", "critical", 0, None);
    stage.receive(0, std::slice::from_ref(&a));
    stage.until(1);
    stage.core.acknowledge(a.fingerprint(), "ann", "", at(1));
    assert_eq!(stage.until(5), ["1 pager/pagerduty[0] acknowledged A"]);
    stage.receive(10, &[alert("A", "critical", 0, Some(10))]);
    stage.receive(20, &[alert("A", "critical", 20, None)]);
    assert_eq!(stage.core.status(a.fingerprint(), at(20)).expect("there").acknowledged, None);
    let told = stage.until(4_000);
    assert!(told.iter().any(|line| line.contains("boss")), "{told:?}");
}

#[test]
fn what_nobody_acknowledges_is_told_to_somebody_else_until_it_is_over() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "critical", 0, None)]);
    assert_eq!(stage.until(0), ["0 pager/pagerduty[0] first notification A"]);
    stage.until(300);
    stage.restart(300);
    assert_eq!(stage.until(700), ["600 boss/webhook[0] not acknowledged in time A"]);
    stage.restart(700);
    stage.receive(710, &[alert("A", "critical", 0, Some(710))]);
    assert_eq!(
        stage.until(800),
        [
            "760 pager/pagerduty[0] all alerts resolved -A",
            "760 boss/webhook[0] all alerts resolved -A"
        ]
    );
    stage.receive(1_000, &[alert("A", "critical", 1_000, None)]);
    stage.until(1_001);
    let a = alert("A", "critical", 0, None).fingerprint();
    stage.core.acknowledge(a, "ann", "", at(1_002));
    assert_eq!(stage.until(4_000), ["1002 pager/pagerduty[0] acknowledged A"], "no escalation");
}

#[test]
fn an_alert_that_joins_later_has_its_own_time_to_be_acknowledged() {
    let mut stage = Stage::new();
    let a = alert("A", "critical", 0, None);
    stage.receive(0, std::slice::from_ref(&a));
    stage.until(100);
    stage.core.acknowledge(a.fingerprint(), "ann", "", at(100));
    assert_eq!(stage.until(500), ["100 pager/pagerduty[0] acknowledged A"]);
    stage.receive(500, &[alert("B", "critical", 500, None)]);
    assert_eq!(
        stage.until(2_000),
        [
            "540 pager/pagerduty[0] new alerts in group A,B",
            "1100 boss/webhook[0] not acknowledged in time A,B",
        ]
    );
}

#[test]
fn a_hidden_alert_is_not_told_but_its_end_is_where_it_was_told_before() {
    let mut stage = Stage::new();
    let hidden = |to| Alert {
        hidden: Some(Hidden::Symptom("LeaderLost".to_owned())),
        ..alert("A", "warning", 0, to)
    };
    stage.receive(0, &[hidden(None)]);
    assert!(stage.until(100).is_empty());
    stage.receive(100, &[alert("A", "warning", 0, None)]);
    assert_eq!(stage.until(200).len(), 2);
    stage.receive(200, &[hidden(None)]);
    stage.receive(210, &[hidden(Some(210))]);
    assert_eq!(stage.until(300), ["250 mail/webhook[0] all alerts resolved -A"]);
}

#[test]
fn another_configuration_tells_nobody_again() {
    let mut stage = Stage::new();
    stage.receive(0, &[alert("A", "warning", 0, None), alert("B", "critical", 0, None)]);
    assert_eq!(stage.until(20).len(), 3);
    let file = FILE.replace("cluster]", "cluster, x]").replace("group_wait: 10s", "group_wait: 1s");
    let routing = Routing::new(&Config::parse(&file).expect("a good file"), "");
    stage.core.reconfigure(Arc::new(routing), at(30));
    assert!(stage.until(300).is_empty());
}

#[test]
fn critical_ones_come_first_and_a_storm_is_one_notification_for_each_integration() {
    let mut stage = Stage::new();
    let mut storm: Vec<_> =
        (0..1_000).map(|i| alert(&format!("W{i}"), "warning", 0, None)).collect();
    storm.push(alert("A", "critical", 0, None));
    stage.core.receive(storm, at(20));
    let outgoing = stage.core.advance(at(30));
    let counts: Vec<_> =
        outgoing.iter().map(|one| (one.priority, one.notification.alerts.len())).collect();
    let warnings = (Severity::Warning, 1_000);
    assert_eq!(counts, [(Severity::Critical, 1), warnings, warnings]);
    let ids: BTreeSet<_> = outgoing.iter().map(|one| one.notification.id.clone()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(outgoing[0].notification.reason, Reason::FirstNotification);
}

#[test]
fn a_silence_covers_from_its_start_to_its_end_and_status_says_so() {
    let mut stage = Stage::new();
    let silence = Silence {
        id: String::new(),
        matchers: vec![matcher::parse("alertname=A").expect("a matcher")],
        starts_at: at(0),
        ends_at: at(100),
        updated_at: at(0),
        created_by: "ann".to_owned(),
        comment: String::new(),
    };
    let id = stage.core.set_silence(silence, "s1".to_owned(), at(0)).expect("made");
    stage.receive(0, &[alert("A", "warning", 0, None)]);
    let a = alert("A", "warning", 0, None).fingerprint();
    let status = stage.core.status(a, at(1)).expect("there");
    assert_eq!((status.silenced_by.clone(), status.is_suppressed()), (vec![id.clone()], true));
    assert!(stage.until(100).is_empty());
    assert_eq!(stage.until(140).len(), 2, "told at the next look");
    assert_eq!(
        stage.history,
        ["A: new > firing", "A: firing > suppressed", "A: suppressed > firing"]
    );
    assert!(stage.core.expire_silence(&id, at(150)).is_ok());
    assert_eq!(stage.core.groups(at(150)).len(), 1);
}
