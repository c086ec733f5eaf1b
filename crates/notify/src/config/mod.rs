//! The configuration of receivers: field names and defaults are those of `alertmanager.yml`.
//!
//! Ours beyond those: `console_configs`, `alertmanager_configs`, `http_config.allow_link_local`, and
//! of webhooks `headers`, `hmac_secret`, `body` and `content_type`.

mod decode;
mod global;
mod http;
mod mail;
mod pages;
mod posts;
mod values;

use model::config_error::ConfigError;
use serde::Deserialize;
use serde_json::Value;

pub use global::Global;
pub use http::{Authorization, BasicAuth, HttpConfig, HttpHeader, TlsConfig};
pub use mail::{EmailConfig, Threading};
pub use pages::{PagerdutyConfig, PagerdutyImage, PagerdutyLink};
pub use posts::{
    AlertmanagerConfig, ConsoleConfig, MsteamsConfig, SlackAction, SlackConfig, SlackField,
    TelegramConfig, WebhookConfig,
};
pub(crate) use values::{SecretSource, split_host_port};

/// Receivers of Alertmanager that we can't send to.
const UNSUPPORTED: [&str; 12] = [
    "discord_configs",
    "incidentio_configs",
    "jira_configs",
    "mattermost_configs",
    "opsgenie_configs",
    "pushover_configs",
    "rocketchat_configs",
    "sns_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
    "zulip_configs",
];

/// One receiver: a name and the integrations that its notifications go to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each list has the integrations of the type in its name")]
pub struct Receiver {
    /// What routes name it by.
    pub name: String,
    pub console_configs: Vec<ConsoleConfig>,
    pub webhook_configs: Vec<WebhookConfig>,
    pub email_configs: Vec<EmailConfig>,
    pub slack_configs: Vec<SlackConfig>,
    pub pagerduty_configs: Vec<PagerdutyConfig>,
    pub msteams_configs: Vec<MsteamsConfig>,
    pub msteamsv2_configs: Vec<MsteamsConfig>,
    pub telegram_configs: Vec<TelegramConfig>,
    pub alertmanager_configs: Vec<AlertmanagerConfig>,
}

impl Receiver {
    /// Reads one entry of `receivers`; or all that is wrong with its form. What its values mean is
    /// checked by [`Receiver::validate`].
    pub fn decode(value: &Value) -> Result<Self, Vec<ConfigError>> {
        match Self::decode_sound(value) {
            (Some(receiver), errors) if errors.is_empty() => Ok(receiver),
            (_, errors) => Err(errors),
        }
    }

    /// The channels of the receiver that `value` describes, or all that is wrong: with its shape, and
    /// with what the values mean that have the right one.
    ///
    /// # Errors
    /// It has mistakes.
    pub fn channels(
        value: &Value,
        global: &Global,
        templates: &crate::Templates,
    ) -> Result<Vec<crate::Channel>, Vec<ConfigError>> {
        let (sound, mut errors) = Self::decode_sound(value);
        let Some(sound) = sound else { return Err(errors) };
        let made = crate::Channel::all(&sound, global, templates);
        if errors.is_empty() {
            return made;
        }
        // What was taken out is not missing.
        let integration = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
        let touched: Vec<String> = errors.iter().map(|error| integration(&error.path)).collect();
        let is_due = |error: &ConfigError| {
            error.message.contains("is missing") && touched.contains(&integration(&error.path))
        };
        let known: Vec<String> = errors.iter().map(|error| error.path.clone()).collect();
        let is_told = |error: &ConfigError| known.iter().any(|path| error.path.starts_with(path));
        let more = made.err().unwrap_or_default().into_iter();
        errors.extend(more.filter(|error| !is_due(error) && !is_told(error)));
        Err(errors)
    }

    fn decode_sound(value: &Value) -> (Option<Self>, Vec<ConfigError>) {
        let mut value = value.clone();
        let mut errors = Vec::new();
        if let Value::Object(map) = &mut value {
            for key in UNSUPPORTED {
                if map.remove(key).is_some() {
                    let kind = key.trim_end_matches("_configs");
                    let message = format!(
                        "etcd-monitor does not send to {kind}; send to it by webhook_configs, or \
                         by alertmanager_configs through an Alertmanager"
                    );
                    errors.push(ConfigError::new(key, message));
                }
            }
            if !matches!(map.get("name"), Some(Value::String(name)) if !name.trim().is_empty()) {
                map.remove("name");
                errors.push(ConfigError::new("name", "is missing; give a receiver a name"));
            }
        }
        let (sound, more) = decode::decode_sound::<Self>(&value);
        errors.extend(more);
        (sound, errors)
    }

    /// All that is wrong with what its values mean, inherited ones included.
    pub fn validate(&self, global: &Global) -> Vec<ConfigError> {
        let templates = crate::Templates::default();
        crate::Channel::all(self, global, &templates).err().unwrap_or_default()
    }

    /// How many integrations it has. A receiver without any swallows what is sent to it, which
    /// Alertmanager allows too.
    pub fn integrations(&self) -> usize {
        self.console_configs.len()
            + self.webhook_configs.len()
            + self.email_configs.len()
            + self.slack_configs.len()
            + self.pagerduty_configs.len()
            + self.msteams_configs.len()
            + self.msteamsv2_configs.len()
            + self.telegram_configs.len()
            + self.alertmanager_configs.len()
    }
}
