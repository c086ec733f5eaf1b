//! The flags of a run: one cluster, or a file that describes many, and the program's own settings.
//!
//! A flag that is not given leaves the value to the file, or to the default that the help text
//! names. Flags about a cluster describe one cluster and so exclude `--config`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{UserPassword, duration, run_interval};
use crate::logging::{Format, Level};

/// What to watch, and how to run.
#[derive(Debug, Clone, Default, Args)]
pub struct RunFlags {
    /// Read clusters and settings from this YAML file; it is read again when it changes and on SIGHUP
    #[arg(long, env = "ETCD_MONITOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Start a local three-member cluster and watch it; it is removed at exit
    #[arg(
        long,
        env = "ETCD_MONITOR_DEMO",
        conflicts_with_all = ["config", "endpoints", "discovery_srv", "cacert", "cert", "key", "user"]
    )]
    pub demo: bool,
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterFlags,
    /// The program.
    #[command(flatten)]
    pub process: ProcessFlags,
}

/// Flags that describe one cluster.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "cluster_flags", multiple = true, conflicts_with = "config")]
pub struct ClusterFlags {
    /// Client URLs of members, comma separated: host:port, http://host:port or https://host:port
    #[arg(
        long,
        env = "ETCD_MONITOR_ENDPOINTS",
        value_name = "URL,…",
        value_delimiter = ',',
        help_heading = "Cluster"
    )]
    pub endpoints: Vec<String>,
    /// Find the endpoints by DNS SRV records of this domain
    #[arg(
        long,
        env = "ETCD_MONITOR_DISCOVERY_SRV",
        value_name = "DOMAIN",
        help_heading = "Cluster"
    )]
    pub discovery_srv: Option<String>,
    /// What to call the cluster [default: default]
    #[arg(long, env = "ETCD_MONITOR_CLUSTER_NAME", value_name = "NAME", help_heading = "Cluster")]
    pub cluster_name: Option<String>,
    /// How long a connection may take, with its TLS handshake [default: 2s]
    #[arg(
        long,
        env = "ETCD_MONITOR_DIAL_TIMEOUT",
        value_name = "TIME",
        value_parser = duration,
        help_heading = "Cluster"
    )]
    pub dial_timeout: Option<Duration>,
    /// Time between two looks at the members' health [default: 2s]
    #[arg(
        long,
        env = "ETCD_MONITOR_HEALTH_CHECK_INTERVAL",
        value_name = "TIME",
        value_parser = duration,
        help_heading = "Cluster"
    )]
    pub health_check_interval: Option<Duration>,
    /// Time between two scrapes of the members' metrics [default: 15s]
    #[arg(
        long,
        env = "ETCD_MONITOR_METRICS_INTERVAL",
        value_name = "TIME",
        value_parser = duration,
        help_heading = "Cluster"
    )]
    pub metrics_interval: Option<Duration>,
    /// Also probe writes, with one leased key under /etcd-monitor/probe/
    #[arg(long, env = "ETCD_MONITOR_WRITE_PROBE", help_heading = "Cluster")]
    pub write_probe: bool,

    /// The CA that signed the members' certificates [default: those of the system]
    #[arg(long, env = "ETCD_MONITOR_CACERT", value_name = "FILE", help_heading = "TLS")]
    pub cacert: Option<PathBuf>,
    /// Our certificate, PEM; read again when the file changes
    #[arg(long, env = "ETCD_MONITOR_CERT", value_name = "FILE", help_heading = "TLS")]
    pub cert: Option<PathBuf>,
    /// The key of our certificate, PEM
    #[arg(long, env = "ETCD_MONITOR_KEY", value_name = "FILE", help_heading = "TLS")]
    pub key: Option<PathBuf>,
    /// The name that the members' certificates must carry [default: the endpoint's host]
    #[arg(long, env = "ETCD_MONITOR_SERVER_NAME", value_name = "NAME", help_heading = "TLS")]
    pub server_name: Option<String>,
    /// Accept any certificate: traffic can then be read and changed on the way
    #[arg(long, env = "ETCD_MONITOR_INSECURE_SKIP_TLS_VERIFY", help_heading = "TLS")]
    pub insecure_skip_tls_verify: bool,

    /// Who we are to the members; asks for the password on a terminal. The password may stand in
    /// ETCD_MONITOR_PASSWORD too
    #[arg(
        long,
        env = "ETCD_MONITOR_USER",
        value_name = "USER[:PASSWORD]",
        help_heading = "Authentication"
    )]
    pub user: Option<UserPassword>,
    /// Read the password from this file; read again when the file changes
    #[arg(
        long,
        env = "ETCD_MONITOR_PASSWORD_FILE",
        value_name = "FILE",
        requires = "user",
        help_heading = "Authentication"
    )]
    pub password_file: Option<PathBuf>,

    /// Probe latency that is too much, p99 over a minute, milliseconds [default: 100]
    #[arg(
        long,
        env = "ETCD_MONITOR_MAX_LATENCY_MS",
        value_name = "MS",
        help_heading = "Thresholds"
    )]
    pub max_latency_ms: Option<u64>,
    /// Database size that is too much, MiB [default: 8192]
    #[arg(
        long,
        env = "ETCD_MONITOR_MAX_DB_SIZE_MB",
        value_name = "MB",
        help_heading = "Thresholds"
    )]
    pub max_db_size_mb: Option<u64>,
    /// Fewest healthy voters that are enough [default: the quorum]
    #[arg(
        long,
        env = "ETCD_MONITOR_MIN_AVAILABLE_NODES",
        value_name = "N",
        help_heading = "Thresholds"
    )]
    pub min_available_nodes: Option<usize>,
    /// Leader changes in an hour that are too many [default: 3]
    #[arg(
        long,
        env = "ETCD_MONITOR_MAX_LEADER_CHANGES",
        value_name = "N",
        help_heading = "Thresholds"
    )]
    pub max_leader_changes: Option<u64>,
}

