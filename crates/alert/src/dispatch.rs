//! Groups of alerts, and when a receiver is told of one.

use std::collections::HashSet;
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::{SignedDuration, Timestamp};
use model::alert::Fingerprint;
use model::notification::Reason;
use model::series::Labels;

use crate::change::{GroupState, Sent};

/// How long a group without alerts is kept: an alert that comes back meanwhile finds the rhythm of its
/// group. Alertmanager drops such groups every 30 s.
pub(crate) const EMPTY_GROUP_KEPT: Duration = Duration::from_secs(30);

/// The alerts of one route with the same values of the labels by which it groups.
#[derive(Debug)]
pub(crate) struct Group {
    /// The route's number in the tree.
    pub(crate) route: usize,
    pub(crate) labels: Labels,
    pub(crate) key: String,
    pub(crate) members: HashSet<Fingerprint, RandomState>,
    pub(crate) began_at: Timestamp,
    pub(crate) next_flush: Timestamp,
    pub(crate) has_flushed: bool,
    /// Since when somebody knows that alerts of it are on.
    pub(crate) told_at: Option<Timestamp>,
    pub(crate) is_escalated: bool,
    /// When it will be dropped, while it has no members.
    pub(crate) dropped_at: Option<Timestamp>,
}

impl Group {
    /// The group as it is stored.
    pub(crate) fn state(&self, receiver: &str) -> GroupState {
        GroupState {
            receiver: receiver.to_owned(),
            group_key: self.key.clone(),
            labels: self.labels.clone(),
            began_at: self.began_at,
            next_flush: self.next_flush,
            has_flushed: self.has_flushed,
            told_at: self.told_at,
            is_escalated: self.is_escalated,
        }
    }
}

/// Why an integration is told of a group now, when it was last told `last`; none: it is not. Both lists
/// are in order. As Alertmanager decides it.
pub fn decide(
    last: Option<&Sent>,
    firing: &[Fingerprint],
    resolved: &[Fingerprint],
    sends_resolved: bool,
    repeat: Duration,
    now: Timestamp,
) -> Option<Reason> {
    let Some(last) = last else {
        return (!firing.is_empty()).then_some(Reason::FirstNotification);
    };
    if !is_subset(firing, &last.firing) {
        let is_first = last.firing.is_empty();
        return Some(if is_first { Reason::FirstNotification } else { Reason::NewAlerts });
    }
    // Also for those that are not told of it: what was told as firing must leave the log.
    if firing.is_empty() {
        return (!last.firing.is_empty()).then_some(Reason::AllResolved);
    }
    if sends_resolved && !is_subset(resolved, &last.resolved) {
        return Some(Reason::SomeResolved);
    }
    (later(last.at, repeat) < now).then_some(Reason::Repeat)
}

fn is_subset(these: &[Fingerprint], of: &[Fingerprint]) -> bool {
    these.iter().all(|one| of.binary_search(one).is_ok())
}

/// The moment `duration` after `at`.
pub(crate) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        last: Option<(&[u64], &[u64])>,
        firing: &[u64],
        resolved: &[u64],
        sends_resolved: bool,
        age: i64,
    ) -> Option<Reason> {
        let all = |list: &[u64]| list.iter().map(|one| Fingerprint(*one)).collect::<Vec<_>>();
        let at = |second| Timestamp::from_second(second).expect("a moment");
        let last = last.map(|(firing, resolved)| Sent {
            receiver: String::new(),
            channel: String::new(),
            group_key: String::new(),
            firing: all(firing),
            resolved: all(resolved),
            at: at(0),
            expires_at: at(0),
        });
        let hour = Duration::from_hours(1);
        decide(last.as_ref(), &all(firing), &all(resolved), sends_resolved, hour, at(age))
    }

    #[test]
    fn a_receiver_is_told_when_it_would_not_know_otherwise() {
        use Reason::{AllResolved, FirstNotification, NewAlerts, Repeat, SomeResolved};
        let told: Option<(&[u64], &[u64])> = Some((&[1, 2], &[3]));
        assert_eq!(check(None, &[1], &[], true, 0), Some(FirstNotification));
        assert_eq!(check(None, &[], &[1], true, 0), None, "over before anybody was told");
        assert_eq!(check(told, &[1, 2], &[], true, 0), None);
        assert_eq!(check(told, &[1, 4], &[], true, 0), Some(NewAlerts));
        assert_eq!(check(told, &[1], &[2], true, 0), Some(SomeResolved));
        assert_eq!(check(told, &[1], &[3], true, 0), None, "told before");
        assert_eq!(check(told, &[1], &[2], false, 0), None);
        assert_eq!(check(told, &[], &[1, 2], true, 0), Some(AllResolved));
        assert_eq!(check(told, &[], &[1, 2], false, 0), Some(AllResolved), "the log must know");
        assert_eq!(check(Some((&[], &[1])), &[], &[1], true, 9_999), None);
        assert_eq!(check(Some((&[], &[1])), &[1], &[], true, 0), Some(FirstNotification));
        assert_eq!(check(told, &[1, 2], &[], true, 3_600), None);
        assert_eq!(check(told, &[1, 2], &[], true, 3_601), Some(Repeat));
    }
}
