//! The same alerts at the same times: a real Alertmanager in real time and we on a clock of our own tell
//! the same receivers the same.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use alert::config::Config;
use jiff::{SignedDuration, Timestamp};
use model::clock::{Clock, SystemClock};
use model::series::MatchOp;
use serde_json::{Value, json};

use crate::alertmanager::{self, Alertmanager};
use crate::driver::{self, END, Notifications, after, describe};
use crate::http;
use crate::scenario::{self, Event, Scenarios, Told, What};

/// How far apart the times of a notification may be, in milliseconds: groups are looked at every 2 s.
const TOLERANCE: i64 = 1_000;

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
    let ours = driver::run(&config, &scenarios, start, false);

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
