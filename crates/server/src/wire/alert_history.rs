//! The history of alerts, and of telling of them, in answers.

use std::collections::BTreeMap;

use serde::Serialize;
use store::alerts::{Attempt, Transition};
use utoipa::ToSchema;

use crate::wire::time::Time;

/// A page of what happened to alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Transitions {
    /// Newest first.
    pub(crate) transitions: Vec<OneTransition>,
    /// Give this as `before` to get the next, older page; null on the last one.
    pub(crate) next_before: Option<u64>,
}

/// An alert changed its state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneTransition {
    /// When.
    pub(crate) at: Time,
    /// The alert's identity.
    pub(crate) fingerprint: String,
    /// Its name.
    pub(crate) name: String,
    /// The cluster; empty where it is about none.
    pub(crate) cluster: String,
    /// How bad; empty where it says nothing.
    pub(crate) severity: String,
    /// The state before; null for a new alert.
    pub(crate) from: Option<&'static str>,
    /// The state since.
    pub(crate) state: &'static str,
    /// Why, or what it is about.
    pub(crate) text: String,
    /// What it is about.
    pub(crate) labels: BTreeMap<String, String>,
}

impl From<&Transition> for OneTransition {
    fn from(transition: &Transition) -> Self {
        let labels = &transition.labels;
        let label = |name| labels.get(name).unwrap_or_default().to_owned();
        Self {
            at: Time(transition.at),
            fingerprint: transition.fingerprint.to_string(),
            name: label(model::alert::ALERT_NAME),
            cluster: label("cluster"),
            severity: label("severity"),
            from: transition.from.map(store::alerts::AlertState::as_str),
            state: transition.to.as_str(),
            text: transition.text.clone(),
            labels: labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
        }
    }
}

/// A page of attempts to tell somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notifications {
    /// Newest first.
    pub(crate) notifications: Vec<OneAttempt>,
    /// Give this as `before` to get the next, older page; null on the last one.
    pub(crate) next_before: Option<u64>,
}

/// An attempt to tell somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneAttempt {
    /// When.
    pub(crate) at: Time,
    /// The notification; its attempts have the same.
    pub(crate) id: String,
    /// Whom it is for.
    pub(crate) receiver: String,
    /// The way to it.
    pub(crate) channel: String,
    /// The group that it tells of.
    pub(crate) group_key: String,
    /// Why it was sent.
    pub(crate) reason: &'static str,
    /// `firing` or `resolved`.
    pub(crate) status: String,
    /// Which attempt it is, from 1.
    pub(crate) attempt: u32,
    /// What came of it.
    pub(crate) outcome: &'static str,
    /// The class of the failure; null where it did not fail.
    pub(crate) class: Option<String>,
    /// What the receiver said, or why it failed.
    pub(crate) text: String,
    /// How long it took.
    pub(crate) took_seconds: f64,
}

impl From<&Attempt> for OneAttempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            at: Time(attempt.at),
            id: attempt.notification.clone(),
            receiver: attempt.receiver.clone(),
            channel: attempt.channel.clone(),
            group_key: attempt.group_key.clone(),
            reason: attempt.reason.as_str(),
            status: attempt.status.clone(),
            attempt: attempt.number,
            outcome: attempt.outcome.as_str(),
            class: attempt.class.clone(),
            text: attempt.message.clone(),
            took_seconds: attempt.duration.as_secs_f64(),
        }
    }
}
