//! The same alerts at the same times: a real Alertmanager in real time and we on a clock of our own tell
//! the same receivers the same.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use alert::config::Config;
use alert::core::Core;
use alert::routing::Routing;
use alert::saved::Saved;
use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::clock::{Clock, SystemClock};
use model::series::MatchOp;
use model::silence::Silence;
use serde_json::{Value, json};

use crate::alertmanager::{self, Alertmanager};
use crate::http;
use crate::scenario::{self, Event, Scenarios, Told, What};

/// How long it goes on: after the last event, and before Alertmanager drops its empty groups, which it
/// does 30 s after its start.
const END: i64 = 16_500;

/// How far apart the times of a notification may be, in milliseconds: groups are looked at every 2 s.
const TOLERANCE: i64 = 1_000;

/// What one webhook is told of one group, in order: when, in milliseconds from the start, and the status
/// and its alerts with theirs.
type Notifications = BTreeMap<(String, String), Vec<(i64, String)>>;

#[test]
fn a_real_alertmanager_tells_the_same_receivers_the_same() {
    let Some(program) = alertmanager::program("prometheus-alertmanager") else { return };
    let (port, posted) = http::record();
    let tokyo = (SystemClock.now().as_second() / 60 + 9 * 60).rem_euclid(1440);
    let scenarios = scenario::read(port, tokyo);
    assert!(scenarios.count >= 30);
    let config = Config::parse(&scenarios.config).expect("we take the configuration, too");
    let peer = Alertmanager::start(&program, &scenarios.config);
    let start = SystemClock.now() + SignedDuration::from_millis(200);
    let theirs = theirs(&peer, &scenarios, &posted, start);
    drop(peer);
    let ours = ours(&config, &scenarios, start);

    let mut differences = String::new();
    let keys: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    for key in &keys {
        let (theirs, ours) = (theirs.get(*key), ours.get(*key));
        if !is_same(theirs, ours) {
            write!(differences, "{key:?}\n  theirs {theirs:#?}\n  ours {ours:#?}\n").expect("text");
        }
    }
    assert!(differences.is_empty(), "{differences}");
    let count: usize = theirs.values().map(Vec::len).sum();
    assert!(count >= 100, "only {count} notifications");
    println!("{count} notifications of {} groups in {} scenarios", keys.len(), scenarios.count);
}

fn is_same(theirs: Option<&Vec<(i64, String)>>, ours: Option<&Vec<(i64, String)>>) -> bool {
    let (Some(theirs), Some(ours)) = (theirs, ours) else { return false };
    theirs.len() == ours.len()
        && theirs.iter().zip(ours).all(|((their_time, theirs), (our_time, ours))| {
            theirs == ours && (their_time - our_time).abs() < TOLERANCE
        })
}

fn after(start: Timestamp, millis: i64) -> Timestamp {
    start + SignedDuration::from_millis(millis)
}

fn theirs(
    peer: &Alertmanager,
    scenarios: &Scenarios,
    posted: &std::sync::mpsc::Receiver<http::Posted>,
    start: Timestamp,
) -> Notifications {
    let mut notifications = Notifications::new();
    let mut silences = HashMap::new();
    let mut wait_until = |at: i64| loop {
        let left = after(start, at).duration_since(SystemClock.now());
        let left = Duration::try_from(left).unwrap_or_default();
        match posted.recv_timeout(left) {
            Ok(posted) => {
                let body: Value = serde_json::from_str(&posted.body).expect("JSON");
                let alerts = body["alerts"].as_array().expect("alerts").iter();
                let alerts = alerts.map(|alert| {
                    let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
                    (text("fingerprint"), text("status"))
                });
                let status = body["status"].as_str().expect("a status");
                let key = body["groupKey"].as_str().expect("a key").to_owned();
                let told = notifications.entry((posted.path, key)).or_default();
                let at = SystemClock.now().duration_since(start).as_millis() as i64;
                told.push((at, describe(status, alerts.collect())));
            }
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("the recorder is gone"),
        }
    };
    for Event { at, what } in &scenarios.events {
        wait_until(*at);
        match what {
            What::Alerts(alerts) => {
                let alerts: Vec<_> = alerts.iter().map(|told| posting(told, start)).collect();
                peer.call("POST", "alerts", &alerts.into());
            }
            What::Silence { id, from, to, matchers } => {
                let matchers: Vec<_> = matchers
                    .iter()
                    .map(|matcher| {
                        let op = matcher.op();
                        json!({
                            "name": matcher.name(),
                            "value": matcher.value(),
                            "isRegex": matches!(op, MatchOp::Re | MatchOp::Nre),
                            "isEqual": matches!(op, MatchOp::Eq | MatchOp::Re),
                        })
                    })
                    .collect();
                let silence = json!({
                    "matchers": matchers,
                    "startsAt": after(start, *from).to_string(),
                    "endsAt": after(start, *to).to_string(),
                    "createdBy": "oracle",
                    "comment": "none",
                });
                let answer = peer.call("POST", "silences", &silence);
                let made = answer["silenceID"].as_str().expect("an ID").to_owned();
                silences.insert(id.clone(), made);
            }
            What::Unsilence(id) => {
                peer.call("DELETE", &format!("silence/{}", silences[id]), &Value::Null);
            }
        }
    }
    wait_until(END);
    notifications
}

