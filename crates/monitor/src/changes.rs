//! What changed between two views, put into events for people.

use std::collections::BTreeMap;

use etcd::AlarmKind;
use jiff::Timestamp;
use model::event::EventKind;
use model::finding::{Finding, FindingKind, MemberRef};
use model::health::{ClusterState, Health};
use model::leader::LeaderChange;
use model::membership::{MembershipChange, MembershipChangeKind};
use model::severity::Severity;

use crate::event_log::NewEvent;
use crate::findings::Turn;
use crate::leader::LeaderTransition;
use crate::picture::Picture;
use crate::view::{ClusterView, MemberView};

/// A state must hold for this many sweeps before its change is told: one lost packet is no news.
const SETTLING_SWEEPS: u32 = 2;

/// A transition of the leader. The first sighting is told too: it is where the record begins.
pub(crate) fn of_leader(transition: &LeaderTransition) -> Option<NewEvent> {
    match transition {
        LeaderTransition::FirstSeen(_) | LeaderTransition::Amended(_) => None,
        LeaderTransition::ElectedUnwatched(change) => Some(NewEvent {
            kind: EventKind::LeaderElected,
            severity: Severity::Warning,
            member: change.to.clone(),
            message: format!("{}, since before the monitor was started", elected(change)),
        }),
        LeaderTransition::Lost(change) => Some(NewEvent {
            kind: EventKind::LeaderLost,
            severity: Severity::Critical,
            member: change.from.clone(),
            message: format!("no leader: {} led until now", name(change.from.as_ref())),
        }),
        LeaderTransition::Elected(change) => Some(NewEvent {
            kind: EventKind::LeaderElected,
            severity: Severity::Warning,
            member: change.to.clone(),
            message: elected(change),
        }),
    }
}

fn elected(change: &LeaderChange) -> String {
    let to = name(change.to.as_ref());
    let before = match &change.from {
        Some(from) if change.to.as_ref().is_some_and(|to| to.id == from.id) => {
            format!("{to} was elected again")
        }
        Some(from) => format!("{to} leads, after {}", from.name),
        None => format!("{to} leads"),
    };
    if change.leaderless.is_zero() {
        format!("{before} (term {})", change.term)
    } else {
        let gap = change.leaderless.as_secs_f64();
        format!("{before} (term {}), {gap:.1} s without a leader", change.term)
    }
}

fn name(member: Option<&MemberRef>) -> &str {
    member.map_or("nobody", |member| member.name.as_str())
}

/// A change of the member list.
pub(crate) fn of_membership(change: &MembershipChange) -> NewEvent {
    let (kind, severity, verb) = match change.kind {
        MembershipChangeKind::Added => (EventKind::MemberAdded, Severity::Info, "was added"),
        MembershipChangeKind::Removed => {
            (EventKind::MemberRemoved, Severity::Warning, "was removed")
        }
        MembershipChangeKind::Promoted => {
            (EventKind::MemberPromoted, Severity::Info, "was promoted")
        }
        MembershipChangeKind::Updated => (EventKind::MemberUpdated, Severity::Info, "changed:"),
    };
    NewEvent {
        kind,
        severity,
        member: Some(change.member.clone()),
        message: format!("{} {verb} {}", change.member.name, change.detail).trim_end().to_owned(),
    }
}

/// What became of a finding.
pub(crate) fn of_finding(turn: &Turn) -> Option<NewEvent> {
    match turn {
        Turn::Opened(finding) => Some(of_opened(finding)),
        Turn::Changed(_) => None,
        Turn::Closed(finding) => Some(of_closed(finding)),
        Turn::Gone(finding) => Some(of_gone(finding)),
    }
}

fn of_opened(finding: &Finding) -> NewEvent {
    NewEvent {
        kind: EventKind::FindingOpened,
        severity: finding.severity,
        member: finding.member.clone(),
        message: finding.summary.clone(),
    }
}

fn of_closed(finding: &Finding) -> NewEvent {
    let lasted = finding
        .closed_at
        .map(|at| at.duration_since(finding.since).as_secs_f64())
        .unwrap_or_default();
    NewEvent {
        kind: EventKind::FindingClosed,
        severity: Severity::Info,
        member: finding.member.clone(),
        message: format!("over after {lasted:.0} s: {}", finding.summary),
    }
}

fn of_gone(finding: &Finding) -> NewEvent {
    NewEvent {
        kind: EventKind::FindingClosed,
        severity: Severity::Info,
        member: finding.member.clone(),
        message: format!("over since before the monitor was started: {}", finding.summary),
    }
}

/// The states that were told last, and those that wait to be told.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    cluster: Slot<ClusterState>,
    members: BTreeMap<String, MemberSlots>,
}

#[derive(Debug, Default)]
struct MemberSlots {
    health: Slot<Health>,
    version: Option<String>,
    started_at: Option<Timestamp>,
    alarms: Vec<String>,
}

/// A value that is told only once it has held for a while.
#[derive(Debug)]
struct Slot<T> {
    told: Option<T>,
    next: Option<(T, u32)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { told: None, next: None }
    }
}

