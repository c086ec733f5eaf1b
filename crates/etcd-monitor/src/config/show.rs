//! The effective configuration in a shape that can be printed; secrets are shown as `***`.
//!
//! Written by hand because the configuration types are deliberately not `Serialize`: nothing may
//! print a secret by accident. A test compares the keys with the schema, so none is forgotten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd::{AuthConfig, TlsConfig};
use jiff::fmt::friendly::{Designator, SpanPrinter};
use model::secret::Secret;
use monitor::config::ClusterConfig;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Settings;
use crate::alerting::{self, masked};
use crate::{benchmarks, history};

/// All settings, in the shape and order of the configuration file.
#[derive(Debug, Serialize)]
pub struct ShownSettings<'a> {
    clusters: Vec<ShownCluster<'a>>,
    server: ShownServer<'a>,
    log: ShownLog,
    history: ShownHistory<'a>,
    records: ShownRecords,
    alerts: ShownAlerts<'a>,
    benchmark: ShownBenchmark,
    data_dir: Option<&'a Path>,
}

/// One cluster, in the shape and order of the configuration file.
#[derive(Debug, Serialize)]
pub struct ShownCluster<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    endpoints: &'a [String],
    discovery_srv: Option<&'a str>,
    endpoint_map: &'a BTreeMap<String, String>,
    metrics_url: Option<&'a str>,
    tls: Option<ShownTls<'a>>,
    auth: ShownAuth<'a>,
    intervals: ShownIntervals,
    timeouts: ShownTimeouts,
    thresholds: ShownThresholds,
    write_probe: ShownWriteProbe<'a>,
    consistency: ShownConsistency,
    key_scan: ShownKeyScan,
    backups: ShownBackups<'a>,
}

#[derive(Debug, Serialize)]
struct ShownTls<'a> {
    ca_file: Option<&'a Path>,
    cert_file: Option<&'a Path>,
    key_file: Option<&'a Path>,
    server_name: Option<&'a str>,
    insecure_skip_verify: bool,
}

#[derive(Debug, Serialize)]
struct ShownAuth<'a> {
    user: Option<&'a str>,
    password: Option<&'static str>,
    password_file: Option<&'a Path>,
    token: Option<&'static str>,
    token_file: Option<&'a Path>,
}

#[derive(Debug, Serialize)]
struct ShownIntervals {
    health: ShownDuration,
    health_alert: ShownDuration,
    metrics: ShownDuration,
}

#[derive(Debug, Serialize)]
struct ShownTimeouts {
    dial: ShownDuration,
    request: ShownDuration,
    linearizable: ShownDuration,
    scrape: ShownDuration,
}

#[derive(Debug, Serialize)]
struct ShownThresholds {
    max_latency_ms: u64,
    max_db_size_mb: u64,
    min_available_nodes: Option<usize>,
    max_leader_changes: u64,
    max_resident_memory_mb: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ShownWriteProbe<'a> {
    enabled: bool,
    prefix: &'a str,
}

#[derive(Debug, Serialize)]
struct ShownConsistency {
    enabled: bool,
    interval: ShownDuration,
    max_db_size_mb: u64,
}

#[derive(Debug, Serialize)]
struct ShownKeyScan {
    enabled: bool,
    interval: ShownDuration,
    max_keys: u64,
}

#[derive(Debug, Serialize)]
struct ShownBackups<'a> {
    path: Option<&'a Path>,
    max_age: ShownDuration,
}

#[derive(Debug, Serialize)]
struct ShownServer<'a> {
    host: &'a str,
    port: u16,
    cors_origins: &'a [String],
    request_timeout: ShownDuration,
    max_body_bytes: usize,
    query: ShownQuery,
}

#[derive(Debug, Serialize)]
struct ShownQuery {
    timeout: ShownDuration,
    max_samples: usize,
    concurrency: usize,
}

#[derive(Debug, Serialize)]
struct ShownHistory<'a> {
    enabled: bool,
    keep: history::Keep,
    also_keep: &'a [String],
    retention_days: u32,
    retention_days_5m: u32,
    retention_days_1h: u32,
    max_size_mb: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ShownRecords {
    retention_days: u32,
    max_events: u64,
}

#[derive(Debug, Serialize)]
struct ShownAlerts<'a> {
    enabled: bool,
    external_url: Option<&'a str>,
    findings: bool,
    default_rules: bool,
    rule_files: &'a [PathBuf],
    evaluation_interval: ShownDuration,
    alertmanager_file: Option<&'a Path>,
    give_up_after: ShownDuration,
    retention_days: u32,
    heartbeat: Option<ShownHeartbeat>,
    slack: Option<Value>,
    email: Option<Value>,
    pagerduty: Option<Value>,
    webhook: Option<Value>,
    msteams: Option<Value>,
    msteamsv2: Option<Value>,
    telegram: Option<Value>,
    alertmanager: Option<Value>,
    console: Option<Value>,
}

