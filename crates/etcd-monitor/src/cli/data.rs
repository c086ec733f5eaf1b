//! The flags of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::values::moment;
use crate::query::request::Moment;

/// What to do with the data directory.
#[derive(Debug, Clone, Subcommand)]
pub enum DataCommand {
    /// Tell what takes how much: by cluster, metric and file; also while etcd-monitor runs.
    #[command(after_help = STAT)]
    Stat {
        /// Where.
        #[command(flatten)]
        location: Location,
        /// Which series.
        #[command(flatten)]
        selection: Selection,
        /// How many metrics to show, those that take the most
        #[arg(long, value_name = "N", default_value_t = 15)]
        top: usize,
        /// How to show it
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
    /// Check every page, checksum and sample; also while etcd-monitor runs.
    #[command(after_help = VERIFY)]
    Verify {
        /// Where.
        #[command(flatten)]
        location: Location,
        /// How to show it
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
    /// Make the files of past days as small as they can be; not while etcd-monitor runs.
    #[command(after_help = COMPACT)]
    Compact {
        /// Where.
        #[command(flatten)]
        location: Location,
    },
    /// Write samples as OpenMetrics, which Prometheus' promtool reads; also while etcd-monitor runs.
    #[command(after_help = EXPORT)]
    Export {
        /// Where.
        #[command(flatten)]
        location: Location,
        /// Which series.
        #[command(flatten)]
        selection: Selection,
        /// The first moment: RFC 3339, Unix seconds or '2h ago' [default: the beginning]
        #[arg(long, value_name = "WHEN", value_parser = moment)]
        from: Option<Moment>,
        /// The last moment [default: now]
        #[arg(long, value_name = "WHEN", value_parser = moment)]
        to: Option<Moment>,
        /// Write to this file, which is there when it is whole [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Delete series from all files; not while etcd-monitor runs.
    #[command(after_help = DELETE)]
    DeleteSeries {
        /// Where.
        #[command(flatten)]
        location: Location,
        /// Which series, as PromQL selects them: name{label="value"}
        #[arg(value_name = "SELECTOR", required = true)]
        selectors: Vec<String>,
        /// Show what would go, and delete nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Copy the data directory; also while etcd-monitor runs.
    #[command(after_help = BACKUP)]
    Backup {
        /// Where.
        #[command(flatten)]
        location: Location,
        /// The copy: a directory that is empty or does not exist
        #[arg(value_name = "DIRECTORY")]
        to: PathBuf,
    },
}

/// Which data directory.
#[derive(Debug, Clone, Args)]
pub struct Location {
    /// Where the data is [default: $XDG_DATA_HOME/etcd-monitor, /var/lib/etcd-monitor for root]
    #[arg(long, env = "ETCD_MONITOR_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Which series.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// Only these series, as PromQL selects them; may be given again for more [default: all]
    #[arg(long = "match", value_name = "SELECTOR")]
    pub selectors: Vec<String>,
}

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned columns, for people
    Table,
    /// One JSON object, for scripts
    Json,
}

const STAT: &str = "\
Examples:
  Which metrics take the most:
    etcd-monitor data stat
  What one cluster takes, for a script:
    etcd-monitor data stat --match '{cluster=\"production\"}' -o json

A sample is counted in each resolution that has it. Bytes of series are those of their values; a
file has times, names and an index besides.";

const VERIFY: &str = "\
Examples:
  Check, and tell what is damaged:
    etcd-monitor data verify
  Check a backup:
    etcd-monitor data verify --data-dir /backup/etcd-monitor

Exit codes: 0 all is sound, 1 damage was found, 3 there is no such data directory.";

const COMPACT: &str = "\
Examples:
    etcd-monitor data compact --data-dir /var/lib/etcd-monitor

What is interrupted is done at the next run; nothing is lost.";

const EXPORT: &str = "\
Examples:
  Take a day of one cluster to Prometheus:
    etcd-monitor data export --match '{cluster=\"production\"}' --from '1d ago' -o day.om
    promtool tsdb create-blocks-from openmetrics day.om /var/lib/prometheus
  Look at one series:
    etcd-monitor data export --match 'up{member=\"m1\"}' --from '10m ago'

Of each day the finest resolution that is kept is written. Stale markers have no place in
OpenMetrics and are left out.";

const DELETE: &str = "\
Examples:
  See what a cluster that is no more takes, then delete it:
    etcd-monitor data delete-series '{cluster=\"old\"}' --dry-run
    etcd-monitor data delete-series '{cluster=\"old\"}'
  Without a question, two metrics at once:
    etcd-monitor data delete-series --yes go_info 'grpc_server_handled_total{grpc_code=\"OK\"}'

What is interrupted is completed by the same command.";

const BACKUP: &str = "\
Examples:
  Copy, and check the copy:
    etcd-monitor data backup /backup/2026-11-24
  Go on with a copy after the disk was lost:
    cp -r /backup/2026-11-24 /var/lib/etcd-monitor

Each file is as it was at one moment, and is copied whole or not at all. The copy is verified.";
