//! The flags of `maintenance`.

use std::time::Duration;

use clap::Subcommand;

use super::data::{Location, Output};
use super::values::step;

/// What to do with maintenance windows.
#[derive(Debug, Clone, Subcommand)]
pub enum MaintenanceCommand {
    /// Declare that a cluster is worked on from now on; a window that it has already is replaced.
    #[command(after_help = START)]
    Start {
        /// The cluster's name in the configuration
        #[arg(value_name = "CLUSTER")]
        cluster: String,
        /// How long
        #[arg(long = "for", value_name = "TIME", value_parser = step)]
        time: Duration,
        /// What is done, for those who see findings meanwhile
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Where.
        #[command(flatten)]
        location: Location,
    },
    /// End the window of a cluster now.
    End {
        /// The cluster's name in the configuration
        #[arg(value_name = "CLUSTER")]
        cluster: String,
        /// Where.
        #[command(flatten)]
        location: Location,
    },
    /// Tell which windows there are.
    List {
        /// Where.
        #[command(flatten)]
        location: Location,
        /// How to show them
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
}

const START: &str = "\
Findings that the work explains (members that come and go, leaders that change, versions that differ
meanwhile) are then told for information only, with the window as their reason. A lost quorum,
differing data and a full database stay what they are.

Examples:
  Before a rolling restart:
    etcd-monitor maintenance start prod --for 30m --why 'rolling restart, change 4711'
  When it is done sooner:
    etcd-monitor maintenance end prod

A monitor that runs with this data directory takes it within a second.";
