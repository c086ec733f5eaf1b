//! How something grows: the slope of samples over time, with the band in which it may truly lie.
//!
//! The slope is Theil and Sen's, the median of the slopes between any two samples: a quarter of the
//! samples may be wrong without moving it far. The band comes from the scatter of the samples around
//! the line (their median absolute deviation): over the time that they cover, the true line may rise
//! by that much more or less at both ends. Samples of a database go up and down with each compaction,
//! so that errors of neighbours are alike and the band does not shrink with their number.

use std::time::Duration;

use jiff::Timestamp;

/// Fewer samples than this make no trend.
pub const MIN_SAMPLES: usize = 6;

/// More samples than this are thinned out: the work grows with their square.
const MAX_SAMPLES: usize = 300;

/// What turns a median absolute deviation into a standard deviation, of normal errors.
const DEVIATION: f64 = 1.4826;

/// A size at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The moment.
    pub at: Timestamp,
    /// The size.
    pub bytes: f64,
}

/// How fast something grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Most likely; negative when it shrinks.
    pub per_second: f64,
    /// It is hardly less than this.
    pub low: f64,
    /// It is hardly more than this.
    pub high: f64,
}

/// What samples amount to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// How fast it grows.
    pub slope: Slope,
    /// Where the line is at the last sample.
    pub level: f64,
    /// When the last sample was taken.
    pub at: Timestamp,
    /// What the samples cover.
    pub span: Duration,
    /// How many there were.
    pub samples: usize,
}

/// When a limit is reached, from the last sample on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eta {
    /// At the fastest growth of the band.
    pub earliest: Duration,
    /// At the most likely growth.
    pub likely: Duration,
    /// At the slowest growth of the band.
    pub latest: Duration,
}

impl Trend {
    /// The trend of samples in the order of their times; `None` for too few of them. Samples that are
    /// no numbers, or no younger than the one before, are left out.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let start = samples.first()?.at;
        let step = samples.len().div_ceil(MAX_SAMPLES).max(1);
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut last_at = start;
        // Counted from the end, so that the last sample is among them.
        for sample in samples.iter().rev().step_by(step).rev() {
            let second = sample.at.duration_since(start).as_secs_f64();
            let is_later = points.last().is_none_or(|(before, _)| second > *before);
            if sample.bytes.is_finite() && is_later {
                points.push((second, sample.bytes));
                last_at = sample.at;
            }
        }
        if points.len() < MIN_SAMPLES {
            return None;
        }
        let (first, last) = (points.first()?.0, points.last()?.0);
        let slope = median(pairwise_slopes(&points))?;
        let offset = median(points.iter().map(|(x, y)| y - slope * x).collect())?;
        let scatter = median(points.iter().map(|(x, y)| (y - slope * x - offset).abs()).collect())?;
        let margin = 2.0 * DEVIATION * scatter / (last - first);
        let trend = Self {
            slope: Slope { per_second: slope, low: slope - margin, high: slope + margin },
            level: offset + slope * last,
            at: last_at,
            span: Duration::try_from_secs_f64(last - first).ok()?,
            samples: points.len(),
        };
        (margin.is_finite() && trend.level.is_finite()).then_some(trend)
    }

    /// Whether the band leaves no doubt that it grows.
    pub fn is_growing(&self) -> bool {
        self.slope.low > 0.0
    }

    /// When `limit` is reached; `None` while it is not certain to grow.
    pub fn eta(&self, limit: f64) -> Option<Eta> {
        let Slope { per_second, low, high } = self.slope;
        let rest = (limit - self.level).max(0.0);
        let after = |speed: f64| Duration::try_from_secs_f64(rest / speed).unwrap_or(Duration::MAX);
        (self.is_growing() && limit.is_finite()).then(|| Eta {
            earliest: after(high),
            likely: after(per_second),
            latest: after(low),
        })
    }
}

