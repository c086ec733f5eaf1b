//! Benchmarks in answers.

use bench::outcome::{Ended, Member, Operation, Origin, Outcome, Point};
use bench::summary::Summary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::benchmarks::{Planned, Running};
use crate::wire::time::Time;

/// Results of benchmarks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Benchmarks {
    /// The newest first.
    pub(crate) results: Vec<Benchmark>,
}

/// A result in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Benchmark {
    /// Its name.
    #[schema(example = "20270101T000000Z-mixed")]
    pub(crate) id: String,
    /// The cluster's name; null where the run was made by hand.
    pub(crate) cluster: Option<String>,
    /// The kind of load.
    #[schema(example = "mixed")]
    pub(crate) kind: &'static str,
    /// Who had it made: `command`, `schedule` or `request`.
    pub(crate) origin: &'static str,
    /// When it began.
    pub(crate) started_at: Time,
    /// How it ended: `complete`, `interrupted` or `stopped`.
    pub(crate) ended: &'static str,
    /// Why it stopped by itself; null where it did not.
    pub(crate) stopped_because: Option<String>,
    /// The measured time.
    pub(crate) measured_seconds: f64,
    /// Operations that succeeded, each second.
    pub(crate) operations_per_second: f64,
    /// Operations that succeeded.
    pub(crate) succeeded: u64,
    /// Operations that failed.
    pub(crate) failed: u64,
    /// Median of the latency.
    pub(crate) p50_seconds: Option<f64>,
    /// 99th percentile.
    pub(crate) p99_seconds: Option<f64>,
    /// 99.9th percentile.
    pub(crate) p999_seconds: Option<f64>,
    /// The highest.
    pub(crate) max_seconds: Option<f64>,
    /// Why the monitor, and not etcd, was the limit; null where it was not.
    pub(crate) limit: Option<String>,
    /// The members' versions.
    pub(crate) versions: Vec<String>,
}

/// A result.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BenchmarkResult {
    /// In short.
    #[serde(flatten)]
    pub(crate) summary: Benchmark,
    /// Each kind of operation.
    pub(crate) operations: Vec<BenchmarkOperation>,
    /// Failures by kind.
    pub(crate) errors: Vec<BenchmarkErrors>,
    /// Over time.
    pub(crate) points: Vec<BenchmarkPoint>,
    /// The members' own view of the same time.
    pub(crate) members: Vec<BenchmarkMember>,
    /// What else is to be known.
    pub(crate) remarks: Vec<String>,
}

/// One kind of operation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BenchmarkOperation {
    /// What it is called.
    pub(crate) name: String,
    /// How many succeeded.
    pub(crate) succeeded: u64,
    /// How many had no answer in time.
    pub(crate) timeouts: u64,
    /// Successes each second.
    pub(crate) operations_per_second: f64,
    /// Median of the latency.
    pub(crate) p50_seconds: Option<f64>,
    /// 99th percentile.
    pub(crate) p99_seconds: Option<f64>,
    /// 99.9th percentile.
    pub(crate) p999_seconds: Option<f64>,
    /// The highest.
    pub(crate) max_seconds: Option<f64>,
}

/// Failures of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BenchmarkErrors {
    /// The kind.
    pub(crate) kind: String,
    /// How many.
    pub(crate) count: u64,
    /// What one of them said.
    pub(crate) example: String,
}

/// A part of the time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BenchmarkPoint {
    /// Its end, after measuring began.
    pub(crate) at_seconds: f64,
    /// Operations that succeeded, each second.
    pub(crate) operations_per_second: f64,
    /// Operations that failed.
    pub(crate) failed: u64,
    /// Median of the latency.
    pub(crate) p50_seconds: Option<f64>,
    /// 99th percentile.
    pub(crate) p99_seconds: Option<f64>,
}

/// What a member itself measured; percentiles are the upper ends of buckets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BenchmarkMember {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Whether it led when the run began.
    pub(crate) was_leader: bool,
    /// 99th percentile of writing its log to disk.
    pub(crate) fsync_p99_seconds: Option<f64>,
    /// The same of commits to its file.
    pub(crate) commit_p99_seconds: Option<f64>,
    /// The same of round trips to other members.
    pub(crate) peer_round_trip_p99_seconds: Option<f64>,
    /// Changes of leader that it saw.
    pub(crate) leader_changes: Option<u64>,
    /// Processor time that it used.
    pub(crate) cpu_seconds: Option<f64>,
}

/// The run under way, and what comes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BenchmarkStatus {
    /// The run under way; null where there is none.
    pub(crate) running: Option<RunningBenchmark>,
    /// When the next run of each cluster comes.
    pub(crate) schedule: Vec<PlannedBenchmark>,
}

