//! The flags of `capacity`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::data::Output;
use super::values::step;
use crate::query::address::Address;

/// Whose space, whom to ask, and how to show the answer.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct CapacityFlags {
    /// Only this cluster [default: all]
    #[arg(value_name = "CLUSTER")]
    pub cluster: Option<String>,
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

const EXAMPLES: &str = "\
The growth of what is in use since the last defragmentation, over a week at most, as the median of the
slopes between any two samples; the time until the quota at its fastest, likely and slowest. There is
no time while the band includes no growth.

Where key_scan is enabled for a cluster, also the prefixes that hold many of its keys, and how their
number and bytes grew in a day, in the same way; `no trend` where the band includes no change.

Examples:
    etcd-monitor capacity
    etcd-monitor capacity prod -o json";