#[derive(Debug, Serialize)]
struct ShownBenchmark {
    enabled: bool,
    interval: ShownDuration,
    kind: benchmarks::Load,
    operations: u64,
    rate: f64,
    max_operations_per_day: u64,
    max_quota_percent: u8,
    keep: usize,
}

#[derive(Debug, Serialize)]
struct ShownHeartbeat {
    url: &'static str,
    interval: ShownDuration,
}

#[derive(Debug, Serialize)]
struct ShownLog {
    level: Option<&'static str>,
    format: &'static str,
}

/// A duration as the file has it: `1m30s`.
#[derive(Debug, Clone, Copy)]
struct ShownDuration(Duration);

impl Serialize for ShownDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const PRINTER: SpanPrinter = SpanPrinter::new().designator(Designator::Compact);
        let text = PRINTER.unsigned_duration_to_string(&self.0);
        serializer.serialize_str(&text.replace(' ', ""))
    }
}

impl<'a> From<&'a Settings> for ShownSettings<'a> {
    fn from(settings: &'a Settings) -> Self {
        let Settings { clusters, server, log, history, records, alerts, benchmark, data_dir } =
            settings;
        Self {
            clusters: clusters.iter().map(ShownCluster::from).collect(),
            server: ShownServer {
                host: &server.host,
                port: server.port,
                cors_origins: &server.cors_origins,
                request_timeout: ShownDuration(server.request_timeout),
                max_body_bytes: server.max_body_bytes,
                query: ShownQuery {
                    timeout: ShownDuration(server.query.timeout),
                    max_samples: server.query.max_samples,
                    concurrency: server.query.concurrency,
                },
            },
            log: ShownLog {
                level: log.level.map(crate::logging::Level::as_str),
                format: log.format.as_str(),
            },
            history: ShownHistory {
                enabled: history.enabled,
                keep: history.keep,
                also_keep: &history.also_keep,
                retention_days: history.retention_days,
                retention_days_5m: history.retention_days_5m,
                retention_days_1h: history.retention_days_1h,
                max_size_mb: history.max_size_mb,
            },
            records: ShownRecords {
                retention_days: records.retention_days,
                max_events: records.max_events,
            },
            alerts: ShownAlerts::from(alerts),
            benchmark: ShownBenchmark {
                enabled: benchmark.enabled,
                interval: ShownDuration(benchmark.interval),
                kind: benchmark.kind,
                operations: benchmark.operations,
                rate: benchmark.rate,
                max_operations_per_day: benchmark.max_operations_per_day,
                max_quota_percent: benchmark.max_quota_percent,
                keep: benchmark.keep,
            },
            data_dir: data_dir.as_deref(),
        }
    }
}

impl<'a> From<&'a alerting::Config> for ShownAlerts<'a> {
    fn from(config: &'a alerting::Config) -> Self {
        let mut channels = config.channels();
        let mut channel = |kind: &str| channels.remove(kind).map(|value| masked(&value));
        Self {
            enabled: config.enabled,
            external_url: config.external_url.as_deref(),
            findings: config.findings,
            default_rules: config.default_rules,
            rule_files: &config.rule_files,
            evaluation_interval: ShownDuration(config.evaluation_interval),
            alertmanager_file: config.alertmanager_file.as_deref(),
            give_up_after: ShownDuration(config.give_up_after),
            retention_days: config.retention_days,
            heartbeat: config.heartbeat.as_ref().map(|heartbeat| ShownHeartbeat {
                url: "***",
                interval: ShownDuration(heartbeat.interval),
            }),
            slack: channel("slack"),
            email: channel("email"),
            pagerduty: channel("pagerduty"),
            webhook: channel("webhook"),
            msteams: channel("msteams"),
            msteamsv2: channel("msteamsv2"),
            telegram: channel("telegram"),
            alertmanager: channel("alertmanager"),
            console: channel("console"),
        }
    }
}

