//! Reading time intervals from a configuration.

use jiff::tz::TimeZone;
use model::config_error::ConfigError;
use serde_json::Value;

use super::TimeInterval;
use crate::reader::Fields;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

impl TimeInterval {
    /// The interval that `value` describes; mistakes in it go to `errors`.
    pub(crate) fn read(value: &Value, path: &str, errors: &mut Vec<ConfigError>) -> Self {
        let Some(fields) = Fields::of(value, path, errors) else { return Self::default() };
        fields.only(&["times", "weekdays", "days_of_month", "months", "years", "location"], errors);
        Self {
            times: times(&fields, errors),
            weekdays: ranges(&fields, "weekdays", weekdays, errors),
            days_of_month: ranges(&fields, "days_of_month", days_of_month, errors),
            months: ranges(&fields, "months", months, errors),
            years: ranges(&fields, "years", years, errors),
            location: location(&fields, errors),
        }
    }
}

fn times(fields: &Fields<'_>, errors: &mut Vec<ConfigError>) -> Option<Vec<(u16, u16)>> {
    let mut ranges = Vec::new();
    for (value, path) in fields.list("times", errors)? {
        let Some(fields) = Fields::of(value, &path, errors) else { continue };
        fields.only(&["start_time", "end_time"], errors);
        let mut moment = |key: &str| {
            let Some(text) = fields.text(key, errors) else {
                if !fields.has(key) {
                    errors.push(ConfigError::new(fields.path_of(key), "is missing; give both"));
                }
                return None;
            };
            let minutes = minutes(&text);
            if minutes.is_none() {
                let message =
                    format!("{text:?} is no time of the day; write it from 00:00 to 24:00");
                errors.push(ConfigError::new(fields.path_of(key), message));
            }
            minutes
        };
        let (Some(start), Some(end)) = (moment("start_time"), moment("end_time")) else { continue };
        if start >= end {
            let message = "the start is not before the end; for a night give two ranges, such as \
                           18:00 to 24:00 and 00:00 to 06:00";
            errors.push(ConfigError::new(path, message));
        }
        ranges.push((start, end));
    }
    Some(ranges)
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| -> Option<u16> {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        if is_plain { text.parse().ok() } else { None }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60).then_some(total)
}

fn location(fields: &Fields<'_>, errors: &mut Vec<ConfigError>) -> Option<TimeZone> {
    let name = fields.text("location", errors)?;
    if name.is_empty() || name == "UTC" {
        return Some(TimeZone::UTC);
    }
    if name == "Local" {
        return Some(TimeZone::system());
    }
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        let message = format!(
            "{name:?} is no time zone that this machine knows; give a name such as Europe/Berlin \
             (the system's package for them is called tzdata)"
        );
        errors.push(ConfigError::new(fields.path_of("location"), message));
    }
    zone
}

/// Reads the first and the last of a range.
type Parse<T> = fn(&str, &str) -> Result<(T, T), String>;

/// The ranges of one field: `monday:friday` or `monday`, one text each.
fn ranges<T>(
    fields: &Fields<'_>,
    key: &str,
    parse: Parse<T>,
    errors: &mut Vec<ConfigError>,
) -> Option<Vec<(T, T)>> {
    let mut ranges = Vec::new();
    for (text, path) in fields.texts(key, errors)? {
        let text = text.to_lowercase();
        let (first, last) = text.split_once(':').unwrap_or((&text, &text));
        match parse(first, last) {
            Ok(range) => ranges.push(range),
            Err(message) => errors.push(ConfigError::new(path, message)),
        }
    }
    Some(ranges)
}

fn weekdays(first: &str, last: &str) -> Result<(u8, u8), String> {
    let number = |text: &str| {
        let known = WEEKDAYS.iter().position(|name| *name == text).map(|place| place as u8);
        known.ok_or_else(|| {
            format!("{text:?} is no day of the week; accepted: {}", WEEKDAYS.join(", "))
        })
    };
    let range = (number(first)?, number(last)?);
    if range.0 > range.1 {
        return Err(format!(
            "{last} is before {first}, since weeks begin on Sunday here; give two ranges"
        ));
    }
    Ok(range)
}

fn months(first: &str, last: &str) -> Result<(u8, u8), String> {
    let number = |text: &str| {
        let named = MONTHS.iter().position(|name| *name == text).map(|place| place as u8 + 1);
        named
            .or_else(|| text.parse().ok().filter(|number| (1..=12).contains(number)))
            .ok_or_else(|| format!("{text:?} is no month; give january to december, or 1 to 12"))
    };
    let range = (number(first)?, number(last)?);
    if range.0 > range.1 {
        return Err(format!("{last} is before {first}; give two ranges"));
    }
    Ok(range)
}

fn days_of_month(first: &str, last: &str) -> Result<(i8, i8), String> {
    let number = |text: &str| {
        let day = text.parse().ok().filter(|day: &i8| *day != 0 && (-31..=31).contains(day));
        day.ok_or_else(|| {
            format!("{text:?} is no day of the month; give 1 to 31, or -31 to -1 from its end")
        })
    };
    let range: (i8, i8) = (number(first)?, number(last)?);
    if range.0 < 0 && range.1 > 0 {
        return Err("the last day must be negative when the first is".to_owned());
    }
    // As in a February, so that the range has days in every month.
    let from_start = |day: i8| if day < 0 { 28 + day } else { day };
    if from_start(range.0) > from_start(range.1) {
        return Err(format!("day {last} is always before day {first}"));
    }
    Ok(range)
}

fn years(first: &str, last: &str) -> Result<(i16, i16), String> {
    let number = |text: &str| {
        text.parse().map_err(|_| format!("{text:?} is no year; give one such as 2030"))
    };
    let range: (i16, i16) = (number(first)?, number(last)?);
    if range.0 > range.1 {
        return Err(format!("{last} is before {first}"));
    }
    Ok(range)
}
