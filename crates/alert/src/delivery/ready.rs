//! What of the outbox may be tried now, and what need not be.

use std::sync::Arc;

use jiff::Timestamp;
use model::notification::Notification;
use store::alerts::{Alerts, Change, GivenUp, OutboxEntry};

use super::figures::ChannelId;
use super::{order, outcome};

/// What may be started now, and what became of others.
#[derive(Default)]
pub(super) struct Ready {
    /// Entries, each with what is to be sent of it.
    pub(super) ready: Vec<(OutboxEntry, Arc<Notification>)>,
    /// What is to be recorded of others.
    pub(super) changes: Vec<Change>,
    /// How many were left out.
    pub(super) left_out: usize,
    /// How many were given up.
    pub(super) gave_up: usize,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.changes.is_empty()
    }
}

/// At most `limit` entries that are due at `now` and not `claimed`.
pub(super) fn find(
    store: &Alerts,
    id: &ChannelId,
    claimed: &[u64],
    limit: usize,
    now: Timestamp,
) -> Result<Ready, store::Error> {
    let due = store.due(&id.receiver, &id.channel, now, limit + claimed.len())?;
    let mut ready = Ready::default();
    for unreadable in due.unreadable {
        ready.gave_up += 1;
        ready.changes.push(unreadable_entry(id, unreadable, now));
    }
    let free = due.entries.into_iter().filter(|entry| !claimed.contains(&entry.id));
    for mut entry in free.take(limit) {
        while entry.has_later {
            let Some(later) = store.after(&entry)? else { break };
            if !order::supersedes(&later.notification, &entry.notification) {
                break;
            }
            ready.left_out += 1;
            ready.changes.extend(outcome::superseded(&entry, later.id, now));
            let (since, tries) = (entry.since, entry.tries);
            entry = OutboxEntry { since, tries, ..later };
        }
        let Some(sent) = order::without_untold(&entry.notification, &entry.untold) else {
            ready.left_out += 1;
            ready.changes.extend(outcome::withheld(&entry, now));
            continue;
        };
        let is_same = sent.alerts.len() == entry.notification.alerts.len();
        let stored = Arc::clone(&entry.notification);
        ready.ready.push((entry, if is_same { stored } else { Arc::new(sent) }));
    }
    Ok(ready)
}

/// What is known to be given up for a channel.
pub(super) fn of_channel(all: Vec<GivenUp>, id: &ChannelId) -> Option<GivenUp> {
    all.into_iter().find(|found| found.receiver == id.receiver && found.channel == id.channel)
}

/// An entry that cannot be read is given up.
pub(super) fn unreadable_entry(id: &ChannelId, entry: u64, now: Timestamp) -> Change {
    let given_up = GivenUp {
        receiver: id.receiver.clone(),
        channel: id.channel.clone(),
        count: 1,
        first_at: now,
        last_at: now,
        notification: String::new(),
        class: "unreadable".to_owned(),
        message: "the stored notification cannot be read".to_owned(),
    };
    Change::GaveUp { id: entry, firing: Vec::new(), given_up }
}
