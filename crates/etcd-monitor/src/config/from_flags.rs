//! Settings from flags that describe one cluster.

use etcd::{AuthConfig, TlsConfig};
use jiff::Timestamp;
use model::config_error::ConfigError;
use model::secret::Secret;
use monitor::config::ClusterConfig;

use super::compose::{Environment, set};
use super::settings::Settings;
use crate::cli::flags::ClusterFlags;

/// The name of the cluster, unless `--cluster-name` says otherwise.
const DEFAULT_NAME: &str = "default";

/// The settings with the one cluster that `flags` describe, or every mistake, told of the flags.
pub(super) fn from_flags(
    flags: &ClusterFlags,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<Settings, Vec<ConfigError>> {
    if flags.endpoints.is_empty() && flags.discovery_srv.is_none() {
        let message = "nothing to watch; give --endpoints, --discovery-srv, --config or --demo";
        return Err(vec![ConfigError::new("", message)]);
    }
    let settings =
        Settings { clusters: vec![cluster_from_flags(flags, environment)], ..Settings::default() };
    let errors: Vec<_> = settings.validate(now).into_iter().map(name_flag).collect();
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

fn cluster_from_flags(flags: &ClusterFlags, environment: &dyn Environment) -> ClusterConfig {
    let mut cluster = ClusterConfig {
        name: flags.cluster_name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned()),
        endpoints: flags.endpoints.clone(),
        discovery_srv: flags.discovery_srv.clone(),
        tls: tls_from_flags(flags),
        auth: auth_from_flags(flags, environment),
        ..ClusterConfig::default()
    };
    set(&mut cluster.timeouts.dial, flags.dial_timeout);
    set(&mut cluster.intervals.health, flags.health_check_interval);
    cluster.intervals.health_alert = cluster.intervals.health_alert.min(cluster.intervals.health);
    set(&mut cluster.intervals.metrics, flags.metrics_interval);
    set(&mut cluster.thresholds.max_latency_ms, flags.max_latency_ms);
    set(&mut cluster.thresholds.max_db_size_mb, flags.max_db_size_mb);
    set(&mut cluster.thresholds.max_leader_changes, flags.max_leader_changes);
    cluster.thresholds.min_available_nodes = flags.min_available_nodes;
    cluster.write_probe.enabled = flags.write_probe;
    cluster
}

/// TLS is configured when any of its flags is given, or an endpoint says `https`.
fn tls_from_flags(flags: &ClusterFlags) -> Option<TlsConfig> {
    let tls = TlsConfig {
        ca_file: flags.cacert.clone(),
        cert_file: flags.cert.clone(),
        key_file: flags.key.clone(),
        server_name: flags.server_name.clone(),
        insecure_skip_verify: flags.insecure_skip_tls_verify,
    };
    (tls != TlsConfig::default()).then_some(tls)
}

fn auth_from_flags(flags: &ClusterFlags, environment: &dyn Environment) -> AuthConfig {
    let Some(user) = &flags.user else { return AuthConfig::default() };
    let from_environment = || {
        let password = environment.variable("ETCD_MONITOR_PASSWORD")?.into_string().ok()?;
        flags.password_file.is_none().then(|| Secret::new(password))
    };
    AuthConfig {
        user: Some(user.user.clone()),
        password: user.password.clone().or_else(from_environment),
        password_file: flags.password_file.clone(),
        ..AuthConfig::default()
    }
}

/// The same mistake, told of the flag instead of the key.
fn name_flag(error: ConfigError) -> ConfigError {
    const FLAGS: [(&str, &str); 17] = [
        ("endpoints", "--endpoints"),
        ("discovery_srv", "--discovery-srv"),
        ("name", "--cluster-name"),
        ("tls.ca_file", "--cacert"),
        ("tls.cert_file", "--cert"),
        ("tls.key_file", "--key"),
        ("tls.server_name", "--server-name"),
        ("auth.user", "--user"),
        ("auth.password_file", "--password-file"),
        ("auth.password", "--user"),
        ("timeouts.dial", "--dial-timeout"),
        ("intervals.health", "--health-check-interval"),
        ("intervals.metrics", "--metrics-interval"),
        ("thresholds.max_latency_ms", "--max-latency-ms"),
        ("thresholds.max_db_size_mb", "--max-db-size-mb"),
        ("thresholds.min_available_nodes", "--min-available-nodes"),
        ("thresholds.max_leader_changes", "--max-leader-changes"),
    ];
    let key = error.path.strip_prefix("clusters[0].").unwrap_or(&error.path);
    let (key, index) = key.split_once('[').map_or((key, None), |(key, rest)| (key, Some(rest)));
    let Some((_, flag)) = FLAGS.iter().find(|(candidate, _)| *candidate == key) else {
        return error;
    };
    // `endpoints[1]` is the second value of the flag.
    let place = match index.and_then(|rest| rest.strip_suffix(']')?.parse::<usize>().ok()) {
        Some(index) => format!("{flag} (value {})", index + 1),
        None => (*flag).to_owned(),
    };
    ConfigError::new(place, error.message)
}
