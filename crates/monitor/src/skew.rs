//! How far the clock of a member is from ours, as its HTTP replies tell.
//!
//! Each carries its time to the second. A reply that says `D`, to a request that was sent at `s` and
//! answered at `r`, was written when the member's clock showed something in [D, D + 1 s) at some moment
//! in [s, r]; so its offset lies between D - r and D + 1 s - s. What several replies allow together is
//! narrower than a second, down to the time that a request takes, if they are asked for at different
//! fractions of it. Scrapes are not, since they keep to a grid of whole seconds: so after each the time
//! is asked for once more, at a moment of its own.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Replies kept: with two to a scrape, two minutes.
const REPLIES: usize = 16;

/// The golden section: its multiples, less what is whole, are as far apart as can be, however many.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Fewer say nothing: a single one may be anybody's.
const MIN_REPLIES: usize = 4;

/// Replies that are so much older than the last one are those of a clock of ours that was set back; the
/// replies of one scrape lie closer together.
const SET_BACK: SignedDuration = SignedDuration::from_mins(2);

/// How long after the `scrape`th scrape of a member, from 0 on, the time is asked for once more.
pub(crate) fn ask_after(scrape: u32) -> Duration {
    Duration::from_secs_f64((f64::from(scrape) * GOLDEN).fract())
}

/// The time that a reply carries, and when it was asked for and came, by our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// When the request was sent.
    pub sent_at: Timestamp,
    /// From then until the reply was there.
    pub took: Duration,
    /// The `Date` header.
    pub date: Timestamp,
}

/// Between which two numbers of seconds an offset lies; positive when the clock is ahead of ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offset {
    /// Not less than this.
    pub low: f64,
    /// Not more than this.
    pub high: f64,
}

impl Offset {
    /// That of our own clock.
    pub const OURS: Self = Self { low: 0.0, high: 0.0 };

    fn of(reading: &ClockReading) -> Self {
        let sent = reading.date.duration_since(reading.sent_at).as_secs_f64();
        Self { low: sent - reading.took.as_secs_f64(), high: sent + 1.0 }
    }

    fn and(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low <= both.high).then_some(both)
    }

    /// By how much it is certainly away from `other`: positive ahead, negative behind, 0 when they
    /// may be the same.
    pub fn beyond(self, other: Self) -> f64 {
        if self.low > other.high {
            self.low - other.high
        } else if self.high < other.low {
            self.high - other.low
        } else {
            0.0
        }
    }

    /// The middle.
    pub fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }
}