fn pairwise_slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (index, (x, y)) in points.iter().enumerate() {
        slopes.extend(points[index + 1..].iter().map(|(later, above)| (above - y) / (later - x)));
    }
    slopes
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if is_even => Some(f64::midpoint(lower, upper)),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    /// A sample every five minutes.
    fn samples(bytes: impl IntoIterator<Item = f64>) -> Vec<Sample> {
        let at = |step: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(300 * step);
        (0_i64..).zip(bytes).map(|(step, bytes)| Sample { at: at(step), bytes }).collect()
    }

    fn trend(bytes: impl IntoIterator<Item = f64>) -> Trend {
        Trend::of(&samples(bytes)).unwrap()
    }

    /// Noise that is the same each time, between -1 and 1.
    fn noise(step: i32) -> f64 {
        f64::from((step * 7_919) % 201 - 100) / 100.0
    }

    #[test]
    fn a_line_is_its_own_trend() {
        let line = trend((0..48).map(|step| 1e6 + 3e5 * f64::from(step)));
        assert!((line.slope.per_second - 1e3).abs() < 1e-6, "{line:?}");
        assert!(line.is_growing() && (line.slope.high - line.slope.low) < 1e-3);
        let eta = line.eta(1e6 + 3e5 * 57.0).unwrap();
        assert_eq!(eta.likely.as_secs_f64().round(), 3_000.0);
        assert_eq!(line.eta(1.0).unwrap().likely, Duration::ZERO, "beyond it already");
    }

    #[test]
    fn what_stands_still_shrinks_or_only_swings_has_no_trend() {
        assert!(!trend((0..100).map(|_| 5e8)).is_growing());
        assert!(!trend((0..100).map(|step| 5e8 - 1e5 * f64::from(step))).is_growing());
        assert!(!trend((0..288).map(|step| 5e8 + 1e8 * noise(step))).is_growing());
        // Compactions: it grows for half an hour and falls back.
        let saw = trend((0..288).map(|step| 5e8 + 2e7 * f64::from(step % 6)));
        assert!(!saw.is_growing() && saw.eta(1e9).is_none(), "{saw:?}");
    }

    #[test]
    fn noise_widens_the_band_around_the_truth() {
        let noisy = trend((0..288).map(|step| 3e5 * f64::from(step) + 1e7 * noise(step)));
        assert!(noisy.is_growing(), "{noisy:?}");
        assert!(noisy.slope.low < 1e3 && noisy.slope.high > 1e3, "{noisy:?}");
        let eta = noisy.eta(1e9).unwrap();
        assert!(eta.earliest < eta.likely && eta.likely < eta.latest);
    }

    #[test]
    fn a_staircase_grows_as_its_steps_do() {
        let stairs = trend((0..288).map(|step| 1e7 * f64::from(step / 24)));
        let truth = 1e7 / (24.0 * 300.0);
        assert!((stairs.slope.per_second / truth - 1.0).abs() < 0.15, "{stairs:?}");
        assert!(stairs.is_growing());
    }

    #[test]
    fn a_few_wild_samples_change_little() {
        let line = |step: i32| 3e5 * f64::from(step);
        let wild = trend((0..100).map(|step| if step % 10 == 3 { 9e12 } else { line(step) }));
        assert!((wild.slope.per_second / 1e3 - 1.0).abs() < 0.05, "{wild:?}");
    }

    #[test]
    fn a_fall_in_the_middle_is_why_samples_begin_anew_with_a_defragmentation() {
        let fallen = |step: i32| 3e5 * f64::from(step) - if step > 50 { 5e7 } else { 0.0 };
        assert!(!trend((0..100).map(fallen)).is_growing());
        assert!(trend((51..100).map(fallen)).is_growing());
    }

    #[test]
    fn few_samples_or_no_time_between_them_are_no_trend() {
        assert_eq!(Trend::of(&samples((0..5).map(f64::from))), None);
        assert_eq!(Trend::of(&[]), None);
        let same = Sample { at: Timestamp::UNIX_EPOCH, bytes: 1.0 };
        assert_eq!(Trend::of(&[same; 50]), None);
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![f64::NAN, 2.0]), Some(2.0));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    proptest! {
        #[test]
        fn no_samples_make_it_panic(
            bytes in prop::collection::vec(any::<f64>(), 0..400),
            limit in any::<f64>(),
        ) {
            if let Some(trend) = Trend::of(&samples(bytes)) {
                let Slope { per_second, low, high } = trend.slope;
                prop_assert!(low <= per_second && per_second <= high);
                let _ = trend.eta(limit);
            }
        }
    }
}
