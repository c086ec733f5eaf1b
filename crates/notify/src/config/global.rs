//! The `global` section: what receivers inherit.

use std::path::PathBuf;

use model::config_error::ConfigError;
use model::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::decode::decode;
use super::http::{HttpConfig, TlsConfig};

/// Keys of Alertmanager's section that are read elsewhere or are for receivers that we don't have.
const OTHERS: [&str; 27] = [
    "resolve_timeout",
    "jira_api_url",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "opsgenie_api_url",
    "wechat_api_url",
    "wechat_api_secret",
    "wechat_api_secret_file",
    "wechat_api_corp_id",
    "victorops_api_key",
    "victorops_api_key_file",
    "victorops_api_url",
    "webex_api_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "mattermost_webhook_url",
    "mattermost_webhook_url_file",
    "discord_webhook_url",
    "pushover_token",
    "pushover_user_key",
    "sns_api_url",
    "incidentio_url",
    "hipchat_api_url",
    "hipchat_auth_token",
];

/// What receivers inherit where they say nothing of their own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct Global {
    pub http_config: Option<HttpConfig>,
    pub smtp_from: Option<String>,
    pub smtp_hello: Option<String>,
    pub smtp_smarthost: Option<String>,
    pub smtp_auth_username: Option<String>,
    pub smtp_auth_password: Option<Secret<String>>,
    pub smtp_auth_password_file: Option<PathBuf>,
    pub smtp_auth_secret: Option<Secret<String>>,
    pub smtp_auth_secret_file: Option<PathBuf>,
    pub smtp_auth_identity: Option<String>,
    pub smtp_require_tls: Option<bool>,
    pub smtp_force_implicit_tls: Option<bool>,
    pub smtp_tls_config: Option<TlsConfig>,
    pub slack_api_url: Option<Secret<String>>,
    pub slack_api_url_file: Option<PathBuf>,
    pub slack_app_token: Option<Secret<String>>,
    pub slack_app_token_file: Option<PathBuf>,
    pub slack_app_url: Option<String>,
    pub pagerduty_url: Option<String>,
    pub telegram_api_url: Option<String>,
    pub telegram_bot_token: Option<Secret<String>>,
    pub telegram_bot_token_file: Option<PathBuf>,
}

impl Global {
    /// Reads the section; `null` is an empty one. Keys of Alertmanager that concern others are
    /// passed over.
    pub fn decode(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let mut value = value.clone();
        match &mut value {
            Value::Null => return Ok(Self::default()),
            Value::Object(map) => map.retain(|key, _| !OTHERS.contains(&key.as_str())),
            _ => {}
        }
        decode(&value)
    }
}
