//! The flags of `query`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values::{moment, step};
use crate::query::address::Address;
use crate::query::request::Moment;

/// What to ask, whom, and how to show the answer.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct QueryFlags {
    /// The query, in PromQL
    #[arg(value_name = "PROMQL")]
    pub expression: String,
    /// Who is asked: a running etcd-monitor, or a Prometheus
    ///
    /// With a path, such as http://host:8080/prometheus, exactly what is under it is asked:
    /// /prometheus/api/v1/query. Without one, /prometheus/api/v1/query is asked as etcd-monitor
    /// has it, and where that is not found, /api/v1/query as Prometheus has it.
    #[arg(long, env = "ETCD_MONITOR_URL", value_name = "URL", default_value_t = Address::default())]
    pub url: Address,
    /// The CA that signed the certificate of an https:// URL [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// How long the answer may take
    #[arg(long, value_name = "TIME", value_parser = step, default_value = "30s")]
    pub timeout: Duration,

    /// The moment that is asked about, or the end of the range: RFC 3339, Unix seconds or '2h ago'
    /// [default: now]
    #[arg(long, value_name = "WHEN", value_parser = moment, help_heading = "Time")]
    pub time: Option<Moment>,
    /// Ask about a range that goes so far back, such as 6h or 7d
    #[arg(long, value_name = "TIME", value_parser = step, help_heading = "Time")]
    pub range: Option<Duration>,
    /// Time between two points of the range [default: about 120 points, at least 15s]
    #[arg(long, value_name = "TIME", value_parser = step, requires = "range", help_heading = "Time")]
    pub step: Option<Duration>,
    /// Show times in UTC, not in the local time zone
    #[arg(long, help_heading = "Time")]
    pub utc: bool,

    /// How to show the answer [default: graph for a range on a terminal, else table]
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    pub output: Option<Output>,
    /// Width of the graph in columns [default: the terminal's, else 80]
    #[arg(
        long,
        value_name = "COLUMNS",
        value_parser = clap::value_parser!(u16).range(40..=1000),
        help_heading = "Output"
    )]
    pub width: Option<u16>,
    /// Height of the graph in lines, without axis and legend [default: 8 to 24, as the terminal
    /// has room]
    #[arg(
        long,
        value_name = "LINES",
        value_parser = clap::value_parser!(u16).range(3..=200),
        help_heading = "Output"
    )]
    pub height: Option<u16>,
}

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned columns, with units; a range in short, with a sparkline
    Table,
    /// What the API sent
    Json,
    /// A line for each sample (RFC 4180)
    Csv,
    /// Curves; over the last hour, when no range is given
    Graph,
}

const EXAMPLES: &str = "\
Examples:
  The size of every member's database:
    etcd-monitor query etcd_mvcc_db_total_size_in_bytes
  How long a WAL fsync took, as curves over the last 6 hours:
    etcd-monitor query --range 6h 'histogram_quantile(0.99,
        rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))'
  For a spreadsheet, a point a minute of yesterday:
    etcd-monitor query 'sum(etcd_server_has_leader)' --time '1d ago' --range 1d --step 1m -o csv
  Which metrics there are:
    etcd-monitor query 'count by (__name__) ({__name__=~\"etcd_disk.*\"})'
  Of a Prometheus:
    etcd-monitor query --url http://prometheus:9090 up

Exit codes: 0 well, also without a series, 1 the query failed or took too long, 2 cannot connect,
3 bad query, 128 bad arguments.";
