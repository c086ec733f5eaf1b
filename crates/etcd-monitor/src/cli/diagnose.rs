//! The flags of `diagnose`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::flags::ClusterFlags;
use super::values::step;
use crate::query::address::Address;

/// What to look at, for how long, and how to tell.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiagnoseFlags {
    /// Only this cluster of the configuration file
    #[arg(long = "cluster", value_name = "NAME", requires = "config")]
    pub only: Option<String>,
    /// How long to look
    #[arg(long = "for", value_name = "TIME", value_parser = step, default_value = "60s")]
    pub time: Duration,
    /// Also have the members' data compared by their hashes: one member after the other, the leader
    /// last; each reads all of its database, 0.8 s for each GB
    #[arg(long)]
    pub hashkv: bool,
    /// Also count the keys by prefix and look at the sizes of some values: on one follower, at most
    /// 10,000 keys a second and two million in all
    #[arg(long)]
    pub scan_keys: bool,
    /// How to tell what was seen
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Report,
    /// Write the report to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Also write a .tar.gz with the report and what it rests on: statuses, member lists, pages of
    /// metrics; no keys, no values, no secrets
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// A running etcd-monitor whose history is shown too, if it answers
    #[arg(long, env = "ETCD_MONITOR_URL", value_name = "URL", default_value_t = Address::default())]
    pub url: Address,
    /// The CA that signed the certificate of an https:// --url [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub url_cacert: Option<PathBuf>,
    /// Say nothing on standard error while looking
    #[arg(long)]
    pub quiet: bool,
    /// Read the clusters from this YAML file
    #[arg(long, env = "ETCD_MONITOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For a terminal or a ticket
    Text,
    /// For programs
    Json,
    /// One file for a browser, with plots
    Html,
}

const EXAMPLES: &str = "\
Examples:
  Look at a cluster for a minute and say what is wrong, why, and what to do:
    etcd-monitor diagnose --endpoints 10.0.0.1:2379
  A quick look, for a script:
    etcd-monitor diagnose --endpoints 10.0.0.1:2379 --for 10s -o json
  For a ticket, with plots and all that it rests on:
    etcd-monitor diagnose --config etcd-monitor.yaml --cluster prod -o html --to prod.html \\
        --bundle prod.tar.gz

Exit codes: 0 nothing worse than a note, 1 something is wrong, 2 cannot connect or write, 3 bad
input, 128 bad arguments.";
