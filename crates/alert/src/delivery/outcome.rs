//! What an attempt means for the outbox and the history.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::notification::Notification;
use store::alerts::{Attempt, Change, GivenUp, LONGEST_DELAY, OutboxEntry, Outcome, Thread};

use super::backoff;
use super::deliver::{Failure, Receipt};
use super::options::Options;
use super::order::{self, News};

/// An attempt that is over.
#[derive(Debug)]
pub(super) struct Tried {
    /// What was tried.
    pub(super) entry: OutboxEntry,
    /// The notification as it was sent.
    pub(super) sent: Arc<Notification>,
    /// When it began.
    pub(super) began: Timestamp,
    /// How long it took.
    pub(super) took: Duration,
    /// What came of it.
    pub(super) result: Result<Receipt, Failure>,
}

impl Tried {
    /// What came of it, given that it ended at `now`. Only one that `had_its_time` is given up for
    /// its age.
    pub(super) fn outcome(&self, options: &Options, now: Timestamp, had_its_time: bool) -> Outcome {
        let is_too_old = || had_its_time && is_too_old(&self.entry, options, now);
        match &self.result {
            Ok(_) => Outcome::Delivered,
            Err(failure) if failure.is_permanent || is_too_old() => Outcome::GaveUp,
            Err(_) => Outcome::Failed,
        }
    }

    /// What is to be recorded. `random` is in `0.0..1.0`.
    pub(super) fn changes(
        &self,
        options: &Options,
        outcome: Outcome,
        now: Timestamp,
        random: f64,
    ) -> Vec<Change> {
        let Self { entry, sent, .. } = self;
        let mut attempt =
            Attempt::of(sent, &entry.channel, entry.tries.saturating_add(1), outcome, self.began);
        attempt.duration = self.took;
        let failure = match &self.result {
            Ok(receipt) => {
                attempt.message = receipt.remark.clone().unwrap_or_default();
                let mut changes = vec![Change::Attempt(attempt)];
                changes.extend(thread(entry, sent, receipt, now));
                changes.push(delivered(entry, now));
                return changes;
            }
            Err(failure) => failure,
        };
        attempt.class = Some(failure.class.to_owned());
        attempt.message.clone_from(&failure.message);
        let change = if outcome == Outcome::GaveUp {
            gave_up(entry, failure.class, &failure.message, now)
        } else {
            let longest = backoff::longest(
                entry.tries.saturating_add(1),
                options.backoff,
                options.max_backoff,
            );
            let wait = backoff::jittered(longest, random);
            let wait = failure.retry_after.map_or(wait, |asked| asked.max(wait));
            let wait = SignedDuration::try_from(wait).unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY);
            let next_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            Change::PutOff { id: entry.id, next_at }
        };
        vec![Change::Attempt(attempt), change]
    }
}

/// Whether the entry has waited for too long.
fn is_too_old(entry: &OutboxEntry, options: &Options, now: Timestamp) -> bool {
    let age = SignedDuration::try_from(options.give_up_after).unwrap_or(SignedDuration::MAX);
    now.duration_since(entry.since) >= age
}

/// The entry was given up at `now` without another attempt.
pub(super) fn expired(entry: &OutboxEntry, class: &str, why: &str, now: Timestamp) -> [Change; 2] {
    let mut attempt = Attempt::of(&entry.notification, &entry.channel, 0, Outcome::GaveUp, now);
    attempt.class = Some(class.to_owned());
    why.clone_into(&mut attempt.message);
    [Change::Attempt(attempt), gave_up(entry, class, why, now)]
}

/// A later entry says the same.
pub(super) fn superseded(entry: &OutboxEntry, by: u64, now: Timestamp) -> [Change; 2] {
    let attempt = Attempt::of(&entry.notification, &entry.channel, 0, Outcome::Superseded, now);
    [Change::Attempt(attempt), Change::Superseded { id: entry.id, by }]
}

/// It has nothing but the end of alerts that the channel never heard of.
pub(super) fn withheld(entry: &OutboxEntry, now: Timestamp) -> [Change; 2] {
    let attempt = Attempt::of(&entry.notification, &entry.channel, 0, Outcome::Withheld, now);
    [Change::Attempt(attempt), delivered(entry, now)]
}

fn delivered(entry: &OutboxEntry, now: Timestamp) -> Change {
    // Of the notification as it was stored: what was withheld of it is over too.
    let News { firing, resolved } = order::news(&entry.notification);
    Change::Delivered { id: entry.id, firing, resolved, at: now }
}

fn gave_up(entry: &OutboxEntry, class: &str, message: &str, now: Timestamp) -> Change {
    let given_up = GivenUp {
        receiver: entry.notification.receiver.clone(),
        channel: entry.channel.clone(),
        count: 1,
        first_at: now,
        last_at: now,
        notification: entry.notification.id.clone(),
        class: class.to_owned(),
        message: message.to_owned(),
    };
    Change::GaveUp { id: entry.id, firing: order::news(&entry.notification).firing, given_up }
}

/// A group that is over begins a new thread next time.
fn thread(
    entry: &OutboxEntry,
    sent: &Notification,
    receipt: &Receipt,
    now: Timestamp,
) -> Option<Change> {
    let is_over = !sent.is_firing() && sent.truncated == 0;
    let thread = if is_over { None } else { Some(receipt.thread.clone()?) };
    if is_over && entry.thread.is_none() {
        return None;
    }
    Some(Change::Thread(Thread {
        receiver: sent.receiver.clone(),
        channel: entry.channel.clone(),
        group_key: sent.group_key.clone(),
        thread,
        at: now,
    }))
}