/// The run under way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunningBenchmark {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The kind of load.
    pub(crate) kind: &'static str,
    /// Who wanted it: `schedule` or `request`.
    pub(crate) origin: &'static str,
    /// When it began.
    pub(crate) started_at: Time,
    /// Operations that it is to make.
    pub(crate) operations: u64,
    /// Operations each second that it is to make.
    pub(crate) rate: f64,
    /// Whether it measures already, and does not only prepare or warm up.
    pub(crate) is_measured: bool,
    /// How much of it is over.
    pub(crate) done_ratio: f64,
    /// The last two minutes.
    pub(crate) points: Vec<BenchmarkPoint>,
}

/// When the next run of a cluster comes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlannedBenchmark {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// When it is due; null where runs are made on request only.
    pub(crate) next_at: Option<Time>,
    /// What stands in the way; null where nothing does.
    pub(crate) waits_for: Option<String>,
}

/// A run that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBenchmark {
    /// The cluster's name; not needed when there is only one.
    pub(crate) cluster: Option<String>,
    /// `put`, `get` or `mixed`; that of the schedule where it is not given.
    pub(crate) kind: Option<String>,
    /// How many operations; at most, and where it is not given, as many as `benchmark.operations`.
    pub(crate) operations: Option<u64>,
    /// Operations each second; at most, and where it is not given, `benchmark.rate`.
    pub(crate) rate: Option<f64>,
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Command => "command",
        Origin::Schedule => "schedule",
        Origin::Request => "request",
    }
}

impl From<&Summary> for Benchmark {
    fn from(summary: &Summary) -> Self {
        let (ended, stopped_because) = match &summary.ended {
            Ended::Complete => ("complete", None),
            Ended::Interrupted => ("interrupted", None),
            Ended::Stopped(reason) => ("stopped", Some(reason.clone())),
        };
        Self {
            id: summary.id.clone(),
            cluster: summary.cluster.clone(),
            kind: summary.kind.as_str(),
            origin: origin(summary.origin),
            started_at: Time(summary.started_at),
            ended,
            stopped_because,
            measured_seconds: summary.seconds,
            operations_per_second: summary.throughput,
            succeeded: summary.succeeded,
            failed: summary.failed,
            p50_seconds: summary.p50_seconds,
            p99_seconds: summary.p99_seconds,
            p999_seconds: summary.p999_seconds,
            max_seconds: summary.max_seconds,
            limit: summary.limit.clone(),
            versions: summary.versions.clone(),
        }
    }
}

impl From<&Outcome> for BenchmarkResult {
    fn from(outcome: &Outcome) -> Self {
        let errors = outcome.errors.iter().map(|failures| BenchmarkErrors {
            kind: failures.kind.clone(),
            count: failures.count,
            example: failures.example.clone(),
        });
        Self {
            summary: Benchmark::from(&Summary::of(outcome)),
            operations: outcome.operations.iter().map(BenchmarkOperation::from).collect(),
            errors: errors.collect(),
            points: outcome.points.iter().map(BenchmarkPoint::from).collect(),
            members: outcome.members.iter().map(BenchmarkMember::from).collect(),
            remarks: outcome.remarks.clone(),
        }
    }
}

impl From<&Operation> for BenchmarkOperation {
    fn from(operation: &Operation) -> Self {
        let quantile = |q| operation.latencies.quantile(q).map(|latency| latency.as_secs_f64());
        Self {
            name: operation.name.clone(),
            succeeded: operation.succeeded,
            timeouts: operation.timeouts,
            operations_per_second: operation.throughput,
            p50_seconds: quantile(0.5),
            p99_seconds: quantile(0.99),
            p999_seconds: quantile(0.999),
            max_seconds: quantile(1.0),
        }
    }
}

impl From<&Point> for BenchmarkPoint {
    fn from(point: &Point) -> Self {
        Self {
            at_seconds: point.at_seconds,
            operations_per_second: point.succeeded as f64 / point.seconds.max(f64::EPSILON),
            failed: point.failed,
            p50_seconds: point.p50_seconds,
            p99_seconds: point.p99_seconds,
        }
    }
}

impl From<&Member> for BenchmarkMember {
    fn from(member: &Member) -> Self {
        Self {
            name: member.name.clone(),
            version: member.version.clone(),
            was_leader: member.was_leader,
            fsync_p99_seconds: member.fsync_p99_seconds,
            commit_p99_seconds: member.commit_p99_seconds,
            peer_round_trip_p99_seconds: member.peer_round_trip_p99_seconds,
            leader_changes: member.leader_changes,
            cpu_seconds: member.cpu_seconds,
        }
    }
}

impl From<&Running> for RunningBenchmark {
    fn from(running: &Running) -> Self {
        Self {
            cluster: running.cluster.clone(),
            kind: running.kind.as_str(),
            origin: origin(running.origin),
            started_at: Time(running.started_at),
            operations: running.operations,
            rate: running.rate,
            is_measured: running.is_measured,
            done_ratio: running.share,
            points: running.points.iter().map(BenchmarkPoint::from).collect(),
        }
    }
}

impl From<&Planned> for PlannedBenchmark {
    fn from(planned: &Planned) -> Self {
        Self {
            cluster: planned.cluster.clone(),
            next_at: planned.next_at.map(Time),
            waits_for: planned.waits_for.clone(),
        }
    }
}
