//! The configuration of one cluster to watch, and its validation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use etcd::{AuthConfig, ClientConfig, Endpoint, HttpTarget, Scheme, TlsConfig};
use jiff::Timestamp;
use model::config_error::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::own;

/// One cluster to watch.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// A name for people, URLs and the `cluster` label: letters, digits, '.', '_' and '-'.
    pub name: String,
    /// Labels that are added to everything said about this cluster.
    pub labels: BTreeMap<String, String>,
    /// Client URLs of members: `host:port`, `http://host:port` or `https://host:port`. One is
    /// enough; the others are found through the member list.
    pub endpoints: Vec<String>,
    /// Find the endpoints by DNS SRV records of this domain, as `etcdctl --discovery-srv` does.
    pub discovery_srv: Option<String>,
    /// For members behind NAT: the URL that a member advertises → the endpoint that we can reach.
    pub endpoint_map: BTreeMap<String, String>,
    /// Where to scrape metrics when it is not the client URL: a base URL in which `{host}` stands
    /// for the member's host, such as `http://{host}:2381`.
    pub metrics_url: Option<String>,
    /// TLS towards the members.
    pub tls: Option<TlsConfig>,
    /// Who we are to the members.
    pub auth: AuthConfig,
    /// How often to look.
    pub intervals: Intervals,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// What is too much.
    pub thresholds: Thresholds,
    /// Whether to probe writes too.
    pub write_probe: WriteProbe,
    /// Comparing the members' data by their hashes.
    pub consistency: ConsistencyCheck,
    /// Counting the keys by prefix.
    pub key_scan: KeyScan,
    /// Where backups of the cluster come to lie; without a path nothing is said of backups.
    pub backups: Backups,
}

/// How often to look.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Intervals {
    /// Between two health sweeps while all is well.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub health: Duration,
    /// Between two health sweeps while a member, the leader or a finding is in doubt.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub health_alert: Duration,
    /// Between two scrapes of a member's metrics.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub metrics: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            health: Duration::from_secs(2),
            health_alert: Duration::from_millis(500),
            metrics: Duration::from_secs(15),
        }
    }
}

/// How long to wait.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For the TCP connection and the TLS handshake.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub dial: Duration,
    /// For an answer that the member can give alone.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub request: Duration,
    /// For an answer that needs the quorum: a linearizable read, a write.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub linearizable: Duration,
    /// For `/metrics` and `/version`.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub scrape: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(2),
            request: Duration::from_secs(2),
            linearizable: Duration::from_secs(3),
            scrape: Duration::from_secs(10),
        }
    }
}

/// What is too much. Crossing one of them degrades the cluster's state and says why.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Probe latency, the median of one minute, in milliseconds.
    pub max_latency_ms: u64,
    /// Size of a member's database file, in MiB.
    pub max_db_size_mb: u64,
    /// Fewest healthy voters; unset: the quorum.
    pub min_available_nodes: Option<usize>,
    /// Leader changes in an hour.
    pub max_leader_changes: u64,
    /// Resident memory of a member's process, in MiB; unset: not judged. The memory limit of a
    /// container can't be seen from outside, so give somewhat less than that.
    pub max_resident_memory_mb: Option<u64>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            max_latency_ms: 100,
            max_db_size_mb: 8192,
            min_available_nodes: None,
            max_leader_changes: 3,
            max_resident_memory_mb: None,
        }
    }
}

/// The optional write probe: one key with a lease, overwritten at each health sweep.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WriteProbe {
    /// Off by default: a monitor does not write.
    pub enabled: bool,
    /// The probe keys are written under this prefix, and nowhere else.
    pub prefix: String,
}

impl Default for WriteProbe {
    fn default() -> Self {
        Self { enabled: false, prefix: "/etcd-monitor/probe/".to_owned() }
    }
}

/// Comparing the members' data: each member hashes its keys up to one revision (`HashKV`), and all
/// hashes must be equal.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsistencyCheck {
    /// On by default; with authentication it needs a user with the role root.
    pub enabled: bool,
    /// Between two checks; one more follows each restart of a member. None is made while a member is
    /// unhealthy or the cluster is under pressure.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub interval: Duration,
    /// Databases larger than this are not hashed, MiB: a hash reads all of it, at 0.8 s for each GB
    /// that is in memory.
    pub max_db_size_mb: u64,
}

impl Default for ConsistencyCheck {
    fn default() -> Self {
        Self { enabled: true, interval: Duration::from_hours(1), max_db_size_mb: 2048 }
    }
}

/// Counting the keys by prefix, so that `capacity` tells which prefixes grow: on a follower, page by
/// page, at most 10,000 keys a second, never while a member is unhealthy or the cluster is under
/// pressure.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyScan {
    /// Off by default: it reads the names of all keys, for which it needs the right, and before etcd
    /// 3.7 a member loads their values to tell them.
    pub enabled: bool,
    /// Between two scans.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub interval: Duration,
    /// Keys after which a scan ends; one that ends so tells no growth.
    pub max_keys: u64,
}

