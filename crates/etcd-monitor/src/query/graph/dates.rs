//! The horizontal axis: local times at round moments.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Columns from one time to the next, at least: a date and some room.
const COLUMNS_A_TICK: i64 = 11;

/// Seconds between two times, below a day.
const STEPS: [i64; 15] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 21_600, 43_200];

const DAY: i64 = 86_400;

/// A time at the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// The times to write under an axis of so many columns.
pub(super) fn ticks(from: Timestamp, to: Timestamp, columns: usize, zone: &TimeZone) -> Vec<Tick> {
    let most = (columns as i64 / COLUMNS_A_TICK).max(1);
    let wanted = ((to.as_second() - from.as_second()) / most).max(1);
    match STEPS.into_iter().find(|step| *step >= wanted) {
        Some(step) => times(from, to, step, zone),
        None => days(from, to, (wanted + DAY - 1) / DAY, zone),
    }
}

/// Times that are round where they are read.
fn times(from: Timestamp, to: Timestamp, step: i64, zone: &TimeZone) -> Vec<Tick> {
    let offset = i64::from(zone.to_offset(from).seconds());
    let local = from.as_second() + i64::from(from.subsec_nanosecond() > 0) + offset;
    let first = local + (-local).rem_euclid(step) - offset;
    let moments = (first..=to.as_second()).step_by(step as usize);
    moments
        .filter_map(|second| Some(tick(Timestamp::from_second(second).ok()?, step, zone)))
        .collect()
}

fn tick(at: Timestamp, step: i64, zone: &TimeZone) -> Tick {
    let local = at.to_zoned_datetime(zone.clone());
    let is_midnight = local.time() == jiff::civil::Time::midnight();
    let format = match step {
        _ if is_midnight => "%b %e",
        ..60 => "%T",
        _ => "%H:%M",
    };
    Tick { at, text: local.strftime(format).to_string().replace("  ", " ") }
}

/// Midnights; a day may have 23 or 25 hours, so they are counted in the calendar.
fn days(from: Timestamp, to: Timestamp, step: i64, zone: &TimeZone) -> Vec<Tick> {
    let midnight =
        |date: Date| date.to_zoned_datetime(zone.clone()).ok().map(|local| local.timestamp());
    let mut ticks = Vec::new();
    let mut date = from.to_zoned_datetime(zone.clone()).date();
    while let Some(at) = midnight(date).filter(|at| *at <= to) {
        let is_first = ticks.is_empty();
        if at >= from {
            ticks.push(tick(at, DAY, zone));
        }
        let days = if is_first && at < from { 1 } else { step };
        match date.checked_add(days.days()) {
            Ok(next) => date = next,
            Err(_) => break,
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::tz::Offset;

    use super::*;

    fn shown(from: &str, hours: i64, columns: usize, zone: &TimeZone) -> String {
        let from: Timestamp = from.parse().unwrap();
        let ticks = ticks(from, from + SignedDuration::from_hours(hours), columns, zone);
        ticks.into_iter().map(|tick| tick.text).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn times_are_round_where_they_are_read() {
        let from = "2026-11-23T22:20:00Z";
        let utc = TimeZone::UTC;
        let india = TimeZone::fixed(Offset::from_seconds(19_800).unwrap());
        for (hours, columns, zone, expected) in [
            (1, 70, &utc, "22:20 | 22:30 | 22:40 | 22:50 | 23:00 | 23:10 | 23:20"),
            (6, 70, &utc, "23:00 | Nov 24 | 01:00 | 02:00 | 03:00 | 04:00"),
            (6, 70, &india, "04:00 | 05:00 | 06:00 | 07:00 | 08:00 | 09:00"),
            (24, 70, &utc, "Nov 24 | 06:00 | 12:00 | 18:00"),
            (24 * 7, 70, &utc, "Nov 24 | Nov 26 | Nov 28 | Nov 30"),
            (
                24 * 7,
                180,
                &utc,
                "Nov 24 | 12:00 | Nov 25 | 12:00 | Nov 26 | 12:00 | Nov 27 | 12:00 | Nov 28 | 12:00 | Nov 29 | 12:00 | Nov 30 | 12:00",
            ),
            (24 * 365, 40, &utc, "Nov 24 | Mar 26 | Jul 26"),
        ] {
            assert_eq!(shown(from, hours, columns, zone), expected, "{hours} h");
        }
        let from: Timestamp = from.parse().unwrap();
        let short = ticks(from, from + SignedDuration::from_secs(20), 40, &utc);
        let short: Vec<_> = short.iter().map(|tick| tick.text.as_str()).collect();
        assert_eq!(short, ["22:20:00", "22:20:10", "22:20:20"]);
    }

    #[test]
    fn days_begin_at_midnight_however_long_they_are() {
        let Ok(berlin) = TimeZone::get("Europe/Berlin") else { return };
        let expected = "Oct 24 | Oct 25 | Oct 26 | Oct 27";
        assert_eq!(shown("2026-10-23T12:00:00Z", 24 * 4, 50, &berlin), expected);
    }
}
