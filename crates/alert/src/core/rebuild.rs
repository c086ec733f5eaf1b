//! Putting alerts into groups anew: after a restart, and with another configuration.

use std::collections::HashMap;

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint};

use super::Core;
use crate::change::{AlertState, Change, GroupState};
use crate::dispatch::later;

impl Core {
    pub(super) fn rebuild(&mut self, alerts: Vec<Alert>, states: Vec<GroupState>, now: Timestamp) {
        let mut alerts: Vec<_> =
            alerts.into_iter().map(|alert| (alert.fingerprint(), alert)).collect();
        // The same alerts in another order make the same groups in the same order.
        alerts.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        let noted = self.changes.len();
        let mut known = Vec::with_capacity(alerts.len());
        let mut expired = Vec::new();
        for (fingerprint, alert) in alerts {
            known.push(fingerprint);
            if alert.ends_at.is_some_and(|end| end <= now && alert.updated_at < end) {
                expired.push(fingerprint);
            }
            self.track(fingerprint, alert, now);
        }
        // These groups are as they were, which is on record.
        self.changes.truncate(noted);
        for fingerprint in known {
            self.recall_state(fingerprint, now);
        }
        for fingerprint in expired {
            self.end_unheard(fingerprint, now);
        }
        let mut states: HashMap<(String, String), GroupState> = states
            .into_iter()
            .map(|state| ((state.receiver.clone(), state.group_key.clone()), state))
            .collect();
        let mut ids: Vec<u64> = self.groups.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(group) = self.groups.get_mut(&id) else { continue };
            let route = self.routing.tree().get(group.route);
            let Some(state) = states.remove(&(route.receiver.clone(), group.key.clone())) else {
                self.changes.push(Change::Group(group.state(&route.receiver)));
                continue;
            };
            self.due.remove(&(group.next_flush, id));
            group.began_at = state.began_at;
            group.has_flushed = state.has_flushed;
            group.told_at = state.told_at;
            group.is_escalated = state.is_escalated;
            // A clock that was set back, or a longer interval of before, must not make anybody wait.
            let wait = if state.has_flushed { route.group_interval } else { route.group_wait };
            group.next_flush = state.next_flush.max(now).min(later(now, wait));
            self.due.insert((group.next_flush, id));
            if let (Some(told), Some((after, _)), false) =
                (group.told_at, &route.escalation, group.is_escalated)
            {
                self.escalations.insert((later(told, *after), id));
            }
        }
        let mut left: Vec<_> = states.into_keys().collect();
        left.sort_unstable();
        self.changes.extend(
            left.into_iter().map(|(receiver, group_key)| Change::GroupGone { receiver, group_key }),
        );
    }

    /// Puts an alert into the state that it has now; that it came into it is on record.
    fn recall_state(&mut self, fingerprint: Fingerprint, now: Timestamp) {
        let is_suppressed = self.suppressed_because(fingerprint, now).is_some();
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else { return };
        // Whether an end that was promised is on record is not known; see `expired` above.
        let is_promised = tracked.alert.ends_at.is_some_and(|end| tracked.alert.updated_at < end);
        tracked.state = if tracked.alert.is_resolved(now) && !is_promised {
            AlertState::Resolved
        } else if is_suppressed {
            AlertState::Suppressed
        } else if self.acks.of(&tracked.alert, fingerprint).is_some() {
            AlertState::Acknowledged
        } else {
            AlertState::Firing
        };
    }
}
