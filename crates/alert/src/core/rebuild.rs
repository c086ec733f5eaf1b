//! Putting alerts into groups anew: after a restart, and with another configuration.

use std::collections::HashMap;

use jiff::Timestamp;
use model::alert::Alert;

use super::Core;
use crate::change::{Change, GroupState};
use crate::dispatch::later;

impl Core {
    pub(super) fn rebuild(&mut self, alerts: Vec<Alert>, states: Vec<GroupState>, now: Timestamp) {
        let noted = self.changes.len();
        for alert in alerts {
            self.track(alert.fingerprint(), alert, now);
        }
        // These groups are as they were, which is on record.
        self.changes.truncate(noted);
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
}
