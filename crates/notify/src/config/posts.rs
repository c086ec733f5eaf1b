//! The receivers that need few settings: console, webhook, Slack, Teams, Telegram, Alertmanager.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use model::secret::Secret;
use serde::Deserialize;

use super::http::HttpConfig;
use super::values::{duration, text_or_number};

/// Lines on standard output.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Default true.
    pub send_resolved: Option<bool>,
    /// Template of the lines.
    pub text: Option<String>,
}

/// Any server that takes JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct WebhookConfig {
    /// Default true.
    pub send_resolved: Option<bool>,
    pub url: Option<Secret<String>>,
    pub url_file: Option<PathBuf>,
    /// How many alerts a payload holds; 0 for all.
    pub max_alerts: usize,
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    pub http_config: Option<HttpConfig>,
    /// Further headers; their values may be secrets.
    pub headers: BTreeMap<String, Secret<String>>,
    /// The key of the signature header.
    pub hmac_secret: Option<Secret<String>>,
    pub hmac_secret_file: Option<PathBuf>,
    /// Template of the body, in place of Alertmanager's payload.
    pub body: Option<String>,
    /// Default `application/json`.
    pub content_type: Option<String>,
}

/// A channel of Slack, by an incoming webhook or a bot.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct SlackConfig {
    /// Default false, as in Alertmanager.
    pub send_resolved: Option<bool>,
    pub api_url: Option<Secret<String>>,
    pub api_url_file: Option<PathBuf>,
    pub app_token: Option<Secret<String>>,
    pub app_token_file: Option<PathBuf>,
    pub app_url: Option<String>,
    pub channel: Option<String>,
    pub username: Option<String>,
    pub icon_emoji: Option<String>,
    pub icon_url: Option<String>,
    pub color: Option<String>,
    pub title: Option<String>,
    pub title_link: Option<String>,
    pub pretext: Option<String>,
    pub text: Option<String>,
    pub fallback: Option<String>,
    pub footer: Option<String>,
    pub fields: Vec<SlackField>,
    pub actions: Vec<SlackAction>,
    /// With a bot token: whether later notifications of a group change its first message. Default
    /// true here, false in Alertmanager.
    pub update_message: Option<bool>,
    /// These four are taken so that Alertmanager's files can be used; blocks have no such thing.
    pub short_fields: bool,
    pub link_names: bool,
    pub callback_id: Option<String>,
    pub mrkdwn_in: Vec<String>,
    pub image_url: Option<String>,
    pub thumb_url: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    pub http_config: Option<HttpConfig>,
}

/// A field of a Slack message; both are templates.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct SlackField {
    pub title: String,
    pub value: String,
    pub short: Option<bool>,
}

/// A button of a Slack message that opens a URL; both are templates.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct SlackAction {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub text: String,
    pub url: String,
    pub style: Option<String>,
    pub name: Option<String>,
    pub value: Option<String>,
}

/// A channel of Microsoft Teams, by a workflow (`msteamsv2_configs`) or the older connector.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct MsteamsConfig {
    /// Default true.
    pub send_resolved: Option<bool>,
    pub webhook_url: Option<Secret<String>>,
    pub webhook_url_file: Option<PathBuf>,
    pub title: Option<String>,
    /// Used by the older format only.
    pub summary: Option<String>,
    pub text: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    pub http_config: Option<HttpConfig>,
}

/// A chat of Telegram.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct TelegramConfig {
    /// Default true.
    pub send_resolved: Option<bool>,
    pub api_url: Option<String>,
    pub bot_token: Option<Secret<String>>,
    pub bot_token_file: Option<PathBuf>,
    /// A number, or `@name` of a public channel.
    #[serde(deserialize_with = "text_or_number")]
    pub chat_id: Option<String>,
    pub message_thread_id: Option<i64>,
    /// Template.
    pub message: Option<String>,
    /// `HTML` (the default) or empty for plain text. Markdown cannot be escaped safely.
    pub parse_mode: Option<String>,
    pub disable_notifications: bool,
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    pub http_config: Option<HttpConfig>,
}

/// Alertmanagers that are to route the alerts on, all members of one cluster.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct AlertmanagerConfig {
    /// Default true.
    pub send_resolved: Option<bool>,
    pub urls: Vec<Secret<String>>,
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    pub http_config: Option<HttpConfig>,
}
