//! The dead man's switch: an outside address is asked regularly while alerting works.

use std::sync::Arc;

use alert::delivery::{Deliver as _, Heartbeat as Beats};
use alert::engine::Prepared;
use jiff::Timestamp;
use model::alert::{ALERT_NAME, Alert};
use model::clock::Clock;
use model::config_error::ConfigError;
use model::notification::{Notification, Reason};
use model::series::Labels;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::config::Heartbeat;

/// The alert that is always on, by the name that others give it.
const NAME: &str = "Watchdog";

/// The way to the switch, checked.
pub(crate) fn channel(config: &Heartbeat) -> Result<Prepared, Vec<ConfigError>> {
    let receiver = json!({
        "name": "heartbeat",
        "webhook_configs": [{"url": config.url.expose()}],
    });
    Prepared::alone(&receiver).map_err(|mistakes| {
        let placed =
            mistakes.into_iter().map(|error| ConfigError::new("heartbeat.url", error.message));
        placed.collect()
    })
}

/// Asks it until `stop`, as often as `config` says, while `is_alive`.
pub(crate) async fn run(
    config: Heartbeat,
    channel: Prepared,
    is_alive: impl Fn() -> bool + Send,
    clock: Arc<dyn Clock>,
    external_url: String,
    stop: CancellationToken,
) {
    let since = clock.now();
    let beat = || {
        let notification = notification(since, clock.now(), &external_url);
        let channel = channel.clone();
        async move { channel.deliver(&notification, None).await.map(|_| ()) }
    };
    Beats::default().run(config.interval, is_alive, beat, stop).await;
}

fn notification(since: Timestamp, now: Timestamp, external_url: &str) -> Notification {
    let labels = Labels::new([(ALERT_NAME, NAME), ("severity", "none"), ("source", "heartbeat")]);
    let summary = "etcd-monitor decides and delivers alerts";
    let alert = Alert {
        labels: labels.clone(),
        annotations: Labels::new([("summary", summary)]),
        starts_at: since,
        ends_at: None,
        updated_at: now,
        generator_url: external_url.to_owned(),
        hidden: None,
    };
    Notification {
        id: format!("heartbeat-{}", now.as_nanosecond()),
        receiver: "heartbeat".to_owned(),
        group_key: format!("{{}}:{{alertname=\"{NAME}\"}}"),
        group_labels: Labels::new([(ALERT_NAME, NAME)]),
        alerts: vec![alert],
        truncated: 0,
        reason: Reason::Repeat,
        at: now,
        external_url: external_url.to_owned(),
        acknowledged_by: None,
    }
}
