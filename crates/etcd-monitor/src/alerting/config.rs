//! What is alerted on, and whom alerts are told.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::config_error::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Routes, heartbeat, rule_groups};

/// What is alerted on, and whom alerts are told.
///
/// For most people the channels do: what is critical is told at once, warnings within seconds,
/// grouped by cluster, and both again when they are over. Who needs more names an alertmanager.yml.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether there are alerts at all. They need a data directory.
    pub enabled: bool,
    /// Where people reach this monitor, for links in notifications, such as
    /// `https://etcd-monitor.example.com`. Default: the address that the API is served at.
    pub external_url: Option<String>,
    /// Whether each open finding is an alert by itself.
    pub findings: bool,
    /// Whether the rules that come with the program are evaluated (see `etcd-monitor rules default`);
    /// with `findings`, only those that say what no finding does.
    pub default_rules: bool,
    /// Files of rules in Prometheus' format; `*` in a file name stands for anything.
    pub rule_files: Vec<PathBuf>,
    /// How often groups of rules are evaluated that do not say it themselves.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub evaluation_interval: Duration,
    /// An `alertmanager.yml` with routes and receivers, as it is; then no channel may be given here.
    pub alertmanager_file: Option<PathBuf>,
    /// How long a notification is tried until it is given up, and that is told in another way.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub give_up_after: Duration,
    /// For how many days the history of alerts and notifications is kept.
    pub retention_days: u32,
    /// A URL that is asked regularly while alerting works, so that somebody else notices when it
    /// does not (a dead man's switch).
    pub heartbeat: Option<Heartbeat>,
    /// Slack: `webhook_url` or `webhook_url_file`, or a bot's `bot_token_file` and `channel`.
    pub slack: Option<Channel>,
    /// Mail: `to`, `from`, `smarthost`, and what else the server wants.
    pub email: Option<Channel>,
    /// PagerDuty: `routing_key` or `routing_key_file`.
    pub pagerduty: Option<Channel>,
    /// Any HTTP address that takes Alertmanager's webhook: `url`.
    pub webhook: Option<Channel>,
    /// Microsoft Teams by an incoming webhook: `webhook_url`.
    pub msteams: Option<Channel>,
    /// Microsoft Teams by a workflow: `webhook_url`.
    pub msteamsv2: Option<Channel>,
    /// Telegram: `bot_token` or `bot_token_file`, and `chat_id`.
    pub telegram: Option<Channel>,
    /// An Alertmanager that is there already: `url`.
    pub alertmanager: Option<Channel>,
    /// Lines on standard output.
    pub console: Option<Channel>,
}

/// A dead man's switch.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Asked by POST; whoever knows it can keep the switch quiet, so it is a secret.
    pub url: model::secret::Secret<String>,
    /// How often.
    #[serde(
        default = "every_minute",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    #[schemars(with = "String")]
    pub interval: Duration,
}

fn every_minute() -> Duration {
    Duration::from_mins(1)
}

/// One way to tell somebody, or a list of several; `notify` knows their fields. It may hold
/// secrets, so it does not print.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Channel(Value);

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            external_url: None,
            findings: true,
            default_rules: true,
            rule_files: Vec::new(),
            evaluation_interval: Duration::from_secs(15),
            alertmanager_file: None,
            give_up_after: Duration::from_hours(24),
            retention_days: 730,
            heartbeat: None,
            slack: None,
            email: None,
            pagerduty: None,
            webhook: None,
            msteams: None,
            msteamsv2: None,
            telegram: None,
            alertmanager: None,
            console: None,
        }
    }
}

impl Config {
    /// The channels that are given, by their kind.
    pub fn channels(&self) -> Map<String, Value> {
        let all = [
            ("slack", &self.slack),
            ("email", &self.email),
            ("pagerduty", &self.pagerduty),
            ("webhook", &self.webhook),
            ("msteams", &self.msteams),
            ("msteamsv2", &self.msteamsv2),
            ("telegram", &self.telegram),
            ("alertmanager", &self.alertmanager),
            ("console", &self.console),
        ];
        let given = all.into_iter().filter_map(|(kind, channel)| Some((kind, channel.as_ref()?)));
        given.map(|(kind, Channel(value))| (kind.to_owned(), value.clone())).collect()
    }

    /// Relative paths, those within channels too, are relative to `directory`.
    pub(crate) fn resolve_paths(&mut self, directory: &Path) {
        for path in self.rule_files.iter_mut().chain(self.alertmanager_file.as_mut()) {
            *path = directory.join(&*path);
        }
        let channels = [
            &mut self.slack,
            &mut self.email,
            &mut self.pagerduty,
            &mut self.webhook,
            &mut self.msteams,
            &mut self.msteamsv2,
            &mut self.telegram,
            &mut self.alertmanager,
            &mut self.console,
        ];
        for Channel(value) in channels.into_iter().flatten() {
            resolve_files(value, directory);
        }
    }

    /// All that is wrong, in the files that it names too; paths are relative to it.
    pub(crate) fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut between = |path: &str, value: Duration, least: Duration, most: Duration| {
            if !(least..=most).contains(&value) {
                let message = format!("{value:?} is not accepted; use {least:?} to {most:?}");
                errors.push(ConfigError::new(path, message));
            }
        };
        let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
        between("evaluation_interval", self.evaluation_interval, second, Duration::from_hours(1));
        between("give_up_after", self.give_up_after, Duration::from_mins(1), 30 * day);
        if let Some(heartbeat) = &self.heartbeat {
            between("heartbeat.interval", heartbeat.interval, second, day);
        }
        if !(1..=36_500).contains(&self.retention_days) {
            let message = format!("{} is not accepted; use 1 to 36500", self.retention_days);
            errors.push(ConfigError::new("retention_days", message));
        }
        if let Some(url) = &self.external_url {
            let is_url = url.starts_with("http://") || url.starts_with("https://");
            if !is_url || url.contains(['?', '#', '@']) || url.ends_with('/') {
                let message = format!(
                    "{url:?} is not accepted; write http:// or https://, host and path, without a \
                     slash at the end"
                );
                errors.push(ConfigError::new("external_url", message));
            }
        }
        let channels = self.channels();
        if self.alertmanager_file.is_some()
            && let Some(kind) = channels.keys().next()
        {
            let message = "cannot be given beside alertmanager_file; put it there";
            errors.push(ConfigError::new(kind.as_str(), message));
            return errors;
        }
        errors.extend(Routes::read(self).err().unwrap_or_default());
        errors.extend(rule_groups::read(self).err().unwrap_or_default());
        let heartbeat = self.heartbeat.as_ref().map(heartbeat::channel);
        errors.extend(heartbeat.and_then(Result::err).unwrap_or_default());
        errors
    }
}

/// Makes the relative paths of files that are named in `value` relative to `directory`.
pub(super) fn resolve_files(value: &mut Value, directory: &Path) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(path) if key.ends_with("_file") && !path.is_empty() => {
                        *path = directory.join(&*path).to_string_lossy().into_owned();
                    }
                    _ => resolve_files(value, directory),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| resolve_files(value, directory)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_relative_to_the_file_that_names_them() {
        let mut value =
            json!([{"api_url_file": "slack", "tls_config": {"ca_file": "/etc/ca.pem"}}]);
        resolve_files(&mut value, Path::new("/etc/monitor"));
        let expected = json!([{"api_url_file": "/etc/monitor/slack", "tls_config": {"ca_file": "/etc/ca.pem"}}]);
        assert_eq!(value, expected);
    }
}