impl<T: Copy + PartialEq> Slot<T> {
    /// Takes the value of a sweep; returns the old and the new one when the change is to be told.
    fn observe(&mut self, value: T) -> Option<(T, T)> {
        let Some(told) = self.told else {
            self.told = Some(value);
            return None;
        };
        if told == value {
            self.next = None;
            return None;
        }
        let sweeps = match self.next {
            Some((next, sweeps)) if next == value => sweeps + 1,
            _ => 1,
        };
        if sweeps < SETTLING_SWEEPS {
            self.next = Some((value, sweeps));
            return None;
        }
        self.next = None;
        self.told = Some(value);
        Some((told, value))
    }
}

impl Settled {
    /// Nothing was told but the alarms that findings from before are about.
    pub(crate) fn with_past(open: &[Finding]) -> Self {
        let mut settled = Self::default();
        for finding in open {
            let alarm = match finding.kind {
                FindingKind::Nospace => AlarmKind::Nospace,
                FindingKind::CorruptAlarm => AlarmKind::Corrupt,
                _ => continue,
            };
            let Some(id) = finding.member.as_ref().and_then(|member| member.id) else { continue };
            settled.members.entry(id.to_string()).or_default().alarms.push(alarm.to_string());
        }
        settled
    }

    /// What `view` changes, and remembers it.
    pub(crate) fn changes(&mut self, view: &ClusterView, picture: &Picture) -> Vec<NewEvent> {
        let mut events = Vec::new();
        let mut slots = std::mem::take(&mut self.members);
        for member in view.members.iter().filter(|member| member.is_listed) {
            let key = member.id.map_or_else(|| member.name.clone(), |id| id.to_string());
            let mut slot = slots.remove(&key).unwrap_or_default();
            member_changes(&mut slot, member, process_start(picture, member), &mut events);
            self.members.insert(key, slot);
        }
        // The first state that is told is worth an event when it is bad.
        let is_first = self.cluster.told.is_none();
        let change = match self.cluster.observe(view.state) {
            None if is_first && view.state != ClusterState::Healthy => {
                Some((ClusterState::Unknown, view.state))
            }
            change => change,
        };
        if let Some((from, to)) = change {
            let why = view.reasons.first().map(|why| format!(": {why}")).unwrap_or_default();
            events.push(NewEvent {
                kind: EventKind::ClusterStateChanged,
                severity: match to {
                    ClusterState::Healthy => Severity::Info,
                    ClusterState::Degraded | ClusterState::Unknown => Severity::Warning,
                    ClusterState::Critical => Severity::Critical,
                },
                member: None,
                message: if is_first {
                    format!("cluster is {to}{why}")
                } else {
                    format!("cluster was {from}, is {to}{why}")
                },
            });
        }
        events
    }

    /// Whether no change waits to be told.
    pub(crate) fn is_settled(&self) -> bool {
        self.cluster.next.is_none() && self.members.values().all(|slot| slot.health.next.is_none())
    }
}

/// When the member's process started, as its metrics tell.
fn process_start(picture: &Picture, member: &MemberView) -> Option<Timestamp> {
    let scrape = picture.sweep_of(member)?.scrape.as_ref()?;
    let seconds = scrape.page.as_ref().ok()?.process_start_time()?;
    Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok()
}

fn member_changes(
    slot: &mut MemberSlots,
    member: &MemberView,
    started_at: Option<Timestamp>,
    events: &mut Vec<NewEvent>,
) {
    let mut tell = |kind, severity, message| {
        events.push(NewEvent { kind, severity, member: Some(member.reference()), message });
    };
    if let Some((from, to)) = slot.health.observe(member.health) {
        let severity = if to == Health::Healthy { Severity::Info } else { Severity::Warning };
        let why = member.reasons.first().map(|why| format!(": {why}")).unwrap_or_default();
        let message = format!("{} was {from}, is {to}{why}", member.name);
        tell(EventKind::MemberHealthChanged, severity, message);
    }
    if let Some(status) = &member.status {
        let version = slot.version.replace(status.version.clone());
        if let Some(before) = version.filter(|before| *before != status.version) {
            let message = format!("{} ran {before}, runs {}", member.name, status.version);
            tell(EventKind::MemberVersionChanged, Severity::Info, message);
        }
    }
    if let Some(started_at) = started_at {
        let before = slot.started_at.replace(started_at);
        // The metric has the resolution of a clock tick, and clocks are set.
        if before.is_some_and(|before| started_at.duration_since(before).as_millis() > 1_000) {
            let message = format!("{} was started again at {started_at:.0}", member.name);
            tell(EventKind::MemberRestarted, Severity::Warning, message);
        }
    }
    for alarm in member.alarms.iter().filter(|alarm| !slot.alarms.contains(alarm)) {
        let message = format!("{} raised the {alarm} alarm", member.name);
        tell(EventKind::AlarmRaised, Severity::Critical, message);
    }
    for alarm in slot.alarms.iter().filter(|alarm| !member.alarms.contains(alarm)) {
        let message = format!("the {alarm} alarm of {} is disarmed", member.name);
        tell(EventKind::AlarmDisarmed, Severity::Info, message);
    }
    slot.alarms.clone_from(&member.alarms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_only_when_it_holds() {
        let mut slot = Slot::default();
        let told: Vec<_> = [1, 2, 1, 2, 2, 2, 1, 3, 3]
            .into_iter()
            .filter_map(|value| slot.observe(value))
            .collect();
        assert_eq!(told, [(1, 2), (2, 3)]);
    }
}
