//! Which benchmarks a running monitor makes, how often, and what they may cost.

use std::time::Duration;

use bench::arrivals::{Profile, Spacing};
use bench::spec::{Kind, Length, Pace, Spec};
use model::config_error::ConfigError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where scheduled runs write: not where those of the command line do, so that neither takes the
/// other's keys for a stranger's.
const PREFIX: &str = "/etcd-monitor/scheduled-bench/";
/// Shortest time between two runs of a cluster.
pub const MIN_INTERVAL: Duration = Duration::from_mins(1);

/// Which benchmarks a running monitor makes, how often, and what they may cost.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Off by default: a monitor does not write. Without it, the API starts none either.
    pub enabled: bool,
    /// Between two runs of a cluster; `0s`: only when the API is asked for one.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub interval: Duration,
    /// What they do.
    pub kind: Load,
    /// Operations of a run.
    pub operations: u64,
    /// Operations each second.
    pub rate: f64,
    /// Operations in 24 hours on a cluster, those that the API asks for included.
    pub max_operations_per_day: u64,
    /// No run is made that could leave a member with more of its quota used than this, percent.
    pub max_quota_percent: u8,
    /// How many results of each cluster are kept; the oldest go first, and those of baselines stay.
    pub keep: usize,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// Writes keys.
    Put,
    /// Reads keys.
    Get,
    /// 70 % reads, 30 % writes.
    Mixed,
}

impl From<Load> for Kind {
    fn from(load: Load) -> Self {
        match load {
            Load::Put => Self::Put,
            Load::Get => Self::Get,
            Load::Mixed => Self::Mixed,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            interval: Duration::from_hours(6),
            kind: Load::Mixed,
            operations: 3_000,
            rate: 100.0,
            max_operations_per_day: 100_000,
            max_quota_percent: 50,
            keep: 1_000,
        }
    }
}

impl Config {
    /// All that is wrong with this configuration; paths are relative to it.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut check = |is_well: bool, path: &str, message: String| {
            if !is_well {
                errors.push(ConfigError::new(path, message));
            }
        };
        let interval = self.interval;
        let often = interval.is_zero() || interval >= MIN_INTERVAL;
        check(often, "interval", format!("{interval:?} is too short; give 1m or more, or 0s"));
        let operations = self.operations;
        let message = format!("{operations} is not accepted; use 100 to 1000000");
        check((100..=1_000_000).contains(&operations), "operations", message);
        let message = format!("{} is not accepted; use 1 to 10000", self.rate);
        check((1.0..=10_000.0).contains(&self.rate), "rate", message);
        let message = format!("must be at least operations, which is {operations}");
        check(self.max_operations_per_day >= operations, "max_operations_per_day", message);
        let message = format!("{} is not accepted; use 1 to 70", self.max_quota_percent);
        check((1..=70).contains(&self.max_quota_percent), "max_quota_percent", message);
        let message = format!("{} is not accepted; use 10 to 100000", self.keep);
        check((10..=100_000).contains(&self.keep), "keep", message);
        errors
    }

    /// A run of the schedule.
    pub(super) fn spec(&self) -> Spec {
        let profile = Profile::Steady { rate: self.rate };
        Spec {
            kind: self.kind.into(),
            clients: 200,
            threads: Some(1),
            pace: Pace::Open { profile, spacing: Spacing::Poisson },
            length: Length::Operations(self.operations),
            warm_up: Duration::from_secs(2),
            keys: 1_000,
            prefix: PREFIX.to_owned(),
            max_quota_ratio: f64::from(self.max_quota_percent) / 100.0,
            ..Spec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_make_a_valid_run() {
        let config = Config::default();
        assert_eq!(config.validate(), []);
        assert_eq!(config.spec().validate(), []);
    }

    #[test]
    fn every_mistake_is_reported_with_its_key() {
        let config = Config {
            interval: Duration::from_secs(5),
            operations: 1,
            rate: f64::NAN,
            max_operations_per_day: 0,
            max_quota_percent: 90,
            keep: 0,
            ..Config::default()
        };
        let paths: Vec<_> = config.validate().into_iter().map(|error| error.path).collect();
        let all = [
            "interval",
            "operations",
            "rate",
            "max_operations_per_day",
            "max_quota_percent",
            "keep",
        ];
        assert_eq!(paths, all);
        let asked = Config { interval: Duration::ZERO, ..Config::default() };
        assert_eq!(asked.validate(), []);
    }
}
