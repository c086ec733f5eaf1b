//! Which samples of the members are kept, and how long.

use std::time::Duration;

use model::config_error::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which samples of the members are kept, and how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether anything is kept. Without it, only the present is answered.
    pub enabled: bool,
    /// `usual`: what dashboards and rules ask for and what etcd says of itself; `all`: everything
    /// that members show, about three times as much.
    pub keep: Keep,
    /// Metrics that are kept besides, such as `go_sched_latencies_seconds` or, for all that begin
    /// like this, `go_memstats_*`.
    pub also_keep: Vec<String>,
    /// For how many days every sample is kept.
    pub retention_days: u32,
    /// For how many days one sample in five minutes is kept.
    pub retention_days_5m: u32,
    /// For how many days one sample in an hour is kept.
    pub retention_days_1h: u32,
    /// How much disk may be taken, MiB; the oldest samples go first. Unset: as much as there is.
    pub max_size_mb: Option<u64>,
}

/// A choice of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// What dashboards and rules ask for and what etcd says of itself.
    Usual,
    /// Everything.
    All,
}

impl Default for Config {
    fn default() -> Self {
        let tsdb::Options { raw, five_minutes, hour, max_bytes } = tsdb::Options::default();
        let days = |time: Duration| (time.as_secs() / SECONDS_OF_A_DAY) as u32;
        Self {
            enabled: true,
            keep: Keep::Usual,
            also_keep: Vec::new(),
            retention_days: days(raw),
            retention_days_5m: days(five_minutes),
            retention_days_1h: days(hour),
            max_size_mb: max_bytes.map(|bytes| bytes >> 20),
        }
    }
}

const SECONDS_OF_A_DAY: u64 = 86_400;

/// The least that `max_size_mb` may be: today's samples of a small cluster.
const MIN_SIZE_MB: u64 = 16;

impl Config {
    /// All that is wrong with this configuration; paths are relative to it.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        for (path, days) in [
            ("retention_days", self.retention_days),
            ("retention_days_5m", self.retention_days_5m),
            ("retention_days_1h", self.retention_days_1h),
        ] {
            if !(1..=36_500).contains(&days) {
                errors.push(ConfigError::new(
                    path,
                    format!("{days} is not accepted; use 1 to 36500"),
                ));
            }
        }
        if self.max_size_mb.is_some_and(|size| size < MIN_SIZE_MB) {
            let message = format!("is too small; the least is {MIN_SIZE_MB}");
            errors.push(ConfigError::new("max_size_mb", message));
        }
        for (index, name) in self.also_keep.iter().enumerate() {
            let stem = name.strip_suffix('*').unwrap_or(name);
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            if stem.is_empty() || !stem.chars().all(is_allowed) {
                errors.push(ConfigError::new(
                    format!("also_keep[{index}]"),
                    format!(
                        "{name:?} is no metric's name; only its end may be a *, as in go_memstats_*"
                    ),
                ));
            }
        }
        errors
    }

    /// The same for the store.
    pub(super) fn options(&self) -> tsdb::Options {
        let days = |days: u32| Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY);
        tsdb::Options {
            raw: days(self.retention_days),
            five_minutes: days(self.retention_days_5m),
            hour: days(self.retention_days_1h),
            max_bytes: self.max_size_mb.map(|size| size << 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_those_of_the_store() {
        assert_eq!(Config::default().validate(), []);
        assert_eq!(Config::default().options(), tsdb::Options::default());
    }

    #[test]
    fn every_mistake_is_reported_with_its_key() {
        let config = Config {
            also_keep: vec!["go_*".into(), "go_*_bytes".into(), "*".into()],
            retention_days: 0,
            retention_days_1h: 100_000,
            max_size_mb: Some(1),
            ..Config::default()
        };
        let paths: Vec<_> = config.validate().into_iter().map(|error| error.path).collect();
        let expected =
            ["retention_days", "retention_days_1h", "max_size_mb", "also_keep[1]", "also_keep[2]"];
        assert_eq!(paths, expected);
    }
}
