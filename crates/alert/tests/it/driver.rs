//! Running the scenarios through our core on a clock of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use alert::change::{Change, GroupState, Sent};
use alert::config::Config;
use alert::core::Core;
use alert::routing::Routing;
use alert::saved::Saved;
use jiff::{SignedDuration, Timestamp};
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::silence::Silence;

use crate::scenario::{Event, Scenarios, What};

/// How long it goes on: after the last event, and before Alertmanager drops its empty groups, which it
/// does 30 s after its start.
pub(crate) const END: i64 = 16_500;

/// What one webhook is told of one group, in order: when, in milliseconds from the start, and the status
/// and its alerts with theirs.
pub(crate) type Notifications = BTreeMap<(String, String), Vec<(i64, String)>>;

pub(crate) fn after(start: Timestamp, millis: i64) -> Timestamp {
    start + SignedDuration::from_millis(millis)
}

pub(crate) fn describe(status: &str, mut alerts: Vec<(String, String)>) -> String {
    alerts.sort();
    let alerts: Vec<_> = alerts.iter().map(|(print, status)| format!("{print} {status}")).collect();
    format!("{status}: {}", alerts.join(", "))
}

/// What we tell; with `restarts` the core is started again from what was stored after each event.
pub(crate) fn run(
    config: &Config,
    scenarios: &Scenarios,
    start: Timestamp,
    restarts: bool,
) -> Notifications {
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
    let mut core = Core::new(routing.clone(), Saved::default(), start);
    let mut notifications = Notifications::new();
    let mut stored = Stored::default();
    let mut run_until = |core: &mut Core, stored: &mut Stored, at: Timestamp| loop {
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
        stored.apply(core.take_changes());
        if due >= at {
            break;
        }
    };
    for Event { at, what } in &scenarios.events {
        let now = after(start, *at);
        run_until(&mut core, &mut stored, now);
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
        if restarts {
            stored.apply(core.take_changes());
            core = Core::new(routing.clone(), stored.saved(), now);
        }
    }
    run_until(&mut core, &mut stored, after(start, END));
    notifications
}

/// What a store would hold.
#[derive(Default)]
struct Stored {
    alerts: BTreeMap<Fingerprint, Alert>,
    sent: BTreeMap<(String, String, String), Sent>,
    groups: BTreeMap<(String, String), GroupState>,
    silences: BTreeMap<String, Silence>,
    acks: BTreeMap<Fingerprint, Ack>,
}

impl Stored {
    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Alert(alert) => {
                    self.alerts.insert(alert.fingerprint(), alert);
                }
                Change::AlertGone(fingerprint) => {
                    self.alerts.remove(&fingerprint);
                }
                Change::Transition(_) => {}
                Change::Sent(one) => {
                    let key = (one.receiver.clone(), one.channel.clone(), one.group_key.clone());
                    self.sent.insert(key, one);
                }
                Change::SentGone { receiver, channel, group_key } => {
                    self.sent.remove(&(receiver, channel, group_key));
                }
                Change::Group(group) => {
                    self.groups.insert((group.receiver.clone(), group.group_key.clone()), group);
                }
                Change::GroupGone { receiver, group_key } => {
                    self.groups.remove(&(receiver, group_key));
                }
                Change::Silence(silence) => {
                    self.silences.insert(silence.id.clone(), silence);
                }
                Change::SilenceGone(id) => {
                    self.silences.remove(&id);
                }
                Change::Ack(ack) => {
                    self.acks.insert(ack.fingerprint, ack);
                }
                Change::AckGone(fingerprint) => {
                    self.acks.remove(&fingerprint);
                }
                other => panic!("the core has no part in {other:?}"),
            }
        }
    }

    fn saved(&self) -> Saved {
        Saved {
            alerts: self.alerts.values().cloned().collect(),
            sent: self.sent.values().cloned().collect(),
            groups: self.groups.values().cloned().collect(),
            silences: self.silences.values().cloned().collect(),
            acks: self.acks.values().cloned().collect(),
        }
    }
}
