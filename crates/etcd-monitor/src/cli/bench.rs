//! The flags of `bench`.

use std::path::PathBuf;
use std::time::Duration;

use bench::spec::{DEFAULT_PREFIX, Kind, Sizes, Target};
use clap::{Args, Subcommand, ValueEnum};

pub use super::check::{CheckCommand, SeedFlags, SeedKind};
use super::flags::ClusterFlags;
use super::values::{duration, step};

/// What to measure, and what to do with results.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum BenchCommand {
    /// Write keys
    Put(Box<LoadFlags>),
    /// Read keys, one by one
    Get(Box<LoadFlags>),
    /// Read runs of keys
    Range(Box<LoadFlags>),
    /// Read and write keys: 70 % reads, unless told otherwise
    Mixed(Box<LoadFlags>),
    /// Transactions that write
    TxnPut(Box<LoadFlags>),
    /// Transactions that read or write
    TxnMixed(Box<LoadFlags>),
    /// Read a key and write it if nobody else did meanwhile, until it works
    Stm(Box<LoadFlags>),
    /// Write a key and delete a key, in turn
    Delete(Box<LoadFlags>),
    /// Write keys as fast as it goes, and count what watchers receive
    Watch(Box<LoadFlags>),
    /// Write keys at a rate, and time from the sending of each to its receipt by each watcher
    WatchLatency(Box<LoadFlags>),
    /// Grant, keep alive and revoke leases; with --expire, time how late the server ends them
    Lease(Box<LeaseFlags>),
    /// Take locks and give them back
    Lock(Box<LoadFlags>),
    /// Open connections and ask over each once
    Connect(Box<LoadFlags>),
    /// Record what clients do to a cluster: rates, sizes, the shape of the key space; no keys, no values
    Record(Box<RecordFlags>),
    /// Do the same to a cluster as was recorded, in an open loop
    Replay(Box<ReplayFlags>),
    /// Find the highest rate at which latency is as wanted
    FindMax(Box<FindMaxFlags>),
    /// Make runs of two clusters, targets or settings in turn, and compare them
    Ab(Box<AbFlags>),
    /// List the results that are kept
    List {
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Show a result again
    Show {
        /// Its name, or a file
        run: String,
        /// How.
        #[command(flatten)]
        form: Form,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Say whether runs differ from others, by how much, and how sure that is
    #[command(after_help = COMPARE)]
    Compare {
        /// Runs before: names or files
        #[arg(required = true, value_name = "BEFORE")]
        before: Vec<String>,
        /// Runs after
        #[arg(required = true, last = true, value_name = "AFTER")]
        after: Vec<String>,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Show like runs over time, and where their figures changed; exit code 1 when the newest are worse
    #[command(visible_alias = "history")]
    Trend(TrendFlags),
    /// Keep runs under a name, and compare later ones with them
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Remove the keys of a run that could not do it itself
    Clean {
        /// What all keys begin with
        #[arg(long, default_value = DEFAULT_PREFIX)]
        prefix: String,
        /// Which cluster.
        #[command(flatten)]
        cluster: Box<WhichCluster>,
    },
}

/// Which runs, and how they are told.
#[derive(Debug, Clone, Args)]
pub struct TrendFlags {
    /// Only those of the cluster of this name, or ID
    pub cluster: Option<String>,
    /// Only this kind of load: put, get, mixed and so on
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,
    /// List every run, too
    #[arg(long)]
    pub runs: bool,
    /// For programs
    #[arg(long)]
    pub json: bool,
    /// Where they are kept.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with a baseline.
#[derive(Debug, Clone, Subcommand)]
pub enum BaselineCommand {
    /// Declare runs to be the baseline of a name
    Set {
        /// The name
        name: String,
        /// The runs, five or more
        #[arg(required = true)]
        runs: Vec<String>,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Compare runs with the baseline of a name; exit code 1 when they are worse
    Check {
        /// The name
        name: String,
        /// The runs, five or more
        #[arg(required = true)]
        runs: Vec<String>,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
}

/// The cluster that is meant.
#[derive(Debug, Clone, Args)]
pub struct WhichCluster {
    /// Read the cluster from this YAML file
    #[arg(long, env = "ETCD_MONITOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// This cluster of the configuration file
    #[arg(long = "cluster", value_name = "NAME", requires = "config")]
    pub only: Option<String>,
    /// The cluster.
    #[command(flatten)]
    pub flags: ClusterFlags,
}

/// Where results are kept.
#[derive(Debug, Clone, Default, Args)]
pub struct Place {
    /// Keep results here [default: DATA_DIR/bench]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// The data directory [default: $XDG_DATA_HOME/etcd-monitor, /var/lib/etcd-monitor for root]
    #[arg(long, env = "ETCD_MONITOR_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// How a result is shown.
#[derive(Debug, Clone, Default, Args)]
pub struct Form {
    /// How to show the result
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// Write it to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// How a result is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a terminal
    #[default]
    Text,
    /// All of it, for programs
    Json,
    /// The time line
    Csv,
    /// The latencies by percentile, as HdrHistogram's tools read them
    Hdr,
    /// One file for a browser, with plots
    Html,
}

/// How operations of an open loop are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// As those of many users who do not know of each other
    Poisson,
    /// Evenly
    Constant,
}

/// Which keys are used how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Distribution {
    /// Each as often
    Uniform,
    /// Few very often, most seldom
    Zipf,
    /// One after the other
    Sequential,
    /// Four of five operations go to a fifth of the keys
    Hot,
}

/// What values are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Content {
    /// Bytes that nothing compresses
    Random,
    /// Text that compresses well
    Compressible,
}

/// The load, its pace and its length.
#[derive(Debug, Clone, Args)]
pub struct LoadFlags {
    /// Closed loop: operations under way; open loop: most of them [default: 10, with --rate 1000]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub clients: Option<usize>,
    /// Connections that they share [default: one to each member, and one for each 100 clients]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub conns: Option<usize>,
    /// Threads of this program [default: half of the machine's]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub threads: Option<usize>,
    /// Members that get the load: all, leader, or the name of one
    #[arg(long, value_name = "TARGET", default_value = "all", value_parser = target, help_heading = "Load")]
    pub target: Target,
    /// Operations per second, which begin by a schedule and not when others end: an open loop
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub rate: Option<f64>,
    /// Rise, or fall, to this rate until the end
    #[arg(long, value_name = "N", requires = "rate", help_heading = "Load")]
    pub ramp_to: Option<f64>,
    /// Do so in steps of equal length [default: evenly]
    #[arg(long, value_name = "N", requires = "ramp_to", help_heading = "Load")]
    pub steps: Option<u32>,
    /// How operations of an open loop are spaced
    #[arg(long, value_name = "HOW", default_value = "poisson", help_heading = "Load")]
    pub arrivals: Arrivals,
    /// How long to measure [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = step, conflicts_with = "total", help_heading = "Load")]
    pub duration: Option<Duration>,
    /// Measure so many operations
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub total: Option<u64>,
    /// Make load for so long before measuring
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "Load")]
    pub warm_up: Duration,
    /// Longest wait for an answer; those that do not come count as that late
    #[arg(long, value_name = "TIME", value_parser = step, default_value = "5s", help_heading = "Load")]
    pub timeout: Duration,
    /// Stop when nothing succeeds for so long
    #[arg(long, value_name = "TIME", value_parser = step, default_value = "30s", help_heading = "Load")]
    pub give_up_after: Duration,

    /// Number of keys [default: 10000; 1 with watch and watch-latency]
    #[arg(long, value_name = "N", help_heading = "Keys and values")]
    pub keys: Option<u64>,
    /// Which keys are used how often
    #[arg(long, value_name = "HOW", default_value = "uniform", help_heading = "Keys and values")]
    pub distribution: Distribution,
    /// Bytes of a key after the prefix
    #[arg(long, value_name = "BYTES", default_value_t = 16, help_heading = "Keys and values")]
    pub key_size: usize,
    /// Bytes of a value, or a range such as 64-1024
    #[arg(long, value_name = "BYTES", default_value = "256", help_heading = "Keys and values")]
    pub value_size: Sizes,
    /// What values are made of
    #[arg(long, value_name = "WHAT", default_value = "random", help_heading = "Keys and values")]
    pub value: Content,
    /// What all keys begin with
    #[arg(long, default_value = DEFAULT_PREFIX, help_heading = "Keys and values")]
    pub prefix: String,
    /// Start of all random choices: the same makes the same choices
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Keys and values")]
    pub seed: u64,

    /// Share of reads in mixed and txn-mixed
    #[arg(long, value_name = "0-1", default_value_t = 0.7, help_heading = "Operations")]
    pub read_ratio: f64,
    /// Reads ask one member only, without a quorum
    #[arg(long, help_heading = "Operations")]
    pub serializable: bool,
    /// Reads leave values out
    #[arg(long, help_heading = "Operations")]
    pub keys_only: bool,
    /// Reads answer only how many keys there are
    #[arg(long, help_heading = "Operations")]
    pub count_only: bool,
    /// Keys in each run that range reads
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Operations")]
    pub range_keys: u64,
    /// Operations in each transaction
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Operations")]
    pub txn_ops: usize,
    /// Watchers, spread over the keys
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Operations")]
    pub watchers: usize,

    /// Start although the cluster is in no state for it
    #[arg(long)]
    pub force: bool,
    /// Objectives (YAML); exit code 1 when one is not met
    #[arg(long, value_name = "FILE")]
    pub slo: Option<PathBuf>,
    /// Say nothing on standard error while it runs
    #[arg(long)]
    pub quiet: bool,
    /// How to show it.
    #[command(flatten)]
    pub form: Form,
    /// Where to keep it.
    #[command(flatten)]
    pub place: Place,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: WhichCluster,
}

/// What to do with leases.
#[derive(Debug, Clone, Args)]
pub struct LeaseFlags {
    /// Grant leases that live so long, nobody keeps them, and time how late each ends; whole seconds
    #[arg(long, value_name = "TIME", value_parser = step)]
    pub expire: Option<Duration>,
    /// The load; with --expire, --rate is 100 where it is not given.
    #[command(flatten)]
    pub load: LoadFlags,
}

/// What to record.
#[derive(Debug, Clone, Args)]
pub struct RecordFlags {
    /// Where to write it (JSON)
    pub file: PathBuf,
    /// For how long
    #[arg(long = "for", value_name = "TIME", value_parser = step, default_value = "1m")]
    pub time: Duration,
    /// Only keys that begin like this; rates are those of all
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: WhichCluster,
}

/// What to replay, and how.
#[derive(Debug, Clone, Args)]
pub struct ReplayFlags {
    /// What `bench record` wrote
    pub file: PathBuf,
    /// So many times as fast as it was
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub speed: f64,
    /// The load; rate, sizes and the kinds of operations are those that were recorded, --keys is at most
    /// 10000 where it is not given.
    #[command(flatten)]
    pub load: LoadFlags,
}

/// What to find, and with which load.
#[derive(Debug, Clone, Args)]
pub struct FindMaxFlags {
    /// The kind of load: put, get, mixed and so on
    #[arg(value_parser = kind)]
    pub kind: Kind,
    /// Highest latency of 99 % of the operations
    #[arg(long, value_name = "TIME", value_parser = step)]
    pub p99: Duration,
    /// The load; --rate is where the search begins [default: 1000], --duration the time of each try.
    #[command(flatten)]
    pub load: LoadFlags,
}

/// What differs between the two sides, and their load.
#[derive(Debug, Clone, Args)]
pub struct AbFlags {
    /// The kind of load: put, get, mixed and so on
    #[arg(value_parser = kind)]
    pub kind: Kind,
    /// Runs of each side; no verdict below five
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub pairs: usize,
    /// The second side has these endpoints
    #[arg(long, value_name = "URL,…", value_delimiter = ',', help_heading = "Second side")]
    pub b_endpoints: Vec<String>,
    /// The second side has this --target
    #[arg(long, value_name = "TARGET", value_parser = target, help_heading = "Second side")]
    pub b_target: Option<Target>,
    /// The second side has so many --clients
    #[arg(long, value_name = "N", help_heading = "Second side")]
    pub b_clients: Option<usize>,
    /// The second side has so many --conns
    #[arg(long, value_name = "N", help_heading = "Second side")]
    pub b_conns: Option<usize>,
    /// The second side has this --value-size
    #[arg(long, value_name = "BYTES", help_heading = "Second side")]
    pub b_value_size: Option<Sizes>,
    /// The load of both.
    #[command(flatten)]
    pub load: LoadFlags,
}

fn target(text: &str) -> Result<Target, String> {
    match text {
        "" => Err("give all, leader, or the name of a member".to_owned()),
        "all" => Ok(Target::All),
        "leader" => Ok(Target::Leader),
        name => Ok(Target::Member(name.to_owned())),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.map(Kind::as_str).join(", ");
    let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("give one of {known}"))
}

const EXAMPLES: &str = "\
Examples:
  What users see at 2,000 writes a second:
    etcd-monitor bench put --endpoints 10.0.0.1:2379 --rate 2000 --duration 1m
  How much goes at most, with 1,000 clients on the leader:
    etcd-monitor bench put --endpoints 10.0.0.1:2379 --clients 1000 --target leader
  The highest rate at which 99 % of mixed operations take 50 ms at most:
    etcd-monitor bench find-max mixed --p99 50ms --endpoints 10.0.0.1:2379
  How long watchers wait for a change:
    etcd-monitor bench watch-latency --endpoints 10.0.0.1:2379 --rate 100 --watchers 500

Exit codes: 0 well, 1 stopped, worse or objectives not met, 2 cannot connect, 3 bad input, 5
interrupted (results until then are kept), 128 bad arguments.";

const COMPARE: &str = "\
Example:
  etcd-monitor bench compare 20261128T100000Z-put 20261128T100100Z-put … -- 20261129T100000Z-put …

There is no verdict below five runs on a side.";