impl<'a> From<&'a ClusterConfig> for ShownCluster<'a> {
    fn from(config: &'a ClusterConfig) -> Self {
        let ClusterConfig { intervals, timeouts, thresholds, write_probe, consistency, .. } =
            config;
        Self {
            name: &config.name,
            labels: &config.labels,
            endpoints: &config.endpoints,
            discovery_srv: config.discovery_srv.as_deref(),
            endpoint_map: &config.endpoint_map,
            metrics_url: config.metrics_url.as_deref(),
            tls: config.tls.as_ref().map(ShownTls::from),
            auth: ShownAuth::from(&config.auth),
            intervals: ShownIntervals {
                health: ShownDuration(intervals.health),
                health_alert: ShownDuration(intervals.health_alert),
                metrics: ShownDuration(intervals.metrics),
            },
            timeouts: ShownTimeouts {
                dial: ShownDuration(timeouts.dial),
                request: ShownDuration(timeouts.request),
                linearizable: ShownDuration(timeouts.linearizable),
                scrape: ShownDuration(timeouts.scrape),
            },
            thresholds: ShownThresholds {
                max_latency_ms: thresholds.max_latency_ms,
                max_db_size_mb: thresholds.max_db_size_mb,
                min_available_nodes: thresholds.min_available_nodes,
                max_leader_changes: thresholds.max_leader_changes,
                max_resident_memory_mb: thresholds.max_resident_memory_mb,
            },
            write_probe: ShownWriteProbe {
                enabled: write_probe.enabled,
                prefix: &write_probe.prefix,
            },
            consistency: ShownConsistency {
                enabled: consistency.enabled,
                interval: ShownDuration(consistency.interval),
                max_db_size_mb: consistency.max_db_size_mb,
            },
            key_scan: ShownKeyScan {
                enabled: config.key_scan.enabled,
                interval: ShownDuration(config.key_scan.interval),
                max_keys: config.key_scan.max_keys,
            },
            backups: ShownBackups {
                path: config.backups.path.as_deref(),
                max_age: ShownDuration(config.backups.max_age),
            },
        }
    }
}

impl<'a> From<&'a TlsConfig> for ShownTls<'a> {
    fn from(tls: &'a TlsConfig) -> Self {
        Self {
            ca_file: tls.ca_file.as_deref(),
            cert_file: tls.cert_file.as_deref(),
            key_file: tls.key_file.as_deref(),
            server_name: tls.server_name.as_deref(),
            insecure_skip_verify: tls.insecure_skip_verify,
        }
    }
}

impl<'a> From<&'a AuthConfig> for ShownAuth<'a> {
    fn from(auth: &'a AuthConfig) -> Self {
        let shown = |secret: Option<&Secret<String>>| secret.map(|_| "***");
        Self {
            user: auth.user.as_deref(),
            password: shown(auth.password.as_ref()),
            password_file: auth.password_file.as_deref(),
            token: shown(auth.token.as_ref()),
            token_file: auth.token_file.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    /// Every key of a schema's mappings, in dotted form.
    fn schema_keys(schema: &Value, prefix: &str, keys: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            for (key, schema) in properties {
                let path = format!("{prefix}.{key}");
                schema_keys(schema, &path, keys);
                keys.push(path);
            }
        }
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        for schema in alternatives.chain(schema.get("items")) {
            schema_keys(schema, prefix, keys);
        }
    }

    fn value_keys(value: &Value, prefix: &str, keys: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            let path = format!("{prefix}.{key}");
            value_keys(value, &path, keys);
            keys.push(path);
        }
        for value in value.as_array().into_iter().flatten() {
            value_keys(value, prefix, keys);
        }
    }

    #[test]
    fn every_key_of_the_schema_is_shown() {
        let cluster = ClusterConfig { tls: Some(TlsConfig::default()), ..ClusterConfig::default() };
        let heartbeat = alerting::Heartbeat {
            url: "http://switch/1".to_owned().into(),
            interval: Duration::from_mins(1),
        };
        let alerts = alerting::Config { heartbeat: Some(heartbeat), ..alerting::Config::default() };
        let all = Settings { clusters: vec![cluster], alerts, ..Settings::default() };
        let (mut shown, mut known) = (Vec::new(), Vec::new());
        value_keys(&serde_json::to_value(ShownSettings::from(&all)).unwrap(), "", &mut shown);
        schema_keys(schema::file(), "", &mut known);
        known.retain(|key| !key.starts_with(".defaults"));
        shown.sort();
        known.sort();
        assert_eq!(shown, known);
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut cluster = ClusterConfig::default();
        cluster.auth.password = Some("hunter2".to_owned().into());
        cluster.auth.token = Some("abc.def".to_owned().into());
        let shown = serde_json::to_string(&ShownCluster::from(&cluster)).unwrap();
        assert!(!shown.contains("hunter2") && !shown.contains("abc.def"), "{shown}");
        assert!(shown.contains(r#""password":"***""#), "{shown}");
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        let shown = ShownDuration(Duration::from_millis(90_500));
        assert_eq!(serde_json::to_string(&shown).unwrap(), r#""1m30s500ms""#);
    }
}