fn posting(told: &Told, start: Timestamp) -> Value {
    let pairs = |labels: &model::series::Labels| -> BTreeMap<String, String> {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    json!({
        "labels": pairs(&told.labels),
        "annotations": pairs(&told.annotations),
        "startsAt": after(start, told.from).to_string(),
        "endsAt": after(start, told.to).to_string(),
    })
}

fn describe(status: &str, mut alerts: Vec<(String, String)>) -> String {
    alerts.sort();
    let alerts: Vec<_> = alerts.iter().map(|(print, status)| format!("{print} {status}")).collect();
    format!("{status}: {}", alerts.join(", "))
}

fn ours(config: &Config, scenarios: &Scenarios, start: Timestamp) -> Notifications {
    let routing = Arc::new(Routing::new(config, ""));
    let paths: HashMap<_, _> = config
        .receivers
        .iter()
        .flat_map(|receiver| {
            receiver.integrations.iter().map(|integration| {
                let url = integration.value["url"].as_str().expect("a URL");
                let path = url.splitn(4, '/').nth(3).expect("a path");
                ((receiver.name.clone(), integration.name()), format!("/{path}"))
            })
        })
        .collect();
    let mut core = Core::new(routing, Saved::default(), start);
    let mut notifications = Notifications::new();
    let mut run_until = |core: &mut Core, at: Timestamp| loop {
        let due = core.next_due().unwrap_or(Timestamp::MAX).min(at);
        for outgoing in core.advance(due) {
            let notification = &outgoing.notification;
            let alerts = notification.alerts.iter().map(|alert| {
                let is_over = alert.is_resolved(notification.at);
                let status = if is_over { "resolved" } else { "firing" };
                (alert.fingerprint().to_string(), status.to_owned())
            });
            let path = paths[&(outgoing.receiver, outgoing.integration)].clone();
            let told = notifications.entry((path, notification.group_key.clone())).or_default();
            let at = due.duration_since(start).as_millis() as i64;
            told.push((at, describe(notification.status(), alerts.collect())));
        }
        core.take_changes();
        if due >= at {
            break;
        }
    };
    for Event { at, what } in &scenarios.events {
        let now = after(start, *at);
        run_until(&mut core, now);
        match what {
            What::Alerts(alerts) => {
                let alerts = alerts.iter().map(|told| Alert {
                    labels: told.labels.clone(),
                    annotations: told.annotations.clone(),
                    starts_at: after(start, told.from),
                    ends_at: Some(after(start, told.to)),
                    updated_at: now,
                    generator_url: String::new(),
                    hidden: None,
                });
                core.receive(alerts.collect(), now);
            }
            What::Silence { id, from, to, matchers } => {
                let silence = Silence {
                    id: String::new(),
                    matchers: matchers.clone(),
                    starts_at: after(start, *from),
                    ends_at: after(start, *to),
                    updated_at: now,
                    created_by: "oracle".to_owned(),
                    comment: String::new(),
                };
                core.set_silence(silence, id.clone(), now).expect("made");
            }
            What::Unsilence(id) => core.expire_silence(id, now).expect("ended"),
        }
    }
    run_until(&mut core, after(start, END));
    notifications
}
