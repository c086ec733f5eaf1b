//! A notification, and channels made of JSON as a configuration file has it.

use model::alert::Alert;
use model::config_error::ConfigError;
use model::notification::{Notification, Reason};
use model::series::Labels;
use notify::config::{Global, Receiver};
use notify::{Channel, Templates};
use serde_json::{Value, json};

/// One critical alert.
pub(crate) fn firing() -> Notification {
    let alert = Alert {
        labels: Labels::new([
            ("alertname", "EtcdNoLeader"),
            ("cluster", "prod"),
            ("severity", "critical"),
        ]),
        annotations: Labels::new([("summary", "prod has no leader")]),
        starts_at: "2026-11-28T03:12:05Z".parse().unwrap(),
        ends_at: None,
        updated_at: "2026-11-28T03:12:05Z".parse().unwrap(),
        generator_url: String::new(),
        hidden: None,
    };
    Notification {
        id: "n-1".to_owned(),
        receiver: "oncall".to_owned(),
        group_key: "{}:{cluster=\"prod\"}".to_owned(),
        group_labels: Labels::new([("cluster", "prod")]),
        alerts: vec![alert],
        truncated: 0,
        reason: Reason::FirstNotification,
        at: "2026-11-28T03:12:06Z".parse().unwrap(),
        external_url: "http://127.0.0.1:8080".to_owned(),
        acknowledged_by: None,
    }
}

/// The same, over.
pub(crate) fn resolved() -> Notification {
    let mut notification = firing();
    notification.alerts[0].ends_at = Some("2026-11-28T03:13:00Z".parse().unwrap());
    notification.at = "2026-11-28T03:13:01Z".parse().unwrap();
    notification.reason = Reason::AllResolved;
    "n-2".clone_into(&mut notification.id);
    notification
}

/// The channels of a receiver with one list of integrations.
pub(crate) fn channels(
    kind: &str,
    config: &Value,
    global: &Value,
) -> Result<Vec<Channel>, Vec<ConfigError>> {
    let receiver = json!({"name": "oncall", (format!("{kind}_configs")): [config]});
    let receiver = Receiver::decode(&receiver)?;
    Channel::all(&receiver, &Global::decode(global)?, &Templates::default())
}

/// The only channel of a receiver of that kind.
pub(crate) fn channel(kind: &str, config: &Value) -> Channel {
    channels(kind, config, &Value::Null).expect("a valid configuration").remove(0)
}
