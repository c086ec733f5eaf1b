//! Times of the day, week, month and year at which routes are muted or active, as Alertmanager has
//! them.

mod parse;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A set of moments; a moment is in it when it fits every field that is given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeInterval {
    /// Minutes since midnight: from the first, before the second (at most 1440).
    pub times: Option<Vec<(u16, u16)>>,
    /// Days of the week, Sunday is 0; first and last.
    pub weekdays: Option<Vec<(u8, u8)>>,
    /// Days of the month, first and last; negative ones count from its end, -1 is the last.
    pub days_of_month: Option<Vec<(i8, i8)>>,
    /// Months of the year, January is 1; first and last.
    pub months: Option<Vec<(u8, u8)>>,
    /// Years, first and last.
    pub years: Option<Vec<(i16, i16)>>,
    /// Where the clock hangs; UTC where it is not said.
    pub location: Option<TimeZone>,
}

impl TimeInterval {
    /// Whether `at` is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        let zone = self.location.clone().unwrap_or(TimeZone::UTC);
        let local = zone.to_datetime(at);
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let weekday = local.weekday().to_sunday_zero_offset() as u8;
        fits(self.times.as_ref(), |(from, to)| from <= minute && minute < to)
            && fits(self.days_of_month.as_ref(), |range| is_day_within(&local, range))
            && fits(self.months.as_ref(), |range| is_within(local.month() as u8, range))
            && fits(self.weekdays.as_ref(), |range| is_within(weekday, range))
            && fits(self.years.as_ref(), |range| is_within(local.year(), range))
    }
}

fn fits<T: Copy>(ranges: Option<&Vec<T>>, accepts: impl Fn(T) -> bool) -> bool {
    ranges.is_none_or(|ranges| ranges.iter().any(|range| accepts(*range)))
}

fn is_within<T: PartialOrd + Copy>(value: T, (first, last): (T, T)) -> bool {
    first <= value && value <= last
}

fn is_day_within(local: &DateTime, (first, last): (i8, i8)) -> bool {
    let days = local.date().days_in_month();
    let from_start = |day: i8| if day < 0 { days + day + 1 } else { day };
    let (first, last) = (from_start(first), from_start(last));
    // A range that begins after the month's end has no day in it; one that ends after it, ends there.
    first <= days && is_within(local.day(), (first.max(-days), last.min(days)))
}

/// Several sets under one name; a moment is in it when it is in one of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedIntervals {
    /// Its name in routes.
    pub name: String,
    /// The sets.
    pub intervals: Vec<TimeInterval>,
}

impl NamedIntervals {
    /// Whether `at` is in one of them.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.intervals.iter().any(|interval| interval.contains(at))
    }
}

#[cfg(test)]
mod tests;
