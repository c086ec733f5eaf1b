//! What a benchmark does: workload, pace, length, keys and values; and what is wrong with it.

use std::time::Duration;

use model::config_error::ConfigError;
use serde::{Deserialize, Serialize};

use crate::arrivals::{Profile, Spacing};
use crate::pattern::Pattern;
pub use crate::sizes::Sizes;

/// Where keys are written, unless told otherwise.
pub const DEFAULT_PREFIX: &str = "/etcd-monitor/bench/";
/// Largest value: etcd refuses requests of over 1.5 MiB unless it is told to take more.
const MAX_VALUE_BYTES: usize = (3 << 19) - 4096;
/// Most keys of a key space.
const MAX_KEYS: u64 = 100_000_000;
/// Most operations in a transaction that etcd takes by default.
const MAX_TXN_OPS: usize = 128;
/// Most clients, and most watchers: each has memory of its own.
const MAX_CLIENTS: usize = 100_000;
/// Shortest and longest lives of leases whose end is timed. An election timeout of 1 s, the default, makes
/// 2 s the least that etcd gives.
const MIN_EXPIRE: Duration = Duration::from_secs(2);
const MAX_EXPIRE: Duration = Duration::from_hours(1);
/// Highest rate, operations per second.
const MAX_RATE: f64 = 10_000_000.0;

/// The kinds of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Write keys.
    Put,
    /// Read keys, one by one.
    Get,
    /// Read runs of keys.
    Range,
    /// Read and write keys.
    Mixed,
    /// Transactions that write.
    TxnPut,
    /// Transactions that read or write.
    TxnMixed,
    /// Read, then write if nobody else did: software transactions.
    Stm,
    /// Write a key, delete a key, in turn.
    Delete,
    /// Write keys as fast as told, and count what watchers receive.
    Watch,
    /// Write keys at a rate, and time what watchers receive.
    WatchLatency,
    /// Grant, keep alive and revoke leases.
    Lease,
    /// Take locks and give them back.
    Lock,
    /// Open connections.
    Connect,
    /// Grant leases with a key each, and time how late the server ends them.
    LeaseExpiry,
    /// Do what was recorded of another cluster.
    Mirror,
}

impl Kind {
    /// All that need nothing recorded.
    pub const ALL: [Self; 14] = [
        Self::Put,
        Self::Get,
        Self::Range,
        Self::Mixed,
        Self::TxnPut,
        Self::TxnMixed,
        Self::Stm,
        Self::Delete,
        Self::Watch,
        Self::WatchLatency,
        Self::Lease,
        Self::Lock,
        Self::Connect,
        Self::LeaseExpiry,
    ];

    /// As the command line spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Range => "range",
            Self::Mixed => "mixed",
            Self::TxnPut => "txn-put",
            Self::TxnMixed => "txn-mixed",
            Self::Stm => "stm",
            Self::Delete => "delete",
            Self::Watch => "watch",
            Self::WatchLatency => "watch-latency",
            Self::Lease => "lease",
            Self::Lock => "lock",
            Self::Connect => "connect",
            Self::LeaseExpiry => "lease-expiry",
            Self::Mirror => "mirror",
        }
    }

    /// Whether its keys must be there before it begins.
    pub(crate) fn needs_keys(self) -> bool {
        matches!(
            self,
            Self::Get | Self::Range | Self::Mixed | Self::TxnMixed | Self::Stm | Self::Mirror
        )
    }

    pub(crate) fn watches(self) -> bool {
        matches!(self, Self::Watch | Self::WatchLatency | Self::LeaseExpiry)
    }
}

/// Which members get the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// All members, in turn.
    All,
    /// The one that leads at the start.
    Leader,
    /// The one of this name.
    Member(String),
}

/// When operations begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Each client begins the next when its last one ended: what is highest.
    Closed,
    /// By a schedule that does not wait for answers: what users see at a rate.
    Open {
        /// Operations per second over time.
        profile: Profile,
        /// How they are spaced.
        spacing: Spacing,
    },
}

/// When it is over, warm-up not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// After this time.
    Time(Duration),
    /// After so many operations.
    Operations(u64),
}

/// Which keys are used how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Each as often.
    Uniform,
    /// Few very often, most seldom: Zipf's law with exponent 0.99.
    Zipf,
    /// One after the other.
    Sequential,
    /// Four of five go to a fifth of the keys.
    Hot,
}

