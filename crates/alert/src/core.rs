//! The deciding core: alerts in, notifications out, and what must be stored before those are sent.
//!
//! It has no clock and does no I/O: the same calls with the same times give the same notifications.
//! The stages are those of Alertmanager: alerts are grouped by the routes that they match; a group is
//! looked at after `group_wait` and then every `group_interval`; those of its alerts that are hidden,
//! inhibited, muted by a time or silenced are left out; of the rest each integration is told what it
//! does not know.

mod flush;
mod intake;
mod rebuild;
mod status;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::{SignedDuration, Timestamp};
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::notification::Notification;
use model::series::Labels;
use model::severity::Severity;
use model::silence::Silence;

pub use self::status::{GroupView, Status};
use crate::ack::Acks;
use crate::change::{AlertState, Change, Sent, Transition};
use crate::dispatch::Group;
use crate::inhibit::Inhibitor;
use crate::routing::Routing;
use crate::saved::Saved;
use crate::silence::{SilenceError, Silences};

/// How often what is no longer needed is forgotten.
const CLEANING_INTERVAL: SignedDuration = SignedDuration::from_mins(15);

type Map<K, V> = HashMap<K, V, RandomState>;

/// A notification for one integration of one receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The receiver's name.
    pub receiver: String,
    /// The integration's name within it: `slack[0]`.
    pub integration: String,
    /// What it is told.
    pub notification: Notification,
    /// The worst severity in it: what is critical is sent first.
    pub priority: Severity,
}

/// An alert and what is known of it.
#[derive(Debug)]
struct Tracked {
    alert: Alert,
    /// The numbers of the routes that it matches.
    routes: Vec<usize>,
    /// The groups that it is in.
    groups: Vec<u64>,
    /// The silences, pending ones included, that cover it, as of this version of them.
    covering: Vec<String>,
    covering_version: u64,
    state: AlertState,
}

/// All alerts, groups, silences and acknowledgements, and what was told.
#[derive(Debug)]
pub struct Core {
    routing: Arc<Routing>,
    alerts: Map<Fingerprint, Tracked>,
    groups: Map<u64, Group>,
    places: Map<(usize, Labels), u64>,
    next_group: u64,
    /// When which group is looked at.
    due: BTreeSet<(Timestamp, u64)>,
    /// When which empty group is dropped.
    emptied: BTreeSet<(Timestamp, u64)>,
    /// When which group is told to somebody else, too.
    escalations: BTreeSet<(Timestamp, u64)>,
    /// Groups of which alerts were acknowledged since the last look.
    acknowledged: BTreeSet<u64>,
    acknowledged_at: Option<Timestamp>,
    /// When which alert is over unless it is told again.
    ends: BTreeSet<(Timestamp, Fingerprint)>,
    /// What was told, by group.
    sent: Map<String, Vec<Sent>>,
    inhibitor: Inhibitor,
    silences: Silences,
    acks: Acks,
    cleaned_at: Timestamp,
    changes: Vec<Change>,
}

impl Core {
    /// Begins with what was stored.
    pub fn new(routing: Arc<Routing>, saved: Saved, now: Timestamp) -> Self {
        let mut core = Self {
            inhibitor: Inhibitor::new(routing.inhibit_rules()),
            routing,
            alerts: Map::default(),
            groups: Map::default(),
            places: Map::default(),
            next_group: 0,
            due: BTreeSet::new(),
            emptied: BTreeSet::new(),
            escalations: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            acknowledged_at: None,
            ends: BTreeSet::new(),
            sent: Map::default(),
            silences: Silences::new(saved.silences),
            acks: Acks::new(saved.acks),
            cleaned_at: now,
            changes: Vec::new(),
        };
        for sent in saved.sent {
            core.sent.entry(sent.group_key.clone()).or_default().push(sent);
        }
        core.rebuild(saved.alerts, saved.groups, now);
        core
    }

