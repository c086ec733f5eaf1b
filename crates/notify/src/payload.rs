//! Alertmanager's JSON of notifications and alerts, and its form of times.

use std::fmt::Write as _;

use jiff::Timestamp;
use model::alert::Alert;
use model::notification::Notification;
use model::series::Labels;
use serde_json::{Map, Value, json};

/// Go's zero time: no end yet.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// `moment` as Go writes it in JSON: RFC 3339, UTC, with no more digits than needed.
pub(crate) fn time_text(moment: Timestamp) -> String {
    moment.to_string()
}

/// When `alert` ended as of `at`; the zero time while it goes on.
pub(crate) fn end_text(alert: &Alert, at: Timestamp) -> String {
    match alert.ends_at.filter(|_| alert.is_resolved(at)) {
        Some(end) => time_text(end),
        None => ZERO_TIME.to_owned(),
    }
}

/// A JSON object of labels.
pub(crate) fn labels(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Alertmanager's webhook payload, version 4, with at most `max_alerts` alerts (0: all).
pub(crate) fn webhook(notification: &Notification, max_alerts: usize) -> Value {
    let all = &notification.alerts;
    let count = if max_alerts == 0 { all.len() } else { max_alerts.min(all.len()) };
    let at = notification.at;
    let alerts: Vec<Value> = all[..count]
        .iter()
        .map(|alert| {
            json!({
                "status": if alert.is_resolved(at) { "resolved" } else { "firing" },
                "labels": labels(&alert.labels),
                "annotations": labels(&alert.annotations),
                "startsAt": time_text(alert.starts_at),
                "endsAt": end_text(alert, at),
                "generatorURL": alert.generator_url,
                "fingerprint": alert.fingerprint().to_string(),
            })
        })
        .collect();
    json!({
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": all.len() - count + notification.truncated,
        "status": notification.status(),
        "receiver": notification.receiver,
        "groupLabels": labels(&notification.group_labels),
        "commonLabels": labels(&notification.common_labels()),
        "commonAnnotations": labels(&notification.common_annotations()),
        "routeLabels": {},
        "externalURL": notification.external_url,
        "notification_reason": notification.reason.as_str(),
        "alerts": alerts,
    })
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of `text` in hex: for keys that must be stable and of one length.
pub(crate) fn hash(text: &str) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref())
}
