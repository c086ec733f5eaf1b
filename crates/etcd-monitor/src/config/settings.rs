//! The settings of a run, complete and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use model::config_error::ConfigError;
use monitor::config::ClusterConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{alerting, benchmarks, history, logging, records};

/// The settings of a run; also the shape of the configuration file, apart from its `defaults`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The clusters to watch.
    pub clusters: Vec<ClusterConfig>,
    /// Where and how the API is served; a change needs a restart.
    pub server: server::Config,
    /// How to log.
    pub log: logging::Config,
    /// Which samples of the members are kept, and how long; a change needs a restart.
    pub history: history::Config,
    /// How long records of what happened are kept; a change needs a restart.
    pub records: records::Config,
    /// What is alerted on, and whom alerts are told.
    pub alerts: alerting::Config,
    /// Small benchmarks of the clusters, made from time to time; a change needs a restart.
    pub benchmark: benchmarks::Config,
    /// Where to keep data; a change needs a restart. Default: `$XDG_DATA_HOME/etcd-monitor`, or
    /// `/var/lib/etcd-monitor` for root.
    pub data_dir: Option<PathBuf>,
}

impl Settings {
    /// All that is wrong, apart from what the types exclude; reads the files that are named.
    pub(super) fn validate(&self, now: Timestamp) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.clusters.is_empty() {
            errors.push(ConfigError::new("clusters", "is empty; describe at least one cluster"));
        }
        let mut seen = BTreeMap::new();
        for (index, cluster) in self.clusters.iter().enumerate() {
            let path = format!("clusters[{index}]");
            errors.extend(cluster.validate(now).into_iter().map(|error| error.within(&path)));
            if cluster.name.is_empty() {
                continue;
            }
            if let Some(first) = seen.insert(cluster.name.as_str(), index) {
                errors.push(ConfigError::new(
                    format!("{path}.name"),
                    format!("{:?} is also the name of clusters[{first}]", cluster.name),
                ));
            }
        }
        errors.extend(self.server.validate().into_iter().map(|error| error.within("server")));
        errors.extend(self.history.validate().into_iter().map(|error| error.within("history")));
        errors.extend(self.records.validate().into_iter().map(|error| error.within("records")));
        let benchmark = self.benchmark.validate();
        errors.extend(benchmark.into_iter().map(|error| error.within("benchmark")));
        errors.extend(self.alerts.validate().into_iter().map(|error| error.within("alerts")));
        errors
    }
}