    /// Takes another configuration. Groups that it has, too, keep their rhythm; nobody is told again of
    /// what they know.
    pub fn reconfigure(&mut self, routing: Arc<Routing>, now: Timestamp) {
        let states = self.groups.values().map(|group| group.state(self.receiver_of(group)));
        let states: Vec<_> = states.collect();
        let alerts = self.alerts.drain().map(|(_, tracked)| tracked.alert).collect();
        self.inhibitor = Inhibitor::new(routing.inhibit_rules());
        self.routing = routing;
        self.groups.clear();
        self.places.clear();
        self.due.clear();
        self.emptied.clear();
        self.escalations.clear();
        self.ends.clear();
        self.rebuild(alerts, states, now);
    }

    /// Makes or changes a silence, see [`Silences::set`]; returns the ID of the one that is in place.
    pub fn set_silence(
        &mut self,
        silence: Silence,
        new_id: String,
        now: Timestamp,
    ) -> Result<String, SilenceError> {
        let changed = self.silences.set(silence, new_id, now)?;
        let id = changed.last().map(|silence| silence.id.clone()).unwrap_or_default();
        self.changes.extend(changed.into_iter().map(Change::Silence));
        Ok(id)
    }

    /// Ends a silence.
    pub fn expire_silence(&mut self, id: &str, now: Timestamp) -> Result<(), SilenceError> {
        let silence = self.silences.expire(id, now)?;
        self.changes.push(Change::Silence(silence));
        Ok(())
    }

    /// Says that somebody takes care of an alert: nobody is told of it again until its group changes.
    /// False when no such alert is on.
    pub fn acknowledge(
        &mut self,
        fingerprint: Fingerprint,
        by: &str,
        note: &str,
        now: Timestamp,
    ) -> bool {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else { return false };
        if tracked.alert.is_resolved(now) {
            return false;
        }
        let ack = Ack {
            fingerprint,
            starts_at: tracked.alert.starts_at,
            at: now,
            by: by.to_owned(),
            note: note.to_owned(),
        };
        self.acknowledged.extend(&tracked.groups);
        self.acknowledged_at = Some(now);
        self.acks.set(ack.clone());
        self.changes.push(Change::Ack(ack));
        let text = if note.is_empty() { format!("by {by}") } else { format!("by {by}: {note}") };
        self.transition(fingerprint, AlertState::Acknowledged, text, now);
        true
    }

    /// Takes an acknowledgement back. False when there was none.
    pub fn unacknowledge(&mut self, fingerprint: Fingerprint, now: Timestamp) -> bool {
        if self.acks.remove(fingerprint).is_none() {
            return false;
        }
        self.changes.push(Change::AckGone(fingerprint));
        self.transition(fingerprint, AlertState::Firing, "not acknowledged any more", now);
        true
    }

    /// When [`Self::advance`] has something to do, at the latest; none: not before something else
    /// happens.
    pub fn next_due(&self) -> Option<Timestamp> {
        let groups = [&self.due, &self.emptied, &self.escalations];
        let groups = groups.into_iter().filter_map(|set| set.first().map(|(at, _)| *at));
        let end = self.ends.first().map(|(at, _)| *at);
        groups.chain(end).chain(self.acknowledged_at).min()
    }

    /// What changed since the last call; the caller stores it, and what [`Self::advance`] returned, in
    /// one transaction before anything is sent.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn receiver_of(&self, group: &Group) -> &str {
        &self.routing.tree().get(group.route).receiver
    }

    /// Notes that an alert is in another state now.
    fn transition(
        &mut self,
        fingerprint: Fingerprint,
        to: AlertState,
        text: impl Into<String>,
        now: Timestamp,
    ) {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else { return };
        let from = std::mem::replace(&mut tracked.state, to);
        if from != to {
            self.changes.push(Change::Transition(Transition {
                at: now,
                fingerprint,
                labels: tracked.alert.labels.clone(),
                from: Some(from),
                to,
                text: text.into(),
            }));
        }
    }
}
