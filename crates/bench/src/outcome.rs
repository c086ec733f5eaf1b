//! What came of a run, as it is told and kept.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::{Measured, Point as EnginePoint};
use crate::latency::Latencies;
use crate::members::MemberWindow;
use crate::spec::{Pace, Spec};
use crate::workload::{is_event, kinds};

pub use crate::engine::Point;
pub use crate::members::MemberWindow as Member;

/// Version of the format of kept results.
pub const FORMAT: u32 = 1;
/// Share of a thread's time from which this program counts as the limit of a closed loop.
const BUSY: f64 = 0.9;
/// Lateness at the 99th percentile that no result suffers from.
const LATE: Duration = Duration::from_millis(1);
/// Share of the latency at the 99th percentile that lateness may make up.
const LATE_SHARE: f64 = 0.1;

/// What came of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Version of this format.
    pub format: u32,
    /// Its name among the kept results.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Who had it made.
    #[serde(default)]
    pub origin: Origin,
    /// What the cluster is called here, where that is known.
    #[serde(default)]
    pub cluster: Option<String>,
    /// The cluster's own ID, hexadecimal, as its members tell it.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// What was done.
    pub spec: Spec,
    /// How it ended.
    pub ended: Ended,
    /// The measured time, seconds.
    pub seconds: f64,
    /// Operations that succeeded within the measured time, each second; events not counted.
    pub throughput: f64,
    /// What was counted, by kind of operation.
    pub operations: Vec<Operation>,
    /// Failures by kind.
    pub errors: Vec<Failures>,
    /// Transactions made again because others were faster.
    pub conflicts: u64,
    /// Throughput and latency over time.
    pub points: Vec<EnginePoint>,
    /// The members' own view of the same time.
    pub members: Vec<MemberWindow>,
    /// Calls that were sent and those that members counted, by method, warm-up included.
    pub calls: BTreeMap<String, Calls>,
    /// Events that watchers received and that members sent, warm-up included; `None` where nobody watched.
    #[serde(default)]
    pub events: Option<Events>,
    /// This program's own part.
    pub generator: Generator,
    /// Where it ran.
    pub environment: Environment,
    /// What else is to be known, such as keys that could not be removed.
    pub remarks: Vec<String>,
}

/// Who had a run made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody at a command line.
    #[default]
    Command,
    /// A running monitor, by its schedule.
    Schedule,
    /// A running monitor that was asked through its API.
    Request,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// As planned.
    Complete,
    /// By the user; the results are of the time until then.
    Interrupted,
    /// By itself, because the cluster was in no state for more.
    Stopped(String),
}

/// One kind of operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// What it is called.
    pub name: String,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many had no answer in time; their latencies count, as that time.
    pub timeouts: u64,
    /// Successes within the measured time, each second.
    pub throughput: f64,
    /// Latencies of successes and of timeouts, as pairs of nanoseconds and counts.
    pub latencies: Latencies,
}

/// Failures of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failures {
    /// The kind, as the error classes are spelled.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// What one of them said.
    pub example: String,
}

/// Calls of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// That were sent.
    pub sent: u64,
    /// That the members counted in the same time, from anybody; `None` without their metrics.
    pub counted: Option<u64>,
}

/// Events of watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// That were received.
    pub received: u64,
    /// That the members sent in the same time, to anybody; `None` without their metrics.
    pub counted: Option<u64>,
}

/// The part that this program had in the figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generator {
    /// Threads.
    pub threads: usize,
    /// Processor time while it measured, seconds.
    pub cpu_seconds: f64,
    /// How late operations of an open loop began because of this program.
    pub lateness: Latencies,
    /// Operations of an open loop that had to wait for a free client.
    pub held: u64,
    /// Why this program, and not etcd, was the limit, if it was.
    pub limit: Option<String>,
}

/// Where a run took place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub program: String,
    /// System and architecture.
    pub system: String,
    /// Processors of this machine.
    pub cores: usize,
    /// What they are called.
    pub processor: Option<String>,
    /// Memory of this machine, bytes.
    pub memory_bytes: Option<u64>,
    /// Load average of the last minute when it began.
    pub load: Option<f64>,
}

impl Environment {
    /// This machine, with the version of this program.
    pub fn of_this_machine(program: &str) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kilobytes = read("/proc/meminfo").and_then(|text| field(&text, "MemTotal"));
        let kilobytes = kilobytes.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            program: program.to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: read("/proc/cpuinfo").and_then(|text| field(&text, "model name")),
            memory_bytes: kilobytes.map(|kilobytes| kilobytes * 1024),
            load: read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }
}

