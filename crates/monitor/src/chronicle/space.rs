//! The database of a member over the last day: how it grew since its last defragmentation, and how
//! full it was.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::severity::Severity;

use crate::trend::{Sample, Trend};

/// Between two samples.
const STEP: SignedDuration = SignedDuration::from_mins(5);

/// A day of them.
const SAMPLES: usize = 288;

/// The samples of the shorter trend: two hours.
const RECENT: usize = 24;

/// From which part of the quota on a database is how bad, worst first.
const GRADES: [(Severity, f64); 3] =
    [(Severity::Critical, 0.85), (Severity::Warning, 0.75), (Severity::Info, 0.65)];

/// A grade that was reached ends only so far below: it must not come and go with each compaction.
const BELOW: f64 = 0.03;

/// The database of one member.
#[derive(Debug, Default)]
pub struct SpaceTrack {
    size_bytes: u64,
    /// Of what is in use, since the last defragmentation, oldest first.
    samples: VecDeque<Sample>,
    day: Option<Trend>,
    recent: Option<Trend>,
    grade: Option<Severity>,
}

impl SpaceTrack {
    /// How bad it is that the database is as full as it is.
    pub fn grade(&self) -> Option<Severity> {
        self.grade
    }

    /// How what is in use grew since the last defragmentation, over a day at most; `None` before
    /// half an hour was seen.
    pub fn trend(&self) -> Option<&Trend> {
        self.day.as_ref()
    }

    /// The same over two hours at most.
    pub fn recent_trend(&self) -> Option<&Trend> {
        self.recent.as_ref()
    }

    /// What was in use, a sample every five minutes, oldest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// For how long samples were taken.
    pub fn span(&self) -> Duration {
        let (first, last) = (self.samples.front(), self.samples.back());
        let span = first.zip(last).map(|(first, last)| last.at.duration_since(first.at));
        span.map_or(Duration::ZERO, SignedDuration::unsigned_abs)
    }

    /// Takes what a Status says, and the quota where it is known.
    pub fn saw(&mut self, at: Timestamp, size: u64, in_use: Option<u64>, quota: Option<u64>) {
        if let Some(quota) = quota {
            self.grade = grade(self.grade, size as f64 / quota as f64);
        }
        // A database file shrinks by a defragmentation alone, or is another file altogether.
        let is_other = size < self.size_bytes;
        self.size_bytes = size;
        if is_other || self.samples.back().is_some_and(|last| at < last.at) {
            self.samples.clear();
            (self.day, self.recent) = (None, None);
        }
        let is_due = self.samples.back().is_none_or(|last| at.duration_since(last.at) >= STEP);
        let Some(in_use) = in_use.filter(|_| is_due) else { return };
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, bytes: in_use as f64 });
        let samples: &[Sample] = self.samples.make_contiguous();
        self.day = Trend::of(samples);
        self.recent = Trend::of(&samples[samples.len().saturating_sub(RECENT)..]);
    }
}

/// The grade of a database that uses so much of its quota and had a grade before.
fn grade(before: Option<Severity>, used: f64) -> Option<Severity> {
    let is_reached = |(severity, from): &&(Severity, f64)| {
        let eases = if before >= Some(*severity) { BELOW } else { 0.0 };
        used >= from - eases
    };
    GRADES.iter().find(is_reached).map(|(severity, _)| *severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_is_left_three_points_below_where_it_began() {
        let mut now = None;
        let mut after = |used| {
            now = grade(now, used);
            now
        };
        use Severity::{Critical, Info, Warning};
        assert_eq!([0.64, 0.65, 0.63, 0.61].map(&mut after), [None, Some(Info), Some(Info), None]);
        assert_eq!([0.76, 0.73, 0.71].map(&mut after), [Some(Warning), Some(Warning), Some(Info)]);
        assert_eq!([0.99, 0.83, 0.5].map(&mut after), [Some(Critical), Some(Critical), None]);
        assert_eq!([f64::NAN, f64::INFINITY].map(after), [None, Some(Critical)]);
    }

    #[test]
    fn a_day_is_kept_in_steps_and_a_smaller_file_begins_anew() {
        let mut track = SpaceTrack::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for second in (0..2 * 86_400).step_by(60) {
            track.saw(at(second), 1 << 30, Some(1_000 * second as u64), None);
        }
        assert_eq!(track.samples().count(), SAMPLES);
        assert_eq!(track.span(), Duration::from_mins(287 * 5));
        let trend = track.trend().unwrap();
        assert!((trend.slope.per_second - 1_000.0).abs() < 1e-6 && trend.is_growing());
        assert_eq!(track.recent_trend().unwrap().samples, RECENT);
        track.saw(at(2 * 86_400), 1 << 29, Some(1 << 28), None);
        assert_eq!((track.samples().count(), track.trend()), (1, None));
        track.saw(at(86_400), 1 << 29, None, None);
        assert_eq!(track.samples().count(), 0, "the clock was set back");
    }
}
