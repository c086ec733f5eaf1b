//! Alerts that come in: telling what is new of them, and putting them into their groups.

use std::collections::HashSet;

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint};

use super::{Core, Tracked};
use crate::change::{AlertState, Change, Transition};
use crate::dispatch::{Group, later};

impl Core {
    /// Takes alerts as their sources tell them now; `updated_at` is set to it.
    pub fn receive(&mut self, alerts: Vec<Alert>, now: Timestamp) {
        for alert in alerts {
            self.receive_one(alert, now);
        }
    }

    fn receive_one(&mut self, mut alert: Alert, now: Timestamp) {
        alert.updated_at = now;
        let fingerprint = alert.fingerprint();
        let Some(known) = self.alerts.get(&fingerprint) else {
            self.changes.push(Change::Alert(alert.clone()));
            let is_on = !alert.is_resolved(now);
            if is_on {
                self.began(fingerprint, &alert, None, now);
            }
            self.track(fingerprint, alert, now);
            return;
        };
        let alert = merge(&known.alert, alert, now);
        let (was_on, is_on) = (known.state != AlertState::Resolved, !alert.is_resolved(now));
        if !is_same(&known.alert, &alert) {
            self.changes.push(Change::Alert(alert.clone()));
        }
        let (old_end, new_end) = (known.alert.ends_at, alert.ends_at);
        if old_end != new_end {
            old_end.map(|end| self.ends.remove(&(end, fingerprint)));
            new_end.filter(|_| is_on).map(|end| self.ends.insert((end, fingerprint)));
        }
        if was_on != is_on {
            self.inhibitor.set(fingerprint, &alert.labels, is_on);
        }
        match (was_on, is_on) {
            (true, false) => self.transition(fingerprint, AlertState::Resolved, "", now),
            (false, true) => self.began(fingerprint, &alert, Some(AlertState::Resolved), now),
            _ => {}
        }
        if let Some(known) = self.alerts.get_mut(&fingerprint) {
            known.alert = alert;
            if is_on && !was_on {
                known.state = AlertState::Firing;
            }
        }
        self.group(fingerprint, now);
    }

    fn began(
        &mut self,
        fingerprint: Fingerprint,
        alert: &Alert,
        from: Option<AlertState>,
        now: Timestamp,
    ) {
        self.changes.push(Change::Transition(Transition {
            at: now,
            fingerprint,
            labels: alert.labels.clone(),
            from,
            to: AlertState::Firing,
            text: alert.annotations.get("summary").unwrap_or_default().to_owned(),
        }));
    }

    /// Begins to follow an alert.
    pub(super) fn track(&mut self, fingerprint: Fingerprint, alert: Alert, now: Timestamp) {
        let is_on = !alert.is_resolved(now);
        if is_on {
            self.inhibitor.set(fingerprint, &alert.labels, true);
            alert.ends_at.map(|end| self.ends.insert((end, fingerprint)));
        }
        let tracked = Tracked {
            routes: self.routing.tree().matching(&alert.labels),
            groups: Vec::new(),
            covering: Vec::new(),
            covering_version: 0,
            state: if is_on { AlertState::Firing } else { AlertState::Resolved },
            alert,
        };
        self.alerts.insert(fingerprint, tracked);
        self.group(fingerprint, now);
    }

    /// Puts an alert into those of its groups that it is not in.
    fn group(&mut self, fingerprint: Fingerprint, now: Timestamp) {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else { return };
        for number in &tracked.routes {
            let route = self.routing.tree().get(*number);
            let place = (*number, route.group_labels(&tracked.alert.labels));
            let id = *self.places.entry(place).or_insert_with_key(|(_, labels)| {
                self.next_group += 1;
                let group = Group {
                    route: *number,
                    key: route.group_key(labels),
                    labels: labels.clone(),
                    members: HashSet::default(),
                    began_at: now,
                    next_flush: later(now, route.group_wait),
                    has_flushed: false,
                    told_at: None,
                    is_escalated: false,
                    dropped_at: None,
                };
                self.due.insert((group.next_flush, self.next_group));
                self.changes.push(Change::Group(group.state(&route.receiver)));
                self.groups.insert(self.next_group, group);
                self.next_group
            });
            let Some(group) = self.groups.get_mut(&id) else { continue };
            if group.members.insert(fingerprint) {
                tracked.groups.push(id);
            }
            if let Some(at) = group.dropped_at.take() {
                self.emptied.remove(&(at, id));
            }
            // An alert that has been on for longer than a group waits has waited enough.
            let has_waited = later(tracked.alert.starts_at, route.group_wait) < now;
            if !group.has_flushed && has_waited && group.next_flush > now {
                self.due.remove(&(group.next_flush, id));
                group.next_flush = now;
                self.due.insert((now, id));
            }
        }
    }

    /// Notes that alerts are over whose time has come.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((end, fingerprint)) = self.ends.first().copied().filter(|(at, _)| *at <= now)
        {
            self.ends.remove(&(end, fingerprint));
            self.end_unheard(fingerprint, now);
        }
    }

    /// Notes that an alert is over because nobody told it again. That it was last spoken of at its end
    /// says that this is on record.
    pub(super) fn end_unheard(&mut self, fingerprint: Fingerprint, now: Timestamp) {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else { return };
        self.inhibitor.set(fingerprint, &tracked.alert.labels, false);
        let end = tracked.alert.ends_at.unwrap_or(now);
        tracked.alert.updated_at = tracked.alert.updated_at.max(end);
        self.changes.push(Change::Alert(tracked.alert.clone()));
        self.transition(fingerprint, AlertState::Resolved, "not told again in time", now);
    }
}

/// What is known of an alert when `new` is told: as in Alertmanager, two that overlap are one that is on
/// since the earlier start, and an end that was promised for later stays.
fn merge(known: &Alert, mut new: Alert, now: Timestamp) -> Alert {
    let end = |alert: &Alert| alert.ends_at.unwrap_or(Timestamp::MAX);
    let within = |at: Timestamp| known.starts_at < at && at < end(known);
    if !within(end(&new)) && !within(new.starts_at) {
        return new;
    }
    new.starts_at = new.starts_at.min(known.starts_at);
    let is_later = end(known) > end(&new);
    // That its source never promised an end is no promise: the newest word counts.
    if is_later && known.ends_at.is_some() && new.is_resolved(now) == known.is_resolved(now) {
        new.ends_at = known.ends_at;
    }
    new
}

/// Whether nothing but the time of the last word differs.
fn is_same(known: &Alert, new: &Alert) -> bool {
    known.starts_at == new.starts_at
        && known.ends_at == new.ends_at
        && known.annotations == new.annotations
        && known.generator_url == new.generator_url
        && known.hidden == new.hidden
}
