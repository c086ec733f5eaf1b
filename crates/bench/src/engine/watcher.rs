//! Who watches over a run: takes the counts every second, draws the time line, stops what should not
//! go on.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcd::ErrorClass;
use tokio::time::Instant;

use super::{Measured, Point, Progress, Ready, TICK};
use crate::record::{Counts, Method, Shard, Timing};
use crate::spec::{Length, Spec};
use crate::workload::{is_event, kinds};

/// Points of a time line; of a longer run, neighbours are put together.
const MAX_POINTS: usize = 3_600;

/// Takes the counts every second, draws the time line, and stops what should not go on.
pub(super) struct Watcher {
    timing: Timing,
    total: Counts,
    second: Counts,
    empty: Counts,
    points: Vec<Point>,
    /// Points put together into one.
    coarseness: usize,
    last_look: Instant,
    last_success: Instant,
    primary: usize,
    stopped: Option<String>,
}

impl Watcher {
    pub(super) fn new(run: &Ready, timing: Timing) -> Self {
        let names = kinds(run.shared.spec().kind);
        let counts = || Counts::new(names.len());
        Self {
            timing,
            total: counts(),
            second: counts(),
            empty: counts(),
            points: Vec::new(),
            coarseness: 1,
            last_look: timing.measure,
            last_success: timing.begin,
            // Events of watchers are no operations.
            primary: names.iter().filter(|name| !is_event(name)).count(),
            stopped: None,
        }
    }

    pub(super) fn look(&mut self, run: &Ready, on_progress: &mut (dyn FnMut(&Progress) + Send)) {
        let now = Instant::now();
        self.second.clear();
        let mut shards = run.shards.iter();
        if let Some(first) = shards.next() {
            first.swap(&mut self.second);
        }
        for shard in shards {
            self.empty.clear();
            shard.swap(&mut self.empty);
            self.second.add(&self.empty);
        }
        self.total.add(&self.second);
        let is_measured = now > self.timing.measure;
        let mut point = Point::default();
        if is_measured {
            let seconds = now.duration_since(self.last_look).as_secs_f64();
            point = self.point(seconds, now);
            self.last_look = now;
            if seconds > 0.01 {
                self.keep(point.clone());
            }
        }
        if self.second.succeeded() > 0 || self.second.warm > 0 {
            self.last_success = now;
        }
        if self.stopped.is_none() {
            self.stopped = self.reason_to_stop(run.shared.spec(), now);
            if self.stopped.is_some() {
                run.shared.stop();
            }
        }
        let share = match run.shared.spec().length {
            Length::Time(time) => {
                let passed = now.saturating_duration_since(self.timing.measure);
                passed.as_secs_f64() / time.as_secs_f64()
            }
            Length::Operations(total) => {
                run.shared.begun.load(Ordering::Relaxed) as f64 / total as f64
            }
        };
        on_progress(&Progress { is_measured, share: share.min(1.0), point });
    }

    fn point(&self, seconds: f64, now: Instant) -> Point {
        let tallies = &self.second.tallies[..self.primary];
        let mut latencies = Cow::Borrowed(&tallies[0].latencies);
        for tally in &tallies[1..] {
            latencies.to_mut().add(&tally.latencies);
        }
        let quantile = |q| latencies.quantile(q).map(|latency| latency.as_secs_f64());
        Point {
            at_seconds: now.duration_since(self.timing.measure).as_secs_f64(),
            seconds,
            succeeded: tallies.iter().map(|tally| tally.succeeded).sum(),
            failed: self.second.failed(),
            p50_seconds: quantile(0.5),
            p99_seconds: quantile(0.99),
            max_seconds: quantile(1.0),
        }
    }

    fn keep(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last) if (last.seconds / TICK.as_secs_f64()).round() < self.coarseness as f64 => {
                join(last, &point);
            }
            _ => self.points.push(point),
        }
        if self.points.len() > MAX_POINTS {
            let pairs = self.points.chunks(2).map(|pair| {
                let mut one = pair[0].clone();
                pair[1..].iter().for_each(|other| join(&mut one, other));
                one
            });
            self.points = pairs.collect();
            self.coarseness *= 2;
        }
    }

    fn reason_to_stop(&self, spec: &Spec, now: Instant) -> Option<String> {
        for class in [ErrorClass::Nospace, ErrorClass::Corrupt, ErrorClass::PermissionDenied] {
            if let Some((_, example)) = self.total.errors.get(class.as_str()) {
                return Some(example.clone());
            }
        }
        (now.duration_since(self.last_success) > spec.give_up_after.max(spec.timeout)).then(|| {
            let example = self.total.errors.values().next().map_or("", |(_, example)| example);
            format!("nothing succeeded for {:?}: {example}", spec.give_up_after)
        })
    }

    pub(super) fn finish(
        self,
        run: &Ready,
        ended: Instant,
        threads: usize,
        cpu: Duration,
        interrupted: bool,
    ) -> Measured {
        let sum = |of: &dyn Fn(&Shard) -> u64| run.shards.iter().map(|shard| of(shard)).sum();
        let sent = Method::ALL.map(|method| (method.as_str(), sum(&|shard| shard.sent(method))));
        let early = interrupted || self.stopped.is_some();
        let planned = self.timing.end.filter(|_| !early);
        let end = planned.or(self.total.last_end).unwrap_or(ended);
        Measured {
            measured: end.saturating_duration_since(self.timing.measure),
            counts: self.total,
            points: self.points,
            sent: sent.to_vec(),
            events: run
                .shared
                .has_watchers()
                .then(|| sum(&|shard| shard.events.load(Ordering::Relaxed))),
            conflicts: sum(&|shard| shard.conflicts.load(Ordering::Relaxed)),
            threads,
            cpu,
            stopped: self.stopped,
            interrupted,
        }
    }
}

/// Adds `other`, which follows it, to `one`; of quantiles the worse is kept.
fn join(one: &mut Point, other: &Point) {
    one.at_seconds = other.at_seconds;
    one.seconds += other.seconds;
    one.succeeded += other.succeeded;
    one.failed += other.failed;
    let worse = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
    one.p50_seconds = worse(one.p50_seconds, other.p50_seconds);
    one.p99_seconds = worse(one.p99_seconds, other.p99_seconds);
    one.max_seconds = worse(one.max_seconds, other.max_seconds);
}
