//! How long our own probes of one member take: quantiles over the last hour, and a histogram.
//!
//! Samples are kept, not averages: four bytes each, with three significant digits as in an HDR
//! histogram. An hour at one probe per two seconds is 8 kB.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// The windows that summaries are shown for.
pub const WINDOWS: [Duration; 3] =
    [Duration::from_mins(1), Duration::from_mins(5), Duration::from_hours(1)];

/// The upper bounds of [`ProbeHistogram`]'s buckets, seconds; a last one without bound follows.
///
/// From half a millisecond, a read over a local network, to the longest that a probe is waited for
/// by default; about three to a factor of ten, as client libraries of Prometheus have it.
pub const BOUNDS_SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// What is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// A read that the member answers alone.
    SerializableRead,
    /// A read that needs the quorum.
    LinearizableRead,
    /// A write, which needs the quorum and its disks.
    Write,
}

impl Probe {
    /// Every probe.
    pub const ALL: [Self; 3] = [Self::SerializableRead, Self::LinearizableRead, Self::Write];

    /// The name in APIs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::Write => "write",
        }
    }
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With the answer that it asked for.
    Answered,
    /// With none: its latency is at least the time that we waited, and counts as that. Dropped, the
    /// worst latencies would be the ones that no quantile shows.
    TimedOut,
    /// With an error. How fast a member refuses is no latency of what it was asked for: it counts as
    /// a failure only.
    Failed,
}

/// The probes of one member over a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencySummary {
    /// Probes that ended, in any way.
    pub count: u64,
    /// Those of them that timed out or failed.
    pub failures: u64,
    /// Of those that were answered or timed out; `None` if there were none.
    pub quantiles: Option<LatencyQuantiles>,
}

/// Latencies by rank: p99 is the lowest that 99 % do not exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyQuantiles {
    /// Half took at most this.
    pub p50: Duration,
    /// 95 % took at most this.
    pub p95: Duration,
    /// 99 % took at most this.
    pub p99: Duration,
    /// 99.9 % took at most this.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
    /// The arithmetic mean.
    pub mean: Duration,
}

/// All latencies since the start in cumulative buckets, for the exporter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProbeHistogram {
    /// For each bound of [`BOUNDS_SECONDS`], the probes that took at most that.
    pub buckets: [u64; BOUNDS_SECONDS.len()],
    /// All probes that were answered or timed out.
    pub count: u64,
    /// How long they took together, seconds.
    pub sum_seconds: f64,
}

impl ProbeHistogram {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS_SECONDS) {
            *bucket += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum_seconds += seconds;
    }
}

/// The latencies of the probes of one member.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    recent: [Recent; Probe::ALL.len()],
    histograms: [ProbeHistogram; Probe::ALL.len()],
}

impl Latencies {
    /// Adds a probe that ended at `at` after `took`; for one that timed out, the time waited.
    pub fn record(&mut self, probe: Probe, at: Timestamp, took: Duration, outcome: Outcome) {
        self.recent[probe as usize].push(at, Sample { took, outcome });
        if outcome != Outcome::Failed {
            self.histograms[probe as usize].add(took);
        }
    }

    /// The probes that ended in the `window` before `now`, which may be an hour at most; `None` if
    /// there were none.
    pub fn summary(
        &self,
        probe: Probe,
        window: Duration,
        now: Timestamp,
    ) -> Option<LatencySummary> {
        let mut summary = LatencySummary { count: 0, failures: 0, quantiles: None };
        let mut latencies = Vec::new();
        for sample in self.recent[probe as usize].within(window, now) {
            summary.count += 1;
            summary.failures += u64::from(sample.outcome != Outcome::Answered);
            if sample.outcome != Outcome::Failed {
                latencies.push(sample.took);
            }
        }
        summary.quantiles = quantiles(&mut latencies);
        (summary.count > 0).then_some(summary)
    }

    /// The histogram of all probes since the start.
    pub fn histogram(&self, probe: Probe) -> &ProbeHistogram {
        &self.histograms[probe as usize]
    }
}

