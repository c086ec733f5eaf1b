//! Slow fsync and slow commit: the disk of a member takes long.
//!
//! etcd counts durations in buckets whose bounds double, so that a p99 is known no better than its
//! bucket. Info is told of what may be slow, warning and critical only of what certainly is: enough
//! observations must lie above a bound that is itself too much. One outlier among few is no p99.

use model::finding::FindingKind;
use model::severity::Severity;

use super::reading::{Reading, bytes, names, seconds};
use super::{Condition, Window};
use crate::metrics::histogram::Histogram;

/// Fewer observations than this have no p99, unless most of them are slow: a disk that takes a second
/// for each has few of them.
const MIN_OBSERVATIONS: f64 = 20.0;
const MIN_MOSTLY_SLOW: f64 = 8.0;

/// So many of them at least must be slow.
const MIN_SLOW: f64 = 3.0;

/// The part of observations of which a p99 speaks.
const TAIL: f64 = 0.01;

/// The bounds from which on a p99 is a warning and critical.
const WARNING_SECONDS: f64 = 0.1;
const CRITICAL_SECONDS: f64 = 1.0;

/// One of the two ways in which etcd waits for its disk.
struct Kind {
    finding: FindingKind,
    metric: &'static str,
    /// What is done, as in `its p99 of … lies between`.
    what: &'static str,
    /// etcd's own advice: above this p99 the disk is slow.
    info_seconds: f64,
    times: fn(&Reading<'_>) -> Option<Histogram>,
}

const FSYNC: Kind = Kind {
    finding: FindingKind::SlowFsync,
    metric: "etcd_disk_wal_fsync_duration_seconds",
    what: "making the write-ahead log durable",
    info_seconds: 0.010,
    times: |reading| reading.figures?.disk.fsync.clone(),
};

const COMMIT: Kind = Kind {
    finding: FindingKind::SlowCommit,
    metric: "etcd_disk_backend_commit_duration_seconds",
    what: "committing the database",
    info_seconds: 0.025,
    times: |reading| reading.figures?.disk.commit.clone(),
};

/// Both kinds, for every member whose pages tell.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let readings: Vec<Reading<'_>> = window.readings_of_stalled().collect();
    let fsync = Told::by(&readings, &FSYNC);
    let commit = Told::by(&readings, &COMMIT);
    let mut conditions: Vec<Condition> = fsync.slow.iter().map(|slow| fsync.told(slow)).collect();
    for slow in &commit.slow {
        let is_fsync_slow = fsync.slow.iter().any(|other| other.reading.id == slow.reading.id);
        let condition = commit.told(slow);
        conditions.push(if is_fsync_slow {
            condition
        } else {
            with_causes_of_commits(condition, slow)
        });
    }
    conditions
}

/// What the members tell of one kind.
struct Told<'a> {
    kind: &'static Kind,
    /// Members with enough observations.
    counted: usize,
    slow: Vec<Slow<'a>>,
}

struct Slow<'a> {
    reading: Reading<'a>,
    times: Histogram,
    p99: f64,
    severity: Severity,
}

