//! Looking at the groups whose time has come.

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint, Hidden};
use model::notification::Reason;

use super::{CLEANING_INTERVAL, Core, Outgoing};
use crate::change::{AlertState, Change};
use crate::dispatch::{EMPTY_GROUP_KEPT, later};

/// An alert of a group of which somebody may be told.
pub(super) struct Candidate {
    pub(super) fingerprint: Fingerprint,
    pub(super) alert: Alert,
    pub(super) is_resolved: bool,
    pub(super) acknowledged_by: Option<String>,
}

impl Core {
    /// Does what is due at `now`; returns what is to be sent, the worst first.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        self.expire(now);
        let acknowledged = std::mem::take(&mut self.acknowledged);
        self.acknowledged_at = None;
        for id in acknowledged {
            self.tell_of_acknowledgement(id, now, &mut outgoing);
        }
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            self.flush(id, now, &mut outgoing);
        }
        while let Some((at, id)) = self.escalations.first().copied().filter(|(at, _)| *at <= now) {
            self.escalations.remove(&(at, id));
            let candidates = self.candidates(id, now);
            self.escalate(id, &candidates, now, &mut outgoing);
        }
        while let Some((at, id)) = self.emptied.first().copied().filter(|(at, _)| *at <= now) {
            self.emptied.remove(&(at, id));
            self.drop_group(id);
        }
        if now.duration_since(self.cleaned_at) >= CLEANING_INTERVAL {
            self.clean(now);
        }
        outgoing.sort_by_key(|one| std::cmp::Reverse(one.priority));
        outgoing
    }

    fn flush(&mut self, id: u64, now: Timestamp, outgoing: &mut Vec<Outgoing>) {
        let candidates = self.candidates(id, now);
        let Some(group) = self.groups.get_mut(&id) else { return };
        let route = self.routing.tree().get(group.route);
        group.next_flush = later(now, route.group_interval);
        self.due.insert((group.next_flush, id));
        let is_first = !std::mem::replace(&mut group.has_flushed, true);
        if group.members.is_empty() {
            return;
        }
        let receiver = route.receiver.clone();
        let sent = outgoing.len();
        self.tell(id, &receiver, None, &candidates, now, outgoing);
        self.follow_escalation(id, &candidates, now, outgoing);
        self.leave_resolved(id, now);
        if let Some(group) = self.groups.get(&id)
            && (is_first || outgoing.len() > sent)
        {
            let state = group.state(&receiver);
            self.changes.push(Change::Group(state));
        }
    }

    /// The alerts of a group of which somebody may be told now, the worst and oldest first; none where
    /// the time mutes its route.
    pub(super) fn candidates(&mut self, id: u64, now: Timestamp) -> Vec<Candidate> {
        let Some(group) = self.groups.get(&id) else { return Vec::new() };
        let is_muted = !self.routing.muted_by(self.routing.tree().get(group.route), now).is_empty();
        let mut members: Vec<_> = group.members.iter().copied().collect();
        members.sort_unstable();
        let mut candidates = Vec::with_capacity(members.len());
        for fingerprint in members {
            let mut why = self.suppressed_because(fingerprint, now);
            let Some(tracked) = self.alerts.get(&fingerprint) else { continue };
            let is_resolved = tracked.alert.is_resolved(now);
            // What became a symptom only after somebody was told of it must not stay open for ever.
            if is_resolved && tracked.alert.hidden.is_some() && self.is_told(id, fingerprint) {
                why = None;
            }
            let ack = self.acks.of(&tracked.alert, fingerprint).map(|ack| ack.by.clone());
            let (state, text) = match (&why, &ack) {
                _ if is_resolved => (AlertState::Resolved, String::new()),
                (Some(why), _) => (AlertState::Suppressed, why.clone()),
                (None, Some(by)) => (AlertState::Acknowledged, format!("by {by}")),
                (None, None) => (AlertState::Firing, "not suppressed any more".to_owned()),
            };
            if why.is_none() && !is_muted {
                candidates.push(Candidate {
                    fingerprint,
                    alert: tracked.alert.clone(),
                    is_resolved,
                    acknowledged_by: ack,
                });
            }
            if state != tracked.state {
                self.transition(fingerprint, state, text, now);
            }
        }
        candidates
    }

    /// Whether somebody knows that this alert of the group is on.
    fn is_told(&self, id: u64, fingerprint: Fingerprint) -> bool {
        let sent = self.groups.get(&id).and_then(|group| self.sent.get(&group.key));
        sent.is_some_and(|all| all.iter().any(|one| one.firing.binary_search(&fingerprint).is_ok()))
    }

    /// Why nobody is told of an alert, times aside.
    pub(super) fn suppressed_because(
        &mut self,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Option<String> {
        let tracked = self.alerts.get_mut(&fingerprint)?;
        match &tracked.alert.hidden {
            Some(Hidden::Symptom(of)) => return Some(format!("a symptom of {of}")),
            Some(Hidden::Expected(by)) => return Some(format!("expected: {by}")),
            None => {}
        }
        if let Some(source) = self.inhibitor.inhibits(&tracked.alert.labels) {
            return Some(format!("inhibited by {source}"));
        }
        if tracked.covering_version != self.silences.version() {
            tracked.covering = self.silences.covering(&tracked.alert.labels, now);
            tracked.covering_version = self.silences.version();
        }
        let silence = self.silences.active(&tracked.covering, now).next()?;
        Some(format!("silenced by {silence}"))
    }

    /// Tells the other receiver of a group that is escalated, or should be from now on.
    fn follow_escalation(
        &mut self,
        id: u64,
        candidates: &[Candidate],
        now: Timestamp,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let route = self.routing.tree().get(group.route);
        let Some((after, receiver)) = route.escalation.clone() else { return };
        let is_over = candidates.iter().all(|candidate| candidate.is_resolved);
        let was_escalated = group.is_escalated;
        if is_over && !candidates.is_empty() {
            group.told_at.take().map(|told| self.escalations.remove(&(later(told, after), id)));
            group.is_escalated = false;
        } else if !was_escalated {
            if group.told_at.is_some_and(|told| later(told, after) <= now) {
                self.escalate(id, candidates, now, outgoing);
            }
            return;
        }
        if was_escalated {
            self.tell(id, &receiver, Some(Reason::Escalation), candidates, now, outgoing);
        }
    }

    /// Escalates a group that somebody knows of, if an alert of it has been on for long enough and nobody
    /// acknowledged it; looks again when the next one will have been.
    fn escalate(
        &mut self,
        id: u64,
        candidates: &[Candidate],
        now: Timestamp,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let route = self.routing.tree().get(group.route);
        let Some((after, receiver)) = route.escalation.clone() else { return };
        let neglected =
            candidates.iter().filter(|one| !one.is_resolved && one.acknowledged_by.is_none());
        let oldest = neglected.map(|one| later(one.alert.starts_at, after)).min();
        let Some(at) = oldest.filter(|_| group.told_at.is_some() && !group.is_escalated) else {
            return;
        };
        if at > now {
            self.escalations.insert((at, id));
            return;
        }
        group.is_escalated = true;
        self.changes.push(Change::Group(group.state(&route.receiver)));
        self.tell(id, &receiver, Some(Reason::Escalation), candidates, now, outgoing);
    }

    /// Takes alerts that are over out of a group, and forgets those that are in no group any more.
    fn leave_resolved(&mut self, id: u64, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let alerts = &self.alerts;
        let is_over = |member: &Fingerprint| {
            alerts.get(member).is_none_or(|tracked| tracked.alert.is_resolved(now))
        };
        let mut over: Vec<_> = group.members.iter().copied().filter(|one| is_over(one)).collect();
        over.sort_unstable();
        for fingerprint in over {
            group.members.remove(&fingerprint);
            let Some(tracked) = self.alerts.get_mut(&fingerprint) else { continue };
            tracked.groups.retain(|group| *group != id);
            if !tracked.groups.is_empty() {
                continue;
            }
            self.alerts.remove(&fingerprint);
            self.changes.push(Change::AlertGone(fingerprint));
            if self.acks.remove(fingerprint).is_some() {
                self.changes.push(Change::AckGone(fingerprint));
            }
        }
        if group.members.is_empty() {
            let at = later(now, EMPTY_GROUP_KEPT);
            group.dropped_at = Some(at);
            self.emptied.insert((at, id));
        }
    }

    fn drop_group(&mut self, id: u64) {
        let Some(group) = self.groups.remove(&id) else { return };
        self.due.remove(&(group.next_flush, id));
        let route = self.routing.tree().get(group.route);
        if let (Some(told), Some((after, _))) = (group.told_at, &route.escalation) {
            self.escalations.remove(&(later(told, *after), id));
        }
        let receiver = route.receiver.clone();
        self.changes.push(Change::GroupGone { receiver, group_key: group.key.clone() });
        self.places.remove(&(group.route, group.labels));
    }

    /// Forgets what was told of groups that are gone, and silences that were over long ago.
    fn clean(&mut self, now: Timestamp) {
        self.cleaned_at = now;
        let gone = self.silences.forget(now);
        self.changes.extend(gone.into_iter().map(Change::SilenceGone));
        let live: std::collections::HashSet<&str> =
            self.groups.values().map(|group| group.key.as_str()).collect();
        let changes = &mut self.changes;
        let before = changes.len();
        self.sent.retain(|group_key, all| {
            if live.contains(group_key.as_str()) {
                return true;
            }
            all.retain(|sent| {
                let is_kept = sent.expires_at > now;
                if !is_kept {
                    changes.push(Change::SentGone {
                        receiver: sent.receiver.clone(),
                        channel: sent.channel.clone(),
                        group_key: sent.group_key.clone(),
                    });
                }
                is_kept
            });
            !all.is_empty()
        });
        changes[before..].sort_by_cached_key(|change| format!("{change:?}"));
    }
}
