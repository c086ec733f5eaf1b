//! What each integration of a receiver is told of a group.

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint};
use model::notification::{Notification, Reason};
use model::series::Labels;
use model::severity::Severity;

use super::flush::Candidate;
use super::{Core, Outgoing};
use crate::change::{Change, Sent};
use crate::config::Integration;
use crate::dispatch::{decide, later};

/// The largest number of alerts in one notification; further ones are counted. It bounds what a storm
/// costs in memory and on disk: about 5 MB for each channel.
const MAX_ALERTS: usize = 10_000;

impl Core {
    /// Tells the integrations of `receiver` what they do not know of a group. `first` is the reason to
    /// give when it is the first that they hear of it.
    pub(super) fn tell(
        &mut self,
        id: u64,
        receiver: &str,
        first: Option<Reason>,
        candidates: &[Candidate],
        now: Timestamp,
        outgoing: &mut Vec<Outgoing>,
    ) {
        if candidates.is_empty() {
            return;
        }
        let of = |is_resolved: bool| -> Vec<Fingerprint> {
            let these = candidates.iter().filter(|one| one.is_resolved == is_resolved);
            these.map(|one| one.fingerprint).collect()
        };
        let (firing, resolved) = (of(false), of(true));
        let routing = self.routing.clone();
        let Some(group) = self.groups.get(&id) else { return };
        let route = routing.tree().get(group.route);
        let acknowledged_by = acknowledged_by(candidates);
        let message = Message { group_key: &group.key, labels: &group.labels, candidates, now };
        let mut is_told = false;
        for integration in routing.integrations(receiver) {
            let name = integration.name();
            let all = self.sent.entry(group.key.clone()).or_default();
            let last =
                all.iter_mut().find(|sent| sent.receiver == receiver && sent.channel == name);
            let sends_resolved = integration.sends_resolved;
            let repeat = route.repeat_interval;
            let reason = decide(last.as_deref(), &firing, &resolved, sends_resolved, repeat, now);
            let Some(reason) = reason else { continue };
            if reason == Reason::Repeat && acknowledged_by.is_some() {
                continue;
            }
            let sent = Sent {
                receiver: receiver.to_owned(),
                channel: name,
                group_key: group.key.clone(),
                firing: firing.clone(),
                resolved: resolved.clone(),
                at: now,
                expires_at: later(now, repeat * 2),
            };
            self.changes.push(Change::Sent(sent.clone()));
            match last {
                Some(last) => *last = sent,
                None => all.push(sent),
            }
            if firing.is_empty() && !sends_resolved {
                continue;
            }
            is_told |= !firing.is_empty();
            let reason = match (reason, first) {
                (Reason::FirstNotification, Some(first)) => first,
                (reason, _) => reason,
            };
            outgoing.push(message.to(
                receiver,
                integration,
                reason,
                acknowledged_by.clone(),
                routing.external_url(),
            ));
        }
        let Some(group) = self.groups.get_mut(&id) else { return };
        if is_told && group.told_at.is_none() {
            group.told_at = Some(now);
            if let Some((after, _)) = &route.escalation {
                self.escalations.insert((later(now, *after), id));
            }
        } else if firing.is_empty() && route.escalation.is_none() {
            group.told_at = None;
        }
    }

    /// Tells those that show so that all alerts of a group are acknowledged now.
    pub(super) fn tell_of_acknowledgement(
        &mut self,
        id: u64,
        now: Timestamp,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let candidates = self.candidates(id, now);
        let Some(by) = acknowledged_by(&candidates) else { return };
        let Some(group) = self.groups.get(&id) else { return };
        let message =
            Message { group_key: &group.key, labels: &group.labels, candidates: &candidates, now };
        let route = self.routing.tree().get(group.route);
        let escalated = route.escalation.as_ref().filter(|_| group.is_escalated);
        let receivers = [Some(&route.receiver), escalated.map(|(_, receiver)| receiver)];
        let told = self.sent.get(&group.key).map_or(&[][..], Vec::as_slice);
        for receiver in receivers.into_iter().flatten() {
            for integration in self.routing.integrations(receiver) {
                let name = integration.name();
                let knows = told.iter().any(|sent| {
                    sent.receiver == *receiver && sent.channel == name && !sent.firing.is_empty()
                });
                if integration.shows_acknowledged && knows {
                    let by = Some(by.clone());
                    let url = self.routing.external_url();
                    outgoing.push(message.to(receiver, integration, Reason::Acknowledged, by, url));
                }
            }
        }
    }
}

/// Who acknowledged, where somebody did so for each alert that is on.
fn acknowledged_by(candidates: &[Candidate]) -> Option<String> {
    let mut names = Vec::new();
    for candidate in candidates.iter().filter(|one| !one.is_resolved) {
        let name = candidate.acknowledged_by.as_deref()?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// What is told of a group, whoever is told.
struct Message<'m> {
    group_key: &'m str,
    labels: &'m Labels,
    candidates: &'m [Candidate],
    now: Timestamp,
}

impl Message<'_> {
    fn to(
        &self,
        receiver: &str,
        integration: &Integration,
        reason: Reason,
        acknowledged_by: Option<String>,
        external_url: &str,
    ) -> Outgoing {
        let wanted = |one: &&Candidate| integration.sends_resolved || !one.is_resolved;
        let mut chosen: Vec<_> = self.candidates.iter().filter(wanted).collect();
        chosen.sort_by_key(|one| {
            (one.is_resolved, std::cmp::Reverse(severity(&one.alert)), one.alert.starts_at)
        });
        let priority = chosen.first().map_or(Severity::Info, |one| severity(&one.alert));
        let truncated = chosen.len().saturating_sub(MAX_ALERTS);
        let alerts = chosen.into_iter().take(MAX_ALERTS).map(|one| one.alert.clone()).collect();
        let name = integration.name();
        Outgoing {
            receiver: receiver.to_owned(),
            notification: Notification {
                id: self.id(receiver, &name, reason),
                receiver: receiver.to_owned(),
                group_key: self.group_key.to_owned(),
                group_labels: self.labels.clone(),
                alerts,
                truncated,
                reason,
                at: self.now,
                external_url: external_url.to_owned(),
                acknowledged_by,
            },
            integration: name,
            priority,
        }
    }

    /// A group is looked at once at a moment, so who is told of what, why and when is unique, also over
    /// restarts.
    fn id(&self, receiver: &str, integration: &str, reason: Reason) -> String {
        let what = [
            ("receiver", receiver),
            ("integration", integration),
            ("group", self.group_key),
            ("reason", reason.as_str()),
        ];
        let hash = Fingerprint::of(&Labels::new(what));
        format!("{hash}-{:x}", self.now.as_nanosecond())
    }
}

/// How bad an alert is by its label; one that does not say is a warning.
fn severity(alert: &Alert) -> Severity {
    match alert.labels.get("severity") {
        Some("critical" | "page" | "emergency" | "error") => Severity::Critical,
        Some("info" | "none") => Severity::Info,
        _ => Severity::Warning,
    }
}