/// What values are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Bytes that nothing compresses.
    Random,
    /// Text that compresses well.
    Compressible,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// The kind of load.
    pub kind: Kind,
    /// Closed loop: so many operations are under way. Open loop: at most so many.
    pub clients: usize,
    /// Connections that they share; `None` for one to each target, and one more for each 100 clients.
    pub connections: Option<usize>,
    /// Threads of this program; `None` for half of the machine's.
    pub threads: Option<usize>,
    /// Which members get the load.
    pub target: Target,
    /// When operations begin.
    pub pace: Pace,
    /// When it is over.
    pub length: Length,
    /// Time before measuring begins.
    pub warm_up: Duration,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Size of the key space.
    pub keys: u64,
    /// Which keys are used how often.
    pub distribution: Distribution,
    /// Bytes of a key after the prefix.
    pub key_bytes: usize,
    /// Bytes of values.
    pub value_bytes: Sizes,
    /// What values are made of.
    pub content: Content,
    /// What all keys begin with.
    pub prefix: String,
    /// Start of all random choices.
    pub seed: u64,
    /// Share of reads in mixed workloads, 0 to 1.
    pub read_ratio: f64,
    /// Reads ask one member only, without a quorum.
    pub serializable: bool,
    /// Reads leave values out.
    pub keys_only: bool,
    /// Reads answer only how many there are.
    pub count_only: bool,
    /// Keys in a range that is read.
    pub range_keys: u64,
    /// Operations in a transaction.
    pub txn_operations: usize,
    /// Watchers, spread over the keys.
    pub watchers: usize,
    /// How long leases live whose end is timed; whole seconds.
    pub expire: Option<Duration>,
    /// What is replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Stop when nothing succeeds for so long.
    pub give_up_after: Duration,
    /// Share of a member's quota, 0 to 1, that may be used when it is over.
    pub max_quota_ratio: f64,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            kind: Kind::Put,
            clients: 10,
            connections: None,
            threads: None,
            target: Target::All,
            pace: Pace::Closed,
            length: Length::Time(Duration::from_secs(10)),
            warm_up: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            keys: 10_000,
            distribution: Distribution::Uniform,
            key_bytes: 16,
            value_bytes: Sizes::fixed(256),
            content: Content::Random,
            prefix: DEFAULT_PREFIX.to_owned(),
            seed: 1,
            read_ratio: 0.7,
            serializable: false,
            keys_only: false,
            count_only: false,
            range_keys: 100,
            txn_operations: 1,
            watchers: 100,
            expire: None,
            pattern: None,
            give_up_after: Duration::from_secs(30),
            max_quota_ratio: 0.7,
        }
    }
}

