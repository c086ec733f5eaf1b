//! The flags of `alert`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::data::Output;
use super::values::step;
use crate::query::address::Address;

/// Which running etcd-monitor, and how to show its answer.
#[derive(Debug, Clone, Args)]
pub struct Asked {
    /// The running etcd-monitor that is asked
    #[arg(long, env = "ETCD_MONITOR_URL", value_name = "URL", default_value_t = Address::default())]
    pub url: Address,
    /// The CA that signed the certificate of an https:// URL [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", value_parser = step, default_value = "30s")]
    pub timeout: Duration,
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Output,
}

/// What to do with alerts.
#[derive(Debug, Clone, Subcommand)]
pub enum AlertCommand {
    /// List what is wrong now, the worst first.
    #[command(after_help = LIST)]
    List {
        /// Only of this cluster
        #[arg(long, value_name = "CLUSTER")]
        cluster: Option<String>,
        /// Only of this severity
        #[arg(long, value_name = "SEVERITY")]
        severity: Option<String>,
        /// Only in this state: active, suppressed or acknowledged
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only with these labels
        #[arg(value_name = "MATCHER")]
        matchers: Vec<String>,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// Show one alert: evidence, causes, what to do, who was told.
    Show {
        /// Its fingerprint, or enough of its beginning
        #[arg(value_name = "FINGERPRINT")]
        fingerprint: String,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// Say that you take care of an alert: it is not repeated until its group changes.
    Ack {
        /// Its fingerprint, or enough of its beginning
        #[arg(value_name = "FINGERPRINT")]
        fingerprint: String,
        /// Who you are
        #[arg(long, env = "USER", value_name = "NAME")]
        by: String,
        /// What others should know
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Take it back instead
        #[arg(long, conflicts_with = "note")]
        undo: bool,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// Keep alerts from being told for a while.
    #[command(subcommand)]
    Silence(SilenceCommand),
    /// Tell what happened to alerts, and what came of telling of them, newest first.
    #[command(after_help = HISTORY)]
    History {
        /// Tell of notifications instead of alerts
        #[arg(long)]
        notifications: bool,
        /// Only of this cluster
        #[arg(long, value_name = "CLUSTER")]
        cluster: Option<String>,
        /// Only of this severity
        #[arg(long, value_name = "SEVERITY")]
        severity: Option<String>,
        /// Only with this text
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// How far back
        #[arg(long, value_name = "TIME", value_parser = step, default_value = "24h")]
        since: Duration,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// List receivers and how the ways to them are.
    Receivers {
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// Send a test notification to a receiver, and tell what it says.
    #[command(after_help = TEST)]
    Test {
        /// Its name
        #[arg(value_name = "RECEIVER")]
        receiver: String,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
}

/// What to do with silences.
#[derive(Debug, Clone, Subcommand)]
pub enum SilenceCommand {
    /// Make one; what it covers now is shown.
    #[command(after_help = ADD)]
    Add {
        /// Which alerts: all must hold
        #[arg(value_name = "MATCHER", required = true)]
        matchers: Vec<String>,
        /// For how long
        #[arg(long = "for", value_name = "TIME", value_parser = step, default_value = "1h")]
        time: Duration,
        /// Why, for those who wonder
        #[arg(long, value_name = "TEXT")]
        comment: String,
        /// Who you are
        #[arg(long, env = "USER", value_name = "NAME")]
        by: String,
        /// Do not make it, only show what it would cover
        #[arg(long)]
        preview: bool,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// List them, those that hold now first.
    List {
        /// Also those that are over
        #[arg(long)]
        expired: bool,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
    /// End one now.
    Expire {
        /// Its ID
        #[arg(value_name = "ID")]
        id: String,
        /// Whom to ask.
        #[command(flatten)]
        asked: Asked,
    },
}

const LIST: &str = "\
Examples:
    etcd-monitor alert list
    etcd-monitor alert list --severity critical 'member=~\"m[12]\"'
    etcd-monitor alert list -o json

The exit code is 1 when a critical alert is active, else 0.";

const HISTORY: &str = "\
Examples:
    etcd-monitor alert history --cluster prod --since 8h
    etcd-monitor alert history --notifications --text timeout";

const TEST: &str = "\
Examples:
    etcd-monitor alert test slack
    etcd-monitor alert receivers";

const ADD: &str = "\
Examples:
  See what it would cover, then make it:
    etcd-monitor alert silence add 'cluster=prod' 'finding=slow_fsync' --for 2h --comment disk --preview
    etcd-monitor alert silence add 'cluster=prod' 'finding=slow_fsync' --for 2h --comment disk";