/// The offset in the middle of several: it lies between the lowest that the middle one may be, and the
/// highest. `None` for none.
pub fn median(offsets: &[Offset]) -> Option<Offset> {
    let sorted = |of: fn(&Offset) -> f64| {
        let mut values: Vec<f64> = offsets.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (lows, highs) = (sorted(|offset| offset.low), sorted(|offset| offset.high));
    let last = offsets.len().checked_sub(1)?;
    Some(Offset { low: lows[last / 2], high: highs[offsets.len() / 2] })
}

/// The last replies of one member, and what they allow together.
#[derive(Debug, Clone, Default)]
pub struct SkewTrack {
    readings: VecDeque<ClockReading>,
    offset: Option<Offset>,
}

impl SkewTrack {
    /// Takes replies, in the order in which they were asked for; those that were taken before are
    /// passed over.
    pub fn saw(&mut self, readings: &[ClockReading]) {
        let last_at = self.readings.back().map(|last| last.sent_at);
        if let (Some(last_at), Some(first)) = (last_at, readings.first())
            && last_at.duration_since(first.sent_at) > SET_BACK
        {
            *self = Self::default();
        }
        for reading in readings {
            if self.readings.back().is_some_and(|last| reading.sent_at <= last.sent_at) {
                continue;
            }
            if self.readings.len() == REPLIES {
                self.readings.pop_front();
            }
            self.readings.push_back(*reading);
            self.offset = self.intersection();
            // One of the two clocks was set: what was before counts no more.
            if self.offset.is_none() {
                self.readings.clear();
                self.readings.push_back(*reading);
                self.offset = Some(Offset::of(reading));
            }
        }
    }

    fn intersection(&self) -> Option<Offset> {
        let everything = Offset { low: f64::NEG_INFINITY, high: f64::INFINITY };
        self.readings.iter().map(Offset::of).try_fold(everything, Offset::and)
    }

    /// The offset, once there were enough replies.
    pub fn offset(&self) -> Option<Offset> {
        self.offset.filter(|_| self.readings.len() >= MIN_REPLIES)
    }

    /// The last reply.
    pub fn last(&self) -> Option<&ClockReading> {
        self.readings.back()
    }

    /// How many replies the offset rests on.
    pub fn replies(&self) -> usize {
        self.readings.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;

    /// A reply after so many milliseconds, of a clock that is ahead by `ahead`.
    fn reply(after: i64, took: u64, ahead: i64) -> ClockReading {
        let sent_at = Timestamp::from_millisecond(START + after).unwrap();
        let written = START + after + took as i64 / 2 + ahead;
        let date = Timestamp::from_second(written.div_euclid(1_000)).unwrap();
        ClockReading { sent_at, took: Duration::from_millis(took), date }
    }

    fn track(replies: impl IntoIterator<Item = ClockReading>) -> SkewTrack {
        let mut track = SkewTrack::default();
        replies.into_iter().for_each(|reply| track.saw(&[reply]));
        track
    }

    #[test]
    fn many_replies_narrow_the_offset_down_around_the_truth() {
        for ahead in [-90_000, -1_234, -400, 0, 77, 600, 5_500] {
            let track = track((0..20).map(|n| reply(n * 5_130, 4, ahead)));
            let offset = track.offset().unwrap();
            let truth = ahead as f64 / 1_000.0;
            assert!(offset.low <= truth && truth <= offset.high, "{ahead}: {offset:?}");
            assert!(offset.high - offset.low < 0.2, "{ahead}: {offset:?}");
        }
    }

    #[test]
    fn scrapes_on_a_grid_of_seconds_narrow_the_offset_too() {
        for (ahead, begin) in [(0, 0), (-2_400, 370), (600, 990), (3_000, 500)] {
            let scrape = |n: i64| {
                let at = begin + n * 15_000;
                let later = ask_after(u32::try_from(n).unwrap() + 7).as_millis() as i64;
                [at, at + 10 + later].map(|at| reply(at, 4, ahead))
            };
            let offset = track((0..8).flat_map(scrape)).offset().unwrap();
            let truth = ahead as f64 / 1_000.0;
            assert!(offset.low <= truth && truth <= offset.high, "{ahead}: {offset:?}");
            assert!(offset.high - offset.low < 0.25, "{ahead}: {offset:?}");
        }
    }

    #[test]
    fn few_replies_say_nothing_and_slow_ones_little() {
        assert_eq!(track((0..3).map(|n| reply(n * 5_000, 4, 0))).offset(), None);
        let slow = track((0..20).map(|n| reply(n * 5_130, 1_900, 0))).offset().unwrap();
        assert!(slow.high - slow.low > 1.8, "{slow:?}");
    }

    #[test]
    fn a_clock_that_was_set_begins_anew() {
        let before = (0..20).map(|n| reply(n * 5_130, 4, 0));
        let after = (20..30).map(|n| reply(n * 5_130, 4, 3_000));
        let track = track(before.chain(after));
        assert_eq!(track.replies(), 10);
        assert!((track.offset().unwrap().middle() - 3.0).abs() < 0.3);
    }

    #[test]
    fn our_own_clock_may_be_set_back() {
        let before = (1_000..1_020).map(|n| reply(n * 5_130, 4, 0));
        let after = (0..10).map(|n| reply(n * 5_130, 4, 0));
        assert_eq!(track(before.chain(after)).replies(), 10);
    }

    #[test]
    fn a_reply_counts_once() {
        let mut track = SkewTrack::default();
        let replies: Vec<_> = (0..3).map(|n| reply(n * 100, 4, 0)).collect();
        (0..10).for_each(|_| track.saw(&replies));
        assert_eq!(track.replies(), 3);
    }

    #[test]
    fn dates_at_random_never_come_to_an_offset() {
        let dates = (0..50).map(|n| ClockReading {
            date: Timestamp::from_second((n * 7_919_777) % 4_000_000_000).unwrap(),
            ..reply(n * 5_000, 4, 0)
        });
        assert_eq!(track(dates).offset(), None);
        let ends = [Timestamp::MIN, Timestamp::MAX].into_iter().cycle().take(20);
        let ends = ends.zip(0..).map(|(date, n)| ClockReading { date, ..reply(n * 500, 4, 0) });
        assert_eq!(track(ends).offset(), None);
    }

    #[test]
    fn the_median_and_the_distance_to_it_leave_room_for_what_is_not_known() {
        let offset = |low, high| Offset { low, high };
        let three = [offset(-0.1, 0.1), offset(0.0, 0.3), offset(2.0, 2.2)];
        let middle = median(&three).unwrap();
        assert_eq!(middle, offset(0.0, 0.3));
        assert!((three[2].beyond(middle) - 1.7).abs() < 1e-9);
        assert_eq!(three[0].beyond(middle), 0.0);
        let two = [offset(0.0, 0.1), offset(5.0, 5.1)];
        assert_eq!(median(&two), Some(offset(0.0, 5.1)), "either may be the one that is right");
        assert_eq!(two[1].beyond(two[0]), -two[0].beyond(two[1]));
        assert_eq!(median(&[]), None);
        let later = SignedDuration::from_secs(1).as_secs_f64();
        assert_eq!(offset(0.0, later).middle(), 0.5);
    }
}