impl Spec {
    /// All that is wrong with it, told of the flags.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut check = |is_well: bool, flag: &str, message: &str| {
            if !is_well {
                errors.push(ConfigError::new(flag, message));
            }
        };
        let within = |value: usize, max: usize| (1..=max).contains(&value);
        check(within(self.clients, MAX_CLIENTS), "--clients", "give 1 to 100000");
        let connections = self.connections.is_none_or(|count| within(count, MAX_CLIENTS));
        check(connections, "--conns", "give 1 to 100000");
        let threads = self.threads.is_none_or(|count| within(count, 256));
        check(threads, "--threads", "give 1 to 256");
        match self.length {
            Length::Time(time) => check(!time.is_zero(), "--duration", "give more than 0"),
            Length::Operations(total) => check(total > 0, "--total", "give more than 0"),
        }
        check(!self.timeout.is_zero(), "--timeout", "give more than 0");
        check((1..=MAX_KEYS).contains(&self.keys), "--keys", "give 1 to 100000000");
        let digits = self.keys.saturating_sub(1).max(1).ilog10() as usize + 1;
        let least = format!("give {} to 1024, or fewer --keys: each has a name", digits + 1);
        check((digits + 1..=1024).contains(&self.key_bytes), "--key-size", &least);
        let largest = format!("give at most {MAX_VALUE_BYTES}: etcd takes no larger requests");
        let value_bytes = self.value_bytes.max_bytes * self.txn_operations.max(1);
        check(value_bytes <= MAX_VALUE_BYTES, "--value-size", &largest);
        check(
            !self.prefix.is_empty(),
            "--prefix",
            "is empty; all keys of the cluster would be meant",
        );
        check((0.0..=1.0).contains(&self.read_ratio), "--read-ratio", "give 0 to 1");
        let range = (1..=self.keys).contains(&self.range_keys) || self.kind != Kind::Range;
        check(range, "--range-keys", "give 1 to the number of --keys");
        let most = MAX_TXN_OPS.min(usize::try_from(self.keys).unwrap_or(MAX_TXN_OPS));
        let operations = format!("give 1 to {most}: etcd takes 128, each of another key");
        check(within(self.txn_operations, most), "--txn-ops", &operations);
        let ttl = self.expire.unwrap_or(MIN_EXPIRE);
        let is_well = (MIN_EXPIRE..=MAX_EXPIRE).contains(&ttl) && ttl.subsec_nanos() == 0;
        check(is_well, "--expire", "give whole seconds from 2s, the least that etcd takes, to 1h");
        let has_pattern = self.pattern.is_some() || self.kind != Kind::Mirror;
        check(has_pattern, "mirror", "needs a file that `bench record` made; see `bench replay`");
        check(within(self.watchers, MAX_CLIENTS), "--watchers", "give 1 to 100000");
        if let Pace::Open { profile, .. } = &self.pace {
            let is_well = profile.rates().all(|rate| rate > 0.0 && rate <= MAX_RATE);
            check(is_well, "--rate", "give more than 0 and at most 10000000 operations per second");
            let is_timed = matches!(self.length, Length::Time(_));
            let needs = is_timed || matches!(profile, Profile::Steady { .. });
            check(needs, "--ramp-to", "needs --duration: a ramp has an end");
        }
        errors
    }

    /// How long leases live whose end is timed.
    pub(crate) fn time_to_live(&self) -> Duration {
        match self.kind {
            Kind::LeaseExpiry => self.expire.unwrap_or(MIN_EXPIRE),
            _ => Duration::ZERO,
        }
    }

    /// Connections that are made to `targets` members.
    pub(crate) fn connections_to(&self, targets: usize) -> usize {
        self.connections.unwrap_or_else(|| targets.max(self.clients.div_ceil(100)))
    }

    /// Threads that share the work.
    pub(crate) fn thread_count(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or((cores / 2).max(1)).min(self.clients)
    }

    /// Bytes of the key space when it is full, as etcd stores it, about.
    pub fn key_space_bytes(&self) -> u64 {
        let one = self.prefix.len() + self.key_bytes + self.value_bytes.max_bytes + 100;
        self.keys * one as u64
    }

    /// Bytes that it adds to the database at most, about, where that is known before: every revision
    /// takes its space until it is compacted. Of a closed loop over time, the key space only.
    pub fn planned_bytes(&self) -> u64 {
        let one = self.key_space_bytes() / self.keys.max(1);
        let operations = match (self.length, &self.pace) {
            (Length::Operations(total), _) => total as f64,
            (Length::Time(time), Pace::Open { profile, .. }) => {
                profile.rates().fold(0.0, f64::max) * time.as_secs_f64()
            }
            (Length::Time(_), Pace::Closed) => 0.0,
        };
        let writes = match self.kind {
            Kind::Get | Kind::Range | Kind::Lease | Kind::Connect => 0.0,
            Kind::Mixed | Kind::TxnMixed => 1.0 - self.read_ratio,
            Kind::Mirror => self.pattern.as_ref().map_or(1.0, |pattern| {
                let rates = pattern.rates;
                let writes = rates.put + rates.delete + rates.txn * pattern.txn_write_ratio;
                writes / rates.total().max(f64::EPSILON)
            }),
            _ => 1.0,
        };
        let written = operations * writes * self.txn_operations as f64 * one as f64;
        let filled = if self.kind.needs_keys() { self.key_space_bytes() } else { 0 };
        filled.saturating_add(written as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(spec: &Spec) -> Vec<String> {
        spec.validate().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn the_defaults_are_well_for_every_kind() {
        for kind in Kind::ALL {
            assert!(flags(&Spec { kind, ..Spec::default() }).is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn every_mistake_is_told_of_its_flag() {
        let wrong = Spec {
            clients: 0,
            connections: Some(0),
            length: Length::Operations(0),
            timeout: Duration::ZERO,
            keys: 1_000_000,
            key_bytes: 6,
            value_bytes: Sizes::fixed(2_000_000),
            prefix: String::new(),
            read_ratio: 1.5,
            txn_operations: 129,
            watchers: 0,
            pace: Pace::Open { profile: Profile::Steady { rate: 0.0 }, spacing: Spacing::Poisson },
            ..Spec::default()
        };
        let told = flags(&wrong);
        for flag in [
            "--clients",
            "--conns",
            "--total",
            "--timeout",
            "--key-size",
            "--value-size",
            "--prefix",
            "--read-ratio",
            "--txn-ops",
            "--watchers",
            "--rate",
        ] {
            assert!(told.iter().any(|one| one == flag), "{flag}: {told:?}");
        }
    }
}