/// Flags about the program itself. They override the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub struct ProcessFlags {
    /// Address to serve the API, the exporter and the dashboard on [default: 127.0.0.1]
    #[arg(long, env = "ETCD_MONITOR_API_HOST", value_name = "ADDRESS", help_heading = "Service")]
    pub api_host: Option<String>,
    /// Port to serve on; 0 takes any free one [default: 8080]
    #[arg(long, env = "ETCD_MONITOR_API_PORT", value_name = "PORT", help_heading = "Service")]
    pub api_port: Option<u16>,
    /// Where to keep data [default: $XDG_DATA_HOME/etcd-monitor, /var/lib/etcd-monitor for root]
    #[arg(long, env = "ETCD_MONITOR_DATA_DIR", value_name = "DIR", help_heading = "Service")]
    pub data_dir: Option<PathBuf>,
    /// Give each cluster a small benchmark from time to time; it writes under
    /// /etcd-monitor/scheduled-bench/
    #[arg(long, env = "ETCD_MONITOR_BENCHMARK_ENABLED", help_heading = "Benchmark")]
    pub benchmark_enabled: bool,
    /// Time between two of them; 0s: only when the API is asked for one [default: 6h]
    #[arg(
        long,
        env = "ETCD_MONITOR_BENCHMARK_INTERVAL",
        value_name = "TIME",
        value_parser = run_interval,
        help_heading = "Benchmark"
    )]
    pub benchmark_interval: Option<Duration>,
    /// How much to log, on standard error [default: warn on a terminal, else info]
    #[arg(long, env = "ETCD_MONITOR_LOG_LEVEL", value_name = "LEVEL", help_heading = "Service")]
    pub log_level: Option<Level>,
    /// How to log [default: text]
    #[arg(long, env = "ETCD_MONITOR_LOG_FORMAT", value_name = "FORMAT", help_heading = "Service")]
    pub log_format: Option<Format>,
}