impl Default for KeyScan {
    fn default() -> Self {
        Self { enabled: false, interval: Duration::from_hours(1), max_keys: 2_000_000 }
    }
}

/// Where backups of a cluster come to lie, and how old the newest may be.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backups {
    /// A snapshot file, or a directory of them, as `etcdctl snapshot save` or `etcd-monitor ctl
    /// snapshot save` writes them. The newest whose hash is right counts.
    pub path: Option<PathBuf>,
    /// An older one is an alert.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub max_age: Duration,
}

impl Default for Backups {
    fn default() -> Self {
        Self { path: None, max_age: Duration::from_hours(26) }
    }
}

/// The shortest interval accepted: below it the monitor is a load of its own.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// The shortest interval accepted between two comparisons of the members' data.
const MIN_CONSISTENCY_INTERVAL: Duration = Duration::from_mins(1);

/// The shortest interval accepted between two scans of the keys.
const MIN_KEY_SCAN_INTERVAL: Duration = Duration::from_mins(1);

/// The timeouts accepted: no answer comes faster, and no sweep waits longer.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

impl ClusterConfig {
    /// The scheme of endpoints that name none: `https` when TLS is configured.
    pub fn default_scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::Https } else { Scheme::Http }
    }

    /// The configured endpoints. Those that do not parse are left out: [`Self::validate`] names them.
    pub fn parsed_endpoints(&self) -> Vec<Endpoint> {
        let scheme = self.default_scheme();
        self.endpoints.iter().filter_map(|text| Endpoint::parse(text, scheme).ok()).collect()
    }

    /// Whether the members are told nothing of who asks: no user, no token, no client certificate.
    pub fn is_anonymous(&self) -> bool {
        let auth = &self.auth;
        let has_token = auth.token.is_some() || auth.token_file.is_some();
        let has_certificate = self.tls.as_ref().is_some_and(|tls| tls.cert_file.is_some());
        auth.user.is_none() && !has_token && !has_certificate
    }

    /// How to connect to the members.
    pub fn client(&self) -> ClientConfig {
        ClientConfig {
            tls: self.tls.clone(),
            auth: self.auth.clone(),
            dial_timeout: self.timeouts.dial,
            ..ClientConfig::default()
        }
    }

    /// All that is wrong with this configuration; paths are relative to the cluster.
    pub fn validate(&self, now: Timestamp) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        self.validate_name(&mut errors);
        self.validate_endpoints(&mut errors);
        self.validate_endpoint_map(&mut errors);
        self.validate_metrics_url(&mut errors);
        if let Some(tls) = &self.tls {
            errors.extend(tls.validate(now).into_iter().map(|error| error.within("tls")));
        }
        errors.extend(self.auth.validate().into_iter().map(|error| error.within("auth")));
        self.validate_durations(&mut errors);
        if self.thresholds.max_latency_ms == 0 {
            errors.push(ConfigError::new("thresholds.max_latency_ms", "must be at least 1"));
        }
        if self.thresholds.max_db_size_mb == 0 {
            errors.push(ConfigError::new("thresholds.max_db_size_mb", "must be at least 1"));
        }
        if self.thresholds.max_resident_memory_mb == Some(0) {
            let path = "thresholds.max_resident_memory_mb";
            errors.push(ConfigError::new(path, "must be at least 1"));
        }
        if self.write_probe.enabled && self.write_probe.prefix.is_empty() {
            errors.push(ConfigError::new(
                "write_probe.prefix",
                "must not be empty: the probe writes only under its own prefix",
            ));
        }
        if self.consistency.interval < MIN_CONSISTENCY_INTERVAL {
            errors.push(ConfigError::new(
                "consistency.interval",
                format!(
                    "{:?} is too short; the least is {MIN_CONSISTENCY_INTERVAL:?}: each check reads \
                     all of every database",
                    self.consistency.interval
                ),
            ));
        }
        if self.key_scan.interval < MIN_KEY_SCAN_INTERVAL {
            let given = self.key_scan.interval;
            let why = format!("{given:?} is too short; the least is {MIN_KEY_SCAN_INTERVAL:?}");
            errors.push(ConfigError::new("key_scan.interval", why));
        }
        if self.key_scan.max_keys == 0 {
            errors.push(ConfigError::new(
                "key_scan.max_keys",
                "must be at least 1; to make no scans, set key_scan.enabled to false",
            ));
        }
        if self.backups.path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            errors.push(ConfigError::new("backups.path", "must name a file or a directory"));
        }
        if self.backups.max_age.is_zero() {
            errors.push(ConfigError::new("backups.max_age", "must be longer than nothing: `26h`"));
        }
        if self.consistency.max_db_size_mb == 0 {
            errors.push(ConfigError::new(
                "consistency.max_db_size_mb",
                "must be at least 1; to make no checks, set consistency.enabled to false",
            ));
        }
        errors
    }

    fn validate_name(&self, errors: &mut Vec<ConfigError>) {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() {
            errors.push(ConfigError::new("name", "is missing; give the cluster a name"));
        } else if self.name.len() > 63 || !self.name.chars().all(is_allowed) {
            errors.push(ConfigError::new(
                "name",
                format!(
                    "{:?} is not accepted; use up to 63 letters, digits, '.', '_' and '-'",
                    self.name
                ),
            ));
        }
        if self.name == own::NAME {
            let message = "is what the monitor calls itself; choose another name";
            errors.push(ConfigError::new("name", format!("{:?} {message}", self.name)));
        }
        for label in self.labels.keys() {
            let mut chars = label.chars();
            let well_formed = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !well_formed || label.starts_with("__") {
                errors.push(ConfigError::new(
                    format!("labels.{label}"),
                    "is no label name; use letters, digits and '_', not a digit first, not '__' first",
                ));
            } else if matches!(label.as_str(), "cluster" | "member" | "instance" | "job") {
                errors.push(ConfigError::new(
                    format!("labels.{label}"),
                    "is a label that etcd-monitor sets itself; choose another name",
                ));
            }
        }
    }

    fn validate_endpoints(&self, errors: &mut Vec<ConfigError>) {
        if self.endpoints.is_empty() && self.discovery_srv.is_none() {
            errors.push(ConfigError::new(
                "endpoints",
                "is empty; give at least one member as host:port, or discovery_srv",
            ));
        }
        let mut seen: BTreeMap<Endpoint, usize> = BTreeMap::new();
        for (index, text) in self.endpoints.iter().enumerate() {
            let path = format!("endpoints[{index}]");
            match Endpoint::parse(text, self.default_scheme()) {
                Err(error) => errors.push(ConfigError::new(path, error.to_string())),
                Ok(endpoint) => {
                    self.validate_scheme(&endpoint, &path, errors);
                    if let Some(first) = seen.get(&endpoint) {
                        errors.push(ConfigError::new(
                            path,
                            format!("{endpoint} is the same endpoint as endpoints[{first}]"),
                        ));
                    } else {
                        seen.insert(endpoint, index);
                    }
                }
            }
        }
    }

    fn validate_scheme(&self, endpoint: &Endpoint, path: &str, errors: &mut Vec<ConfigError>) {
        if endpoint.scheme() == Scheme::Http && self.tls.is_some() {
            errors.push(ConfigError::new(
                path,
                format!(
                    "{} is plain HTTP but tls is configured; write https:// or remove tls",
                    endpoint.url()
                ),
            ));
        }
    }

    fn validate_endpoint_map(&self, errors: &mut Vec<ConfigError>) {
        for (advertised, reachable) in &self.endpoint_map {
            for text in [advertised, reachable] {
                if let Err(error) = Endpoint::parse(text, self.default_scheme()) {
                    errors.push(ConfigError::new(
                        format!("endpoint_map[{advertised:?}]"),
                        error.to_string(),
                    ));
                }
            }
        }
    }

    fn validate_metrics_url(&self, errors: &mut Vec<ConfigError>) {
        let Some(template) = &self.metrics_url else { return };
        let sample = template.replace("{host}", "localhost");
        if !sample.starts_with("http://") && !sample.starts_with("https://") {
            errors.push(ConfigError::new(
                "metrics_url",
                format!("{template:?} has no scheme; write it as http://{{host}}:2381"),
            ));
        } else if let Err(error) = HttpTarget::parse(&sample, "/metrics") {
            errors.push(ConfigError::new("metrics_url", error.to_string()));
        }
    }

    fn validate_durations(&self, errors: &mut Vec<ConfigError>) {
        let mut at_least = |path: &str, value: Duration, least: Duration| {
            if value < least {
                errors.push(ConfigError::new(
                    path,
                    format!("{value:?} is too short; the least is {least:?}"),
                ));
            }
        };
        at_least("intervals.health", self.intervals.health, MIN_INTERVAL);
        at_least("intervals.health_alert", self.intervals.health_alert, MIN_INTERVAL);
        at_least("intervals.metrics", self.intervals.metrics, Duration::from_secs(1));
        for (path, value) in [
            ("timeouts.dial", self.timeouts.dial),
            ("timeouts.request", self.timeouts.request),
            ("timeouts.linearizable", self.timeouts.linearizable),
            ("timeouts.scrape", self.timeouts.scrape),
        ] {
            if value < MIN_TIMEOUT || value > MAX_TIMEOUT {
                errors.push(ConfigError::new(
                    path,
                    format!("{value:?} is not accepted; use 10ms to 1m"),
                ));
            }
        }
    }
}

/// Durations as people write them: `500ms`, `2s`, `1m30s`.
mod duration {
    pub(super) use jiff::fmt::serde::unsigned_duration::friendly::compact::required::{
        deserialize, serialize,
    };
}
