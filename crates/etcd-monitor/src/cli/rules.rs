//! The flags of `rules`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use super::data::{Location, Output};
use super::values::{moment, step};
use crate::query::request::Moment;

/// What to do with rules.
#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// Check rule files, and tell every mistake with its line, group and rule.
    #[command(after_help = CHECK)]
    Check {
        /// Rule files in Prometheus' format
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Run tests of rules, in the file format of 'promtool test rules'.
    #[command(after_help = TEST)]
    Test {
        /// Test files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the rules that ship with etcd-monitor, to start from.
    Default,
    /// Tell which alerts would have fired on the stored history; also while etcd-monitor runs.
    #[command(after_help = REPLAY)]
    Replay {
        /// Rule files [default: the rules that ship]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The first moment: RFC 3339, Unix seconds or '2h ago'
        #[arg(long, value_name = "WHEN", value_parser = moment, default_value = "6h ago")]
        from: Moment,
        /// The last moment [default: now]
        #[arg(long, value_name = "WHEN", value_parser = moment)]
        to: Option<Moment>,
        /// Time between two evaluations of groups that name none
        #[arg(long, value_name = "TIME", value_parser = step, default_value = "30s")]
        interval: Duration,
        /// Where.
        #[command(flatten)]
        location: Location,
        /// How to show it
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
}

const CHECK: &str = "\
Examples:
    etcd-monitor rules check rules/*.yaml

Beside Prometheus' fields an alerting rule may have resolve_expr: once it fires, the alert goes on
until that expression yields a sample of the same labels.

Exit codes: 0 all are well, 3 a file cannot be read or has mistakes.";

const TEST: &str = "\
Examples:
    etcd-monitor rules test rules.test.yaml

A test file names its rule files relative to itself; * and ? stand for parts of a file's name.

Exit codes: 0 all tests hold, 1 some do not, 3 a test file cannot be read.";

const REPLAY: &str = "\
Examples:
  What the rules that ship would have told last night:
    etcd-monitor rules replay --from '12h ago' --to '4h ago'
  How noisy new rules would have been in a week, for a script:
    etcd-monitor rules replay new.yaml --from '7d ago' --interval 1m -o json

Nothing is written, and nobody is told.

Exit codes: 0 well, 1 the history cannot be read or a rule fails, 3 bad rules or no history.";