fn quantiles(latencies: &mut [Duration]) -> Option<LatencyQuantiles> {
    latencies.sort_unstable();
    let max = *latencies.last()?;
    let count = latencies.len();
    let at = |q: f64| latencies[((q * count as f64).ceil() as usize).clamp(1, count) - 1];
    let mean = latencies.iter().sum::<Duration>() / count as u32;
    Some(LatencyQuantiles {
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max,
        mean,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    took: Duration,
    outcome: Outcome,
}

/// The samples of the last hour, oldest first.
#[derive(Debug, Clone, Default)]
struct Recent {
    entries: VecDeque<Entry>,
    /// The ticks of the first and last entry; those between follow by their distances.
    oldest: i64,
    newest: i64,
}

/// Time is kept in ticks: coarse enough for an hour to fit an entry's 14 bits.
const TICK_MILLISECONDS: i64 = 250;
const MAX_AGE_TICKS: i64 = 3_600_000 / TICK_MILLISECONDS;
/// How far the clock may be set back before the samples begin anew.
const MAX_SETBACK_TICKS: i64 = 60_000 / TICK_MILLISECONDS;
/// A probe every half second for an hour, as while something looks wrong.
const MAX_ENTRIES: usize = 7_200;

fn tick(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(TICK_MILLISECONDS)
}

impl Recent {
    fn push(&mut self, at: Timestamp, sample: Sample) {
        let at = tick(at);
        if at > self.newest + MAX_AGE_TICKS || at < self.newest - MAX_SETBACK_TICKS {
            self.entries.clear();
        }
        if self.entries.is_empty() {
            (self.oldest, self.newest) = (at, at);
        }
        let at = at.max(self.newest);
        while self.oldest < at - MAX_AGE_TICKS || self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
            // The newest entry is young enough to stay, so that one is left.
            self.oldest += self.entries.front().map_or(0, |entry| entry.distance());
        }
        self.entries.push_back(Entry::new(at - self.newest, sample));
        self.newest = at;
    }

    /// The samples of the `window` before `now`, newest first.
    fn within(&self, window: Duration, now: Timestamp) -> impl Iterator<Item = Sample> {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX) / TICK_MILLISECONDS;
        let begin = tick(now).saturating_sub(window);
        let mut at = self.newest;
        self.entries.iter().rev().map_while(move |entry| {
            let is_within = at > begin;
            at -= entry.distance();
            is_within.then(|| entry.sample())
        })
    }
}

/// One sample in 32 bits: 2 for the outcome, 14 for the ticks since the entry before, 16 for the
/// latency in microseconds.
///
/// The latency is a number of at most 11 bits times a power of two, as in an HDR histogram of three
/// digits: exact below 2 ms, and never off by more than 0.05 % above.
#[derive(Debug, Clone, Copy)]
struct Entry(u32);

/// Latencies below this are kept as they are.
const EXACT_MICROSECONDS: u64 = 1 << 11;

impl Entry {
    /// `distance` is at most [`MAX_AGE_TICKS`], which 14 bits hold.
    fn new(distance: i64, sample: Sample) -> Self {
        let (outcome, distance) = (sample.outcome as u32, distance as u32);
        Self(outcome << 30 | distance << 16 | u32::from(encode(sample.took)))
    }

    fn distance(self) -> i64 {
        i64::from(self.0 >> 16 & 0x3fff)
    }

    fn sample(self) -> Sample {
        let outcome = match self.0 >> 30 {
            0 => Outcome::Answered,
            1 => Outcome::TimedOut,
            _ => Outcome::Failed,
        };
        Sample { took: decode(self.0 as u16), outcome }
    }
}

/// Latencies keep their order as codes.
fn encode(took: Duration) -> u16 {
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if microseconds < EXACT_MICROSECONDS {
        return microseconds as u16;
    }
    // The highest bit of the mantissa is always set: it adds one to the exponent, and the codes go
    // on from those of the exact values.
    let shift = u64::from(microseconds.ilog2()) - 10;
    ((shift << 10) + (microseconds >> shift)) as u16
}

