//! The command line: a contract with users and scripts.

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::version::VERSION;

pub mod alert;
pub mod bench;
pub mod capacity;
pub mod check;
pub mod commands;
pub mod ctl;
pub mod data;
pub mod diagnose;
pub mod flags;
pub mod maintenance;
pub mod query;
pub mod routes;
pub mod rules;
pub mod values;

use self::rules::RulesCommand;
use alert::AlertCommand;
use bench::{BenchCommand, CheckCommand, SeedFlags};
use capacity::CapacityFlags;
use data::DataCommand;
use diagnose::DiagnoseFlags;
use flags::RunFlags;
use maintenance::MaintenanceCommand;
use query::QueryFlags;
use routes::RoutesCommand;

/// Exit codes. `0` is well; the arguments' own code is etcdctl's.
pub mod exit_code {
    /// What was asked for failed.
    pub const FAILED: u8 = 1;
    /// Cannot connect, or cannot listen.
    pub const CONNECT: u8 = 2;
    /// The configuration, a file or a value is not accepted.
    pub const BAD_INPUT: u8 = 3;
    /// Told to stop a second time before it could stop in good order.
    pub const INTERRUPTED: u8 = 5;
    /// The arguments do not parse.
    pub const BAD_ARGUMENTS: u8 = 128;
}

/// Watches etcd clusters: who is a member, who leads and since when, what is wrong, how fast every
/// member answers. By REST, Prometheus scrape and on the console.
#[derive(Debug, Parser)]
#[command(
    name = "etcd-monitor",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100,
)]
pub struct Cli {
    /// What to watch, when no command is given.
    #[command(flatten)]
    pub run: RunFlags,
    /// Measure, and end.
    #[command(flatten)]
    pub benchmark: SeedFlags,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  Watch a cluster; one endpoint is enough, the others are found through it:
    etcd-monitor --endpoints 10.0.0.1:2379,10.0.0.2:2379
  With TLS, a client certificate and a user whose password is in a file:
    etcd-monitor --endpoints https://etcd-1:2379 --cacert ca.pem --cert me.pem --key me.key \\
        --user monitor --password-file /run/secrets/etcd
  Watch many clusters, as a file describes them:
    etcd-monitor config example > etcd-monitor.yaml
    etcd-monitor config check etcd-monitor.yaml
    etcd-monitor --config etcd-monitor.yaml
  Say what is wrong with a cluster now, for a ticket; no running one is needed:
    etcd-monitor diagnose --endpoints 10.0.0.1:2379
  Ask a running one, for an hour of curves:
    etcd-monitor query -o graph 'rate(etcd_server_proposals_applied_total[5m])'
  What the history takes, and a copy of it while it goes on:
    etcd-monitor data stat
    etcd-monitor data backup /backup/etcd-monitor
  Which alerts would have fired last night:
    etcd-monitor rules replay --from '12h ago'
  Measure what users see at 2,000 writes a second, and whether a disk is fit for etcd:
    etcd-monitor bench put --endpoints 10.0.0.1:2379 --rate 2000
    etcd-monitor check disk /var/lib/etcd
  Try it with a local three-member cluster:
    etcd-monitor --demo

Exit codes: 0 well, 1 failed, 2 cannot connect or listen, 3 bad input, 5 interrupted, 128 bad arguments.";

/// What else to do than to watch.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check, show or explain the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at clusters for a while, and report what is wrong, why, and what to do.
    Diagnose(Box<DiagnoseFlags>),
    /// Measure what a cluster can do, and compare results.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Check what etcd is to run on.
    #[command(subcommand)]
    Check(CheckCommand),
    /// Tell how long the space of clusters lasts, as a running etcd-monitor knows it.
    Capacity(CapacityFlags),
    /// See alerts, take care of them, silence them, try receivers out.
    #[command(subcommand)]
    Alert(AlertCommand),
    /// See where alerts would go.
    #[command(subcommand)]
    Routes(RoutesCommand),
    /// Declare that a cluster is worked on: what the work explains is told for information only.
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// Ask a running etcd-monitor, or a Prometheus, in PromQL.
    Query(Box<QueryFlags>),
    /// Look after the data directory: what takes how much, is it sound, copy, export, delete.
    #[command(subcommand)]
    Data(DataCommand),
    /// Check, test and try out alerting rules, in Prometheus' format.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Work with keys and members as etcdctl does: same commands, flags, environment and output.
    ///
    /// A link to this program that is named `etcdctl` is the same. `etcd-monitor ctl --help` has the
    /// commands.
    #[command(disable_help_flag = true)]
    Ctl {
        /// As for etcdctl.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Work with snapshots and the files of a stopped member as etcdutl does.
    ///
    /// A link to this program that is named `etcdutl` is the same. `etcd-monitor utl --help` has the
    /// commands.
    #[command(disable_help_flag = true)]
    Utl {
        /// As for etcdutl.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print version, commit, build date and compiler.
    Version,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a configuration file (or what flags and environment say) and report every mistake.
    Check {
        /// The file; without it, flags and environment are checked.
        #[arg(conflicts_with_all = ["config", "endpoints", "discovery_srv"])]
        file: Option<std::path::PathBuf>,
        /// As for a run.
        #[command(flatten)]
        run: Box<RunFlags>,
    },
    /// Print the effective configuration with all defaults, as YAML; secrets are shown as ***.
    Show {
        /// As for a run.
        #[command(flatten)]
        run: Box<RunFlags>,
    },
    /// Print a commented configuration file to start from.
    Example,
    /// Print the JSON schema of the configuration file, for editors.
    Schema,
}

impl Cli {
    /// Parses arguments, the program's name first.
    ///
    /// # Errors
    /// Also for `--help` and `--version`, whose text the error carries.
    pub fn parse_from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut command = command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// The command as clap knows it, for parsing, help and completion.
pub fn command() -> clap::Command {
    static TEXT: LazyLock<String> = LazyLock::new(|| VERSION.to_string());
    hide_environment(Cli::command().version(TEXT.as_str()))
}

/// Values from the environment stay out of `--help`: some are secret, and help is the same everywhere.
fn hide_environment(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(hide_environment)
}

#[cfg(test)]
mod tests;