impl Outcome {
    /// Puts together what was seen.
    pub(crate) fn new(
        id: String,
        started_at: Timestamp,
        spec: &Spec,
        measured: Measured,
        members: Vec<MemberWindow>,
        environment: Environment,
    ) -> Self {
        let seconds = measured.measured.as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let tallies = kinds(spec.kind).iter().zip(&measured.counts.tallies);
        let operations: Vec<_> = tallies
            .map(|(name, tally)| Operation {
                name: (*name).to_owned(),
                succeeded: tally.succeeded,
                timeouts: tally.timeouts,
                throughput: per_second(tally.in_time),
                latencies: tally.latencies.clone(),
            })
            .collect();
        let has_metrics = members.iter().any(|member| !member.counted.is_empty());
        let counted = |method: &str| {
            members.iter().filter_map(|member| member.counted.get(method)).sum::<u64>()
        };
        let calls = measured.sent.iter().filter(|(_, sent)| *sent > 0).map(|(method, sent)| {
            let counted = has_metrics.then(|| counted(method));
            ((*method).to_owned(), Calls { sent: *sent, counted })
        });
        let events = measured.events.map(|received| {
            let of_members = members.iter().filter_map(|member| member.watch_events);
            let counted = of_members.reduce(|all, one| all + one);
            Events { received, counted }
        });
        let ended = match (measured.interrupted, measured.stopped) {
            (true, _) => Ended::Interrupted,
            (_, Some(reason)) => Ended::Stopped(reason),
            _ => Ended::Complete,
        };
        let mut outcome = Self {
            format: FORMAT,
            id,
            started_at,
            origin: Origin::default(),
            cluster: None,
            cluster_id: None,
            spec: spec.clone(),
            ended,
            seconds,
            throughput: 0.0,
            errors: measured
                .counts
                .errors
                .into_iter()
                .map(|(kind, (count, example))| Failures { kind: kind.to_owned(), count, example })
                .collect(),
            conflicts: measured.conflicts,
            points: measured.points,
            calls: calls.collect(),
            events,
            members,
            generator: Generator {
                threads: measured.threads,
                cpu_seconds: measured.cpu.as_secs_f64(),
                lateness: measured.counts.lateness,
                held: measured.counts.held,
                limit: None,
            },
            environment,
            remarks: Vec::new(),
            operations,
        };
        outcome.throughput = outcome.primary().map(|operation| operation.throughput).sum();
        outcome.generator.limit = outcome.limit();
        outcome
    }

    /// The operations, without the events that watchers receive.
    pub fn primary(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| !is_event(&operation.name))
    }

    /// The latencies of all operations; of the events where the run is about them.
    pub fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        let events = self.operations.iter().find(|operation| is_event(&operation.name));
        match events {
            Some(events) => all.add(&events.latencies),
            None => self.primary().for_each(|operation| all.add(&operation.latencies)),
        }
        all
    }

    /// How many operations failed.
    pub fn failed(&self) -> u64 {
        self.errors.iter().map(|failures| failures.count).sum()
    }

    /// Share of operations that failed, 0 to 1.
    pub fn error_ratio(&self) -> f64 {
        let succeeded: u64 = self.primary().map(|operation| operation.succeeded).sum();
        let failed = self.failed();
        if failed == 0 { 0.0 } else { failed as f64 / (failed + succeeded) as f64 }
    }

    /// Changes of leader that members saw.
    pub fn leader_changes(&self) -> Option<u64> {
        self.members.iter().filter_map(|member| member.leader_changes).max()
    }

    fn limit(&self) -> Option<String> {
        let busy = self.generator.cpu_seconds / (self.seconds * self.generator.threads as f64);
        let p99 = self.latencies().quantile(0.99).unwrap_or_default();
        let late = self.generator.lateness.quantile(0.99).unwrap_or_default();
        if late > LATE && late > p99.mul_f64(LATE_SHARE) {
            Some(format!(
                "the generator, not etcd, was the limit: operations began up to {:.1} ms late (p99), of \
                 {:.1} ms in all; use a lower rate, more --threads or a faster machine",
                late.as_secs_f64() * 1e3,
                p99.as_secs_f64() * 1e3
            ))
        } else if self.spec.pace == Pace::Closed && busy > BUSY {
            Some(format!(
                "the generator, not etcd, was the limit: its threads were busy for {:.0} % of the time; use \
                 more --threads or a faster machine",
                busy * 100.0
            ))
        } else {
            None
        }
    }
}
