//! What can change in the file of alerts.

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::rule_alert::RuleAlert;
use model::series::Labels;
use model::silence::Silence;
use rusqlite::Transaction;

use super::{
    Attempt, GivenUp, GroupState, NewEntry, Sent, Thread, Transition, ack, alert, attempt,
    given_up, group, outbox, rule, sent, silence, thread, told, transition,
};

/// One change. Several are committed together or not at all.
#[derive(Debug, Clone)]
pub enum Change {
    /// An alert as it is now.
    Alert(Alert),
    /// An alert is over, and everybody was told who should be.
    AlertGone(Fingerprint),
    /// An alert changed its state: one more line of history.
    Transition(Transition),
    /// A channel was told of a group.
    Sent(Sent),
    /// What a channel was told of a group need not be known any more.
    SentGone {
        /// The receiver's name.
        receiver: String,
        /// The channel's name within it.
        channel: String,
        /// The group's identity.
        group_key: String,
    },
    /// A group as it is now.
    Group(GroupState),
    /// A group has no alerts any more.
    GroupGone {
        /// The receiver's name.
        receiver: String,
        /// The group's identity.
        group_key: String,
    },
    /// A silence as it is now.
    Silence(Silence),
    /// A silence ended so long ago that it is forgotten.
    SilenceGone(String),
    /// An alert was acknowledged.
    Ack(Ack),
    /// An alert is not acknowledged any more.
    AckGone(Fingerprint),
    /// A notification is to be delivered.
    Enqueue(NewEntry),
    /// A line of the history of deliveries; it changes nothing in the outbox.
    Attempt(Attempt),
    /// A channel took an entry of the outbox; or was to be told only of the end of alerts that it
    /// never heard of.
    Delivered {
        /// The entry.
        id: u64,
        /// Alerts of which it now knows.
        firing: Vec<Fingerprint>,
        /// Alerts of which it knows that they are over.
        resolved: Vec<Fingerprint>,
        /// When.
        at: Timestamp,
    },
    /// A channel did not take an entry.
    PutOff {
        /// The entry.
        id: u64,
        /// When it is due again.
        next_at: Timestamp,
    },
    /// A channel that took nothing works again: all that was put off is due.
    Hasten {
        /// The receiver's name.
        receiver: String,
        /// The channel's name.
        channel: String,
    },
    /// A later entry of the same group and channel says the same.
    Superseded {
        /// The entry.
        id: u64,
        /// The later one.
        by: u64,
    },
    /// An entry is not tried any more.
    GaveUp {
        /// The entry.
        id: u64,
        /// Alerts of which the channel was to hear that they fire.
        firing: Vec<Fingerprint>,
        /// What is to be told in another way.
        given_up: GivenUp,
    },
    /// That notifications were given up is known in another way.
    GivenUpTold {
        /// The receiver's name.
        receiver: String,
        /// The channel's name.
        channel: String,
        /// The `last_at` of what was told: what was given up later is not told yet.
        last_at: Timestamp,
    },
    /// A channel's thread of a group.
    Thread(Thread),
    /// An alert of a rule as it is now.
    RuleAlert(RuleAlert),
    /// An alert of a rule need not be known any more.
    RuleAlertGone {
        /// The rule's group.
        group: String,
        /// The rule's place in it.
        rule_index: usize,
        /// The alert's labels.
        labels: Labels,
    },
    /// All alerts of a group of rules, in place of those that were known.
    RuleAlertsOf {
        /// The group.
        group: String,
        /// Its alerts; of other groups none.
        alerts: Vec<RuleAlert>,
    },
}

pub(super) fn apply(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    let t = transaction;
    match change {
        Change::Alert(alert) => alert::put(t, alert),
        Change::AlertGone(fingerprint) => alert::remove(t, *fingerprint),
        Change::Transition(transition) => transition::insert(t, transition),
        Change::Sent(sent) => sent::put(t, sent),
        Change::SentGone { receiver, channel, group_key } => {
            sent::remove(t, receiver, channel, group_key)
        }
        Change::Group(group) => group::put(t, group),
        Change::GroupGone { receiver, group_key } => group::remove(t, receiver, group_key),
        Change::Silence(silence) => silence::put(t, silence),
        Change::SilenceGone(id) => silence::remove(t, id),
        Change::Ack(ack) => ack::put(t, ack),
        Change::AckGone(fingerprint) => ack::remove(t, *fingerprint),
        Change::Enqueue(entry) => outbox::insert(t, entry),
        Change::Attempt(attempt) => attempt::insert(t, attempt),
        Change::Delivered { id, firing, resolved, at } => {
            told::delivered(t, *id, firing, resolved, *at)
        }
        Change::PutOff { id, next_at } => outbox::put_off(t, *id, *next_at),
        Change::Hasten { receiver, channel } => outbox::hasten(t, receiver, channel),
        Change::Superseded { id, by } => outbox::supersede(t, *id, *by),
        Change::GaveUp { id, firing, given_up } => {
            told::given_up(t, *id, firing, given_up.last_at)?;
            given_up::add(t, given_up)?;
            outbox::remove(t, *id)
        }
        Change::GivenUpTold { receiver, channel, last_at } => {
            given_up::told(t, receiver, channel, *last_at)
        }
        Change::Thread(thread) => thread::put(t, thread),
        Change::RuleAlert(alert) => rule::put(t, alert),
        Change::RuleAlertGone { group, rule_index, labels } => {
            rule::remove(t, group, *rule_index, labels)
        }
        Change::RuleAlertsOf { group, alerts } => rule::replace(t, group, alerts),
    }
}
