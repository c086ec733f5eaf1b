//! The history of deliveries: every attempt, and what came of it.

use std::time::Duration;

use jiff::Timestamp;
use model::notification::{Notification, Reason};
use rusqlite::{Connection, Row, Transaction, params};

use super::transition::label_of;
use crate::query::Page;
use crate::sqlite::event::number;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, named, time};

/// What came of an attempt, or why there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The channel took it.
    Delivered,
    /// It did not; it is tried again.
    Failed,
    /// It did not, and is not asked again: it refused for good, or it has taken too long.
    GaveUp,
    /// Not tried: a later notification says the same.
    Superseded,
    /// Not tried: it tells only of the end of alerts that the channel never heard of.
    Withheld,
}

impl Outcome {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 5] =
        [Self::Delivered, Self::Failed, Self::GaveUp, Self::Superseded, Self::Withheld];

    /// The name in APIs, metrics and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GaveUp => "gave_up",
            Self::Superseded => "superseded",
            Self::Withheld => "withheld",
        }
    }
}

/// One attempt to deliver a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The notification's ID.
    pub notification: String,
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name.
    pub channel: String,
    /// The group's identity.
    pub group_key: String,
    /// The name of its alerts; empty where they have several.
    pub name: String,
    /// Their cluster; empty where they are of several.
    pub cluster: String,
    /// Their severity; where they have several, that of the first, which is the worst.
    pub severity: String,
    /// Why the notification is sent.
    pub reason: Reason,
    /// `firing` or `resolved`.
    pub status: String,
    /// Which attempt it is, from 1; 0 where there was none.
    pub number: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// The class of the failure.
    pub class: Option<String>,
    /// What the failure said, or a remark of the channel; may be empty.
    pub message: String,
    /// How long it took.
    pub duration: Duration,
}

impl Attempt {
    /// One that begins `at`, to deliver `notification` by `channel`.
    pub fn of(
        notification: &Notification,
        channel: &str,
        number: u32,
        outcome: Outcome,
        at: Timestamp,
    ) -> Self {
        let common = notification.common_labels();
        let worst = notification.alerts.first().map(|alert| label_of(&alert.labels, "severity"));
        Self {
            at,
            notification: notification.id.clone(),
            receiver: notification.receiver.clone(),
            channel: channel.to_owned(),
            group_key: notification.group_key.clone(),
            name: label_of(&common, model::alert::ALERT_NAME).to_owned(),
            cluster: label_of(&common, "cluster").to_owned(),
            severity: worst.unwrap_or_default().to_owned(),
            reason: notification.reason,
            status: notification.status().to_owned(),
            number,
            outcome,
            class: None,
            message: String::new(),
            duration: Duration::ZERO,
        }
    }
}

/// Which attempts: all conditions that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptQuery {
    /// About this cluster.
    pub cluster: Option<String>,
    /// About alerts of this name.
    pub name: Option<String>,
    /// Of this severity.
    pub severity: Option<String>,
    /// For this receiver.
    pub receiver: Option<String>,
    /// By this channel.
    pub channel: Option<String>,
    /// Of this notification.
    pub notification: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// With this in message, class or group, in capital or small letters (of ASCII).
    pub text: Option<String>,
    /// With a number below this one: `next_before` of the page before.
    pub before: Option<u64>,
}

impl AttemptQuery {
    fn select(&self, start: &str) -> Select {
        Select::new(start)
            .and("cluster = ?", self.cluster.clone())
            .and("name = ?", self.name.clone())
            .and("severity = ?", self.severity.clone())
            .and("receiver = ?", self.receiver.clone())
            .and("channel = ?", self.channel.clone())
            .and("notification = ?", self.notification.clone())
            .and("outcome = ?", self.outcome.map(|outcome| outcome.as_str().to_owned()))
            .and("at >= ?", self.from.map(micros))
            .and("at < ?", self.to.map(micros))
            .and("id < ?", self.before.map(number))
            .and_text(&["message", "ifnull(class, '')", "group_key"], self.text.as_ref())
    }
}

pub(super) fn insert(transaction: &Transaction<'_>, attempt: &Attempt) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO attempt (at, notification, receiver, channel, group_key, name, cluster,
                severity, reason, status, number, outcome, class, message, duration)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            micros(attempt.at),
            attempt.notification,
            attempt.receiver,
            attempt.channel,
            attempt.group_key,
            attempt.name,
            attempt.cluster,
            attempt.severity,
            attempt.reason.as_str(),
            attempt.status,
            attempt.number,
            attempt.outcome.as_str(),
            attempt.class,
            attempt.message,
            i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX),
        ])?;
    Ok(())
}

/// A page, newest first, each with its number.
pub(super) fn page(
    connection: &Connection,
    query: &AttemptQuery,
    limit: usize,
) -> rusqlite::Result<Page<(u64, Attempt)>> {
    query
        .select(
            "SELECT id, at, notification, receiver, channel, group_key, name, cluster, severity,
                reason, status, number, outcome, class, message, duration FROM attempt",
        )
        .page(connection, "id DESC", limit, read)
}

pub(super) fn count(connection: &Connection, query: &AttemptQuery) -> rusqlite::Result<u64> {
    query.select("SELECT count(*) FROM attempt").count(connection)
}

fn read(row: &Row<'_>) -> Option<(i64, (u64, Attempt))> {
    let id: i64 = row.get(0).ok()?;
    let (reason, outcome): (String, String) = (row.get(9).ok()?, row.get(12).ok()?);
    let attempt = Attempt {
        at: time(row.get(1).ok()?)?,
        notification: row.get(2).ok()?,
        receiver: row.get(3).ok()?,
        channel: row.get(4).ok()?,
        group_key: row.get(5).ok()?,
        name: row.get(6).ok()?,
        cluster: row.get(7).ok()?,
        severity: row.get(8).ok()?,
        reason: named(&Reason::ALL, Reason::as_str, &reason)?,
        status: row.get(10).ok()?,
        number: row.get(11).ok()?,
        outcome: named(&Outcome::ALL, Outcome::as_str, &outcome)?,
        class: row.get(13).ok()?,
        message: row.get(14).ok()?,
        duration: Duration::from_micros(row.get::<_, i64>(15).ok()?.unsigned_abs()),
    };
    Some((id, (id.unsigned_abs(), attempt)))
}