impl<'a> Told<'a> {
    fn by(readings: &[Reading<'a>], kind: &'static Kind) -> Self {
        let (mut counted, mut slow) = (0, Vec::new());
        for reading in readings {
            let Some(times) = (kind.times)(reading) else { continue };
            let total = times.total();
            let Some(p99) = times.quantile(0.99) else { continue };
            let is_mostly_slow = times.above(kind.info_seconds) * 2.0 > total;
            let needed = if is_mostly_slow { MIN_MOSTLY_SLOW } else { MIN_OBSERVATIONS };
            if total.is_nan() || total < needed {
                continue;
            }
            counted += 1;
            if let Some(severity) = grade(&times, p99, kind.info_seconds) {
                slow.push(Slow { reading: *reading, times, p99, severity });
            }
        }
        Self { kind, counted, slow }
    }

    fn told(&self, slow: &Slow<'_>) -> Condition {
        let (kind, name) = (self.kind, slow.reading.member.name.as_str());
        let between = between(slow.times.bounds_of(slow.p99));
        let summary = format!("{name}: {} is slow, its p99 is {between}", kind.what);
        let total = slow.times.total();
        let rate = slow.reading.figures.map_or(String::new(), |figures| {
            let name = if kind.finding == FindingKind::SlowFsync {
                "wal_fsyncs_per_second"
            } else {
                "backend_commits_per_second"
            };
            figures.get(name).map_or(String::new(), |rate| format!(", {rate:.1} per second"))
        });
        let evidence = slow.reading.evidence(format!(
            "{}: p99 {between} over {total:.0} observations in about half a minute{rate}; {:.0} of \
             them above {}",
            kind.metric,
            slow.times.above(slow.times.bounds_of(slow.p99).0),
            seconds(slow.times.bounds_of(slow.p99).0),
        ));
        let is_all = self.counted > 1 && self.slow.len() == self.counted;
        let others = self.slow.iter().filter(|other| other.reading.id != slow.reading.id);
        let others = names(others.map(|other| other.reading.member.name.as_str()));
        let who = if is_all {
            format!(
                "All {} members that can be judged are slow, which points to storage that they \
                     share or to the load.",
                self.counted
            )
        } else if !others.is_empty() {
            format!("{others} is slow too.")
        } else if self.counted > 1 {
            format!(
                "Of {} members only this one is slow, which points to its own disk or to a \
                     neighbour on its host.",
                self.counted
            )
        } else {
            "No other member wrote enough to compare it with.".to_owned()
        };
        let why = if kind.finding == FindingKind::SlowFsync {
            "Each write waits until a majority has it on disk, and a leader that waits too long \
             loses its leadership."
        } else {
            "While the database is committed, other work on it waits."
        };
        Condition::new(kind.finding, slow.severity, summary)
            .of(Some(slow.reading.member.reference()))
            .explained(format!("{why} {who}"))
            .resting_on([evidence])
            .caused_by(if is_all {
                [
                    "the members share one storage system, which is slow",
                    "more, or larger, writes than the disks can take",
                    "the same kind of disk everywhere: network or magnetic disks, or a cloud volume \
                     with an exhausted budget of I/O",
                ]
            } else {
                [
                    "something else on its host writes to the same disk: another process, a backup",
                    "its disk is slow or failing, or its volume has exhausted its budget of I/O",
                    "its file system is nearly full, or discards blocks at each write",
                ]
            })
            .next([
                format!("on the host of {name}: iostat -x 1 10; iotop -obn 3"),
                format!("on the host of {name}: journalctl -u etcd | grep -E 'slow fdatasync|took too long'"),
                "measure the disk while etcd is idle: fio --name=wal --rw=write --ioengine=sync \
                 --fdatasync=1 --size=22m --bs=2300 --directory=DIRECTORY_ON_THAT_DISK"
                    .to_owned(),
                "give the write-ahead log a disk of its own (--wal-dir), or a faster one".to_owned(),
            ])
    }
}

/// How bad; `None` where it is fast enough.
fn grade(times: &Histogram, p99: f64, info_seconds: f64) -> Option<Severity> {
    let enough = (times.total() * TAIL).max(MIN_SLOW);
    if times.above(CRITICAL_SECONDS) >= enough {
        Some(Severity::Critical)
    } else if times.above(WARNING_SECONDS) >= enough {
        Some(Severity::Warning)
    } else {
        let lower = times.bounds_of(p99).0;
        (p99 > info_seconds && times.above(lower) >= enough).then_some(Severity::Info)
    }
}

fn between((lower, upper): (f64, f64)) -> String {
    if upper.is_infinite() {
        format!("above {}", seconds(lower))
    } else {
        format!("between {} and {}", seconds(lower), seconds(upper))
    }
}

/// A commit that is slow while the log is written fast is slow by its size or by what else holds the
/// database.
fn with_causes_of_commits(mut condition: Condition, slow: &Slow<'_>) -> Condition {
    let figures = slow.reading.figures;
    let figure = |name| figures.and_then(|figures| figures.get(name));
    let mut causes = Vec::new();
    if figure("defrags_in_flight").is_some_and(|running| running > 0.0) {
        causes.push("a defragmentation is running on it".to_owned());
        condition = condition.resting_on([slow.reading.evidence("etcd_disk_defrag_inflight = 1")]);
    }
    if let Some(took) = figure("compaction_mean_seconds") {
        causes.push("a compaction of many revisions".to_owned());
        let observed = format!("compactions that ended in the last minute took {}", seconds(took));
        condition = condition.resting_on([slow.reading.evidence(observed)]);
    }
    if let Some(rate) = figure("wal_written_bytes_per_second") {
        condition = condition.resting_on([slow
            .reading
            .evidence(format!("etcd_disk_wal_write_bytes_total: {} per second", bytes(rate)))]);
    }
    causes.push("large batches: big values, or transactions with many operations".to_owned());
    causes.append(&mut condition.causes);
    Condition { causes, ..condition }
}

#[cfg(test)]
mod tests;
