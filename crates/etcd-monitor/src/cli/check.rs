//! The flags of `check`, and of the benchmark that `--run-benchmark` makes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to check.
#[derive(Debug, Clone, Subcommand)]
pub enum CheckCommand {
    /// Say whether a disk is fit for etcd: writes 22 MB as etcd's log does, and times each fdatasync
    Disk {
        /// The directory that etcd's data is in, or is to be in; its files are left alone
        directory: PathBuf,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// The kind of a benchmark without a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeedKind {
    /// Write keys
    Write,
    /// Read keys
    Read,
    /// 70 % reads, 30 % writes
    Mixed,
}

/// A benchmark without a command.
#[derive(Debug, Clone, Args)]
pub struct SeedFlags {
    /// Make one benchmark and end; `etcd-monitor bench` can do more
    #[arg(
        long,
        env = "ETCD_MONITOR_RUN_BENCHMARK",
        conflicts_with = "demo",
        help_heading = "Benchmark"
    )]
    pub run_benchmark: bool,
    /// What it does
    #[arg(
        long,
        env = "ETCD_MONITOR_BENCHMARK_TYPE",
        value_name = "TYPE",
        default_value = "mixed",
        help_heading = "Benchmark"
    )]
    pub benchmark_type: SeedKind,
    /// How many operations
    #[arg(
        long,
        env = "ETCD_MONITOR_BENCHMARK_OPS",
        value_name = "N",
        default_value_t = 10_000,
        help_heading = "Benchmark"
    )]
    pub benchmark_ops: u64,
}
