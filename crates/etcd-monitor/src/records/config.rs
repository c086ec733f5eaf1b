//! How long records are kept, and how many.

use std::time::Duration;

use model::config_error::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;

/// How long records are kept, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// For how many days events, changes of leader and member list, and findings that are over are
    /// kept.
    pub retention_days: u32,
    /// How many events are kept at most; the oldest go first. A million take some 200 MB.
    pub max_events: u64,
}

impl Default for Config {
    fn default() -> Self {
        let store::Options { retention, max_events } = store::Options::default();
        Self { retention_days: (retention.as_secs() / SECONDS_OF_A_DAY) as u32, max_events }
    }
}

const SECONDS_OF_A_DAY: u64 = 86_400;

/// The least that `max_events` may be: what a page of the API has at most.
const MIN_EVENTS: u64 = 1_000;

impl Config {
    /// All that is wrong with this configuration; paths are relative to it.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if !(1..=36_500).contains(&self.retention_days) {
            let message = format!("{} is not accepted; use 1 to 36500", self.retention_days);
            errors.push(ConfigError::new("retention_days", message));
        }
        if self.max_events < MIN_EVENTS {
            let message = format!("is too small; the least is {MIN_EVENTS}");
            errors.push(ConfigError::new("max_events", message));
        }
        errors
    }

    /// The same for the store.
    pub(super) fn options(&self) -> store::Options {
        store::Options {
            retention: Duration::from_secs(u64::from(self.retention_days) * SECONDS_OF_A_DAY),
            max_events: self.max_events,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_those_of_the_store() {
        assert_eq!(Config::default().validate(), []);
        assert_eq!(Config::default().options(), store::Options::default());
    }

    #[test]
    fn every_mistake_is_reported_with_its_key() {
        let config = Config { retention_days: 0, max_events: 10 };
        let paths: Vec<_> = config.validate().into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["retention_days", "max_events"]);
    }
}
