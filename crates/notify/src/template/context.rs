//! What templates see of a notification.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value;
use model::alert::Alert;
use model::notification::Notification;
use model::series::Labels;

use crate::digest::Digest;
use crate::payload::{end_text, time_text};
use crate::text;

/// The whole, under our names and under Go's.
pub(super) fn of(notification: &Notification) -> Value {
    let digest = Digest::of(notification);
    let alerts: Vec<Value> =
        notification.alerts.iter().map(|alert| of_alert(alert, notification)).collect();
    let (resolved, firing): (Vec<_>, Vec<_>) = notification
        .alerts
        .iter()
        .zip(&alerts)
        .partition(|(alert, _)| alert.is_resolved(notification.at));
    let values = |pairs: Vec<(&Alert, &Value)>| -> Value {
        pairs.into_iter().map(|(_, value)| value.clone()).collect()
    };
    let (firing, resolved) = (values(firing), values(resolved));
    let alerts: Value = alerts.into_iter().collect();
    let status = Value::from(notification.status());
    let receiver = Value::from(&*notification.receiver);
    let group = labels(&notification.group_labels);
    let common = labels(&notification.common_labels());
    let annotations = labels(&notification.common_annotations());
    let url = Value::from(&*notification.external_url);
    map([
        ("title", Value::from(digest.title())),
        ("text", Value::from(digest.body())),
        ("status", status.clone()),
        ("receiver", receiver.clone()),
        ("reason", Value::from(notification.reason.as_str())),
        ("id", Value::from(&*notification.id)),
        ("group_key", Value::from(&*notification.group_key)),
        ("group_labels", group.clone()),
        ("common_labels", common.clone()),
        ("common_annotations", annotations.clone()),
        ("external_url", url.clone()),
        ("alerts", alerts.clone()),
        ("firing", firing.clone()),
        ("resolved", resolved.clone()),
        ("truncated", Value::from(notification.truncated)),
        ("acknowledged_by", Value::from(notification.acknowledged_by.as_deref())),
        ("at", Value::from(time_text(notification.at))),
        ("Status", status),
        ("Receiver", receiver),
        ("GroupLabels", group),
        ("CommonLabels", common),
        ("CommonAnnotations", annotations),
        ("ExternalURL", url),
        ("Alerts", alerts),
    ])
}

fn of_alert(alert: &Alert, notification: &Notification) -> Value {
    let is_over = alert.is_resolved(notification.at);
    let status = Value::from(if is_over { "resolved" } else { "firing" });
    let lasted = match alert.ends_at.filter(|_| is_over) {
        Some(end) => end.duration_since(alert.starts_at),
        None => notification.at.duration_since(alert.starts_at),
    };
    let (of_labels, annotations) = (labels(&alert.labels), labels(&alert.annotations));
    let starts = Value::from(time_text(alert.starts_at));
    let ends = Value::from(end_text(alert, notification.at));
    let generator = Value::from(&*alert.generator_url);
    let fingerprint = Value::from(alert.fingerprint().to_string());
    map([
        ("name", Value::from(alert.name())),
        ("status", status.clone()),
        ("labels", of_labels.clone()),
        ("annotations", annotations.clone()),
        ("starts_at", starts.clone()),
        ("ends_at", ends.clone()),
        ("seconds", Value::from(lasted.as_secs().max(0))),
        ("duration", Value::from(text::length(lasted))),
        ("generator_url", generator.clone()),
        ("fingerprint", fingerprint.clone()),
        ("Status", status),
        ("Labels", of_labels),
        ("Annotations", annotations),
        ("StartsAt", starts),
        ("EndsAt", ends),
        ("GeneratorURL", generator),
        ("Fingerprint", fingerprint),
    ])
}

fn labels(labels: &Labels) -> Value {
    let pairs = labels.pairs().iter();
    map(pairs.map(|(name, value)| (Arc::clone(name), Value::from(Arc::clone(value)))))
}

/// A mapping; collected right into a value, pairs make a list.
fn map<K: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
    let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value));
    Value::from_object(pairs.collect::<BTreeMap<Arc<str>, Value>>())
}
