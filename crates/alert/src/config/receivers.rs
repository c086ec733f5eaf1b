//! The `receivers` section: names, and what each is told through.

use model::config_error::ConfigError;
use serde_json::{Map, Value};

use crate::reader::{Fields, instead};

/// What we can notify through; in the file each is a list called `slack_configs` and so on. The last
/// two are ours.
pub const SUPPORTED: [&str; 9] = [
    "slack",
    "email",
    "pagerduty",
    "webhook",
    "msteams",
    "msteamsv2",
    "telegram",
    "console",
    "alertmanager",
];

/// What Alertmanager can notify through and we cannot.
pub const UNSUPPORTED: [&str; 11] = [
    "opsgenie",
    "victorops",
    "wechat",
    "pushover",
    "sns",
    "discord",
    "webex",
    "jira",
    "rocketchat",
    "incidentio",
    "mattermost",
];

/// Keys of the `global` section that we use.
pub(super) const GLOBAL: [&str; 19] = [
    "resolve_timeout",
    "http_config",
    "smtp_from",
    "smtp_hello",
    "smtp_smarthost",
    "smtp_auth_username",
    "smtp_auth_password",
    "smtp_auth_password_file",
    "smtp_auth_secret",
    "smtp_auth_secret_file",
    "smtp_auth_identity",
    "smtp_require_tls",
    "smtp_tls_config",
    "smtp_force_implicit_tls",
    "slack_api_url",
    "slack_api_url_file",
    "pagerduty_url",
    "telegram_api_url",
    "telegram_bot_token",
];

/// How keys of that section begin that belong to what we cannot notify through, or that newer ones
/// of Alertmanager have: they do no harm.
pub(super) const GLOBAL_PREFIXES: [&str; 10] = [
    "opsgenie_",
    "victorops_",
    "wechat_",
    "webex_",
    "jira_",
    "rocketchat_",
    "mattermost_",
    "slack_app_",
    "telegram_bot_token_",
    "jsm_",
];

/// One way of telling one receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// One of [`SUPPORTED`].
    pub kind: String,
    /// Its place among those of its kind.
    pub index: usize,
    /// Its fields as they stand in the file.
    pub value: Value,
    /// Whether it is told of alerts that are over: as the file says, else as Alertmanager does.
    pub sends_resolved: bool,
    /// Whether it is told that somebody acknowledged a group.
    pub shows_acknowledged: bool,
}

impl Integration {
    /// Its name within the receiver: `slack[0]`.
    pub fn name(&self) -> String {
        format!("{}[{}]", self.kind, self.index)
    }
}

/// Somebody who can be told, in one way or several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Receiver {
    /// The name that routes refer to.
    pub name: String,
    /// The ways, in the order of [`SUPPORTED`].
    pub integrations: Vec<Integration>,
    /// The receiver as it stands in the file.
    pub value: Value,
}

impl Receiver {
    pub(super) fn read(value: &Value, path: &str, errors: &mut Vec<ConfigError>) -> Self {
        let Some(fields) = Fields::of(value, path, errors) else { return Self::default() };
        let name = fields.text("name", errors).unwrap_or_default();
        if name.is_empty() {
            errors.push(ConfigError::new(fields.path_of("name"), "is missing; routes refer to it"));
        }
        let keys: Vec<_> = SUPPORTED.iter().map(|kind| format!("{kind}_configs")).collect();
        for key in fields.keys().filter(|key| *key != "name" && !keys.iter().any(|k| k == key)) {
            errors.push(ConfigError::new(fields.path_of(key), unknown(key, &keys)));
        }
        let mut integrations = Vec::new();
        for (kind, key) in SUPPORTED.iter().zip(&keys) {
            let list = fields.list(key, errors).unwrap_or_default();
            for (index, (value, path)) in list.into_iter().enumerate() {
                let Some(own) = Fields::of(value, &path, errors) else { continue };
                let sends_resolved = own
                    .flag("send_resolved", errors)
                    .unwrap_or(!matches!(*kind, "slack" | "email"));
                integrations.push(Integration {
                    kind: (*kind).to_owned(),
                    index,
                    value: value.clone(),
                    sends_resolved,
                    shows_acknowledged: shows_acknowledged(kind, value),
                });
            }
        }
        Self { name, integrations, value: value.clone() }
    }

    /// One without integrations: whoever it is, nobody is told.
    pub fn nobody(name: &str) -> Self {
        Self { name: name.to_owned(), integrations: Vec::new(), value: Value::Object(Map::new()) }
    }
}

/// PagerDuty has a state for it; a message in Slack can be changed by those who have a token.
fn shows_acknowledged(kind: &str, value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    match kind {
        "pagerduty" => true,
        "slack" => {
            ["bot_token", "app_token", "bot_token_file", "app_token_file"].into_iter().any(has)
        }
        _ => false,
    }
}

fn unknown(key: &str, known: &[String]) -> String {
    let kind = key.strip_suffix("_configs").unwrap_or_default();
    if UNSUPPORTED.contains(&kind) {
        return format!(
            "receivers of this kind are not supported here; supported: {}",
            known.join(", ")
        );
    }
    let all = known.iter().map(String::as_str).chain(["name"]);
    format!("is no known key; {}", instead(key, all))
}