/// The middle of the latencies with this code.
fn decode(code: u16) -> Duration {
    let code = u64::from(code);
    if code < EXACT_MICROSECONDS {
        return Duration::from_micros(code);
    }
    let shift = (code >> 10) - 1;
    let mantissa = 1 << 10 | code & 0x3ff;
    Duration::from_micros((mantissa << shift) + (1 << (shift - 1)))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = WINDOWS[0];
    const HOUR: Duration = WINDOWS[2];

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
    }

    fn millis(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn quantiles_are_ranks_of_what_was_recorded() {
        let mut latencies = Latencies::default();
        for index in 1..=1000_i64 {
            let took = Duration::from_micros(index as u64);
            latencies.record(Probe::SerializableRead, at(index * 50), took, Outcome::Answered);
        }
        let summary = latencies.summary(Probe::SerializableRead, MINUTE, at(50_000)).unwrap();
        assert_eq!((summary.count, summary.failures), (1000, 0));
        let micros = Duration::from_micros;
        let expected = LatencyQuantiles {
            p50: micros(500),
            p95: micros(950),
            p99: micros(990),
            p999: micros(999),
            max: micros(1000),
            mean: Duration::from_nanos(500_500),
        };
        assert_eq!(summary.quantiles, Some(expected));
        assert_eq!(latencies.summary(Probe::Write, HOUR, at(0)), None);
    }

    #[test]
    fn a_timeout_is_a_latency_and_a_refusal_is_not() {
        let mut latencies = Latencies::default();
        latencies.record(Probe::Write, at(0), millis(1), Outcome::Answered);
        latencies.record(Probe::Write, at(2000), millis(2000), Outcome::TimedOut);
        latencies.record(Probe::Write, at(4000), millis(0), Outcome::Failed);
        let summary = latencies.summary(Probe::Write, MINUTE, at(5000)).unwrap();
        assert_eq!((summary.count, summary.failures), (3, 2));
        let quantiles = summary.quantiles.unwrap();
        assert_eq!(quantiles.p50, millis(1));
        assert!(quantiles.max.abs_diff(millis(2000)) <= millis(1), "{:?}", quantiles.max);

        let histogram = latencies.histogram(Probe::Write);
        assert_eq!(histogram.buckets, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
        assert_eq!((histogram.count, histogram.sum_seconds), (2, 2.001));
    }

    #[test]
    fn only_refusals_give_a_count_without_quantiles() {
        let mut latencies = Latencies::default();
        latencies.record(Probe::Write, at(0), millis(1), Outcome::Failed);
        let summary = latencies.summary(Probe::Write, MINUTE, at(0));
        assert_eq!(summary, Some(LatencySummary { count: 1, failures: 1, quantiles: None }));
    }

    #[test]
    fn a_window_holds_what_is_not_older_and_an_hour_is_8_kilobytes() {
        let mut latencies = Latencies::default();
        let probe = Probe::LinearizableRead;
        for index in 0..5000 {
            latencies.record(probe, at(index * 2000), millis(3), Outcome::Answered);
        }
        let now = at(4999 * 2000);
        let count = |window| latencies.summary(probe, window, now).map(|summary| summary.count);
        assert_eq!(WINDOWS.map(count), [Some(30), Some(150), Some(1800)]);
        let later = now + SignedDuration::from_secs(30);
        assert_eq!(latencies.summary(probe, MINUTE, later).unwrap().count, 15);
        assert_eq!(latencies.summary(probe, MINUTE, now + SignedDuration::from_mins(2)), None);
        assert!(latencies.recent[probe as usize].entries.capacity() * 4 <= 8192);
    }

    #[test]
    fn gaps_and_clocks_that_are_set_lose_old_samples_only() {
        let mut latencies = Latencies::default();
        let mut record = |milliseconds| {
            latencies.record(Probe::Write, at(milliseconds), millis(1), Outcome::Answered);
            latencies.summary(Probe::Write, HOUR, at(milliseconds)).unwrap().count
        };
        assert_eq!(record(0), 1);
        assert_eq!(record(3_599_000), 2);
        assert_eq!(record(3_598_000), 3, "set back by a second");
        assert_eq!(record(4_000_000), 3, "the first is older than an hour");
        assert_eq!(record(9_000_000), 1, "a gap of more than an hour");
        assert_eq!(record(1_000_000), 1, "set back by hours");
    }

    proptest! {
        #[test]
        fn a_latency_is_kept_to_three_digits(nanoseconds: u64) {
            let took = Duration::from_nanos(nanoseconds);
            let error = decode(encode(took)).abs_diff(took);
            prop_assert!(error <= took / 2000 + Duration::from_micros(1), "{took:?} {error:?}");
        }

        #[test]
        fn any_order_of_samples_stays_within_an_hour(
            steps in prop::collection::vec(-100_000_i64..5_000_000, 0..200),
        ) {
            let mut recent = Recent::default();
            let mut now = 0;
            for step in steps {
                now += step;
                recent.push(at(now), Sample { took: millis(7), outcome: Outcome::TimedOut });
                let distances = recent.entries.iter().skip(1).map(|entry| entry.distance());
                let age = distances.sum::<i64>();
                prop_assert_eq!(recent.newest - recent.oldest, age);
                prop_assert!(age <= MAX_AGE_TICKS);
            }
        }
    }
}
