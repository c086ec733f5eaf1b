//! Numbers for people: in the unit that they are measured in.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use promql::Unit;

const BINARY: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Seconds' smaller siblings; beyond a minute a time span has two parts.
const FRACTIONS: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];

const PARTS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];

/// A number as Prometheus' API writes it, which loses nothing.
pub(super) fn exact(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { special(value).to_owned() }
}

/// A number in its unit, to three digits; without one, to five.
pub(crate) fn humane(value: f64, unit: Option<Unit>, zone: &TimeZone) -> String {
    if !value.is_finite() {
        return special(value).to_owned();
    }
    match unit {
        None => plain(value),
        Some(Unit::Bytes) => bytes(value),
        Some(Unit::BytesPerSecond) => format!("{}/s", bytes(value)),
        Some(Unit::Seconds) => seconds(value),
        Some(Unit::PerSecond) => format!("{}/s", digits(value, 3)),
        // A hundred times the largest numbers is more than any.
        Some(Unit::Ratio) if value.abs() > 1e300 => plain(value),
        Some(Unit::Ratio) => format!("{}%", digits(value * 100.0, 3)),
        Some(Unit::Timestamp) => moment(value, zone).unwrap_or_else(|| plain(value)),
    }
}

fn special(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => "NaN",
    }
}

fn plain(value: f64) -> String {
    // Whole numbers are counts and identifiers, whose every digit may matter.
    if value.fract() == 0.0 && value.abs() < 1e15 { value.to_string() } else { digits(value, 5) }
}

/// The unit out of `names` in which `value` has the shortest number, and how much it is.
fn binary(value: f64) -> (f64, &'static str) {
    let mut size = 1.0;
    let mut name = BINARY[0];
    for next in &BINARY[1..] {
        // What would be shown as 1024 is one of the next.
        if (value / size).abs() < 1023.5 {
            break;
        }
        size *= 1024.0;
        name = next;
    }
    (size, name)
}

fn bytes(value: f64) -> String {
    let (size, name) = binary(value);
    let amount = value / size;
    let digits = if amount.abs() >= 999.5 { digits(amount, 4) } else { digits(amount, 3) };
    format!("{digits} {name}")
}

fn seconds(value: f64) -> String {
    if value.abs() >= 60.0 {
        return long_seconds(value);
    }
    // What would be shown as 1000 of one is 1 of the next.
    let fraction = FRACTIONS.iter().find(|(size, _)| value.abs() >= size * 0.9995);
    let (size, name) = match fraction {
        _ if value == 0.0 => FRACTIONS[0],
        Some(fraction) => *fraction,
        None => FRACTIONS[3],
    };
    format!("{} {name}", digits(value / size, 3))
}

fn long_seconds(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs().round() as u64;
    let first = PARTS.iter().position(|(size, _)| whole >= *size).unwrap_or(0);
    let (size, name) = PARTS[first];
    let mut text = format!("{sign}{}{name}", whole / size);
    if let Some((part, part_name)) = PARTS.get(first + 1)
        && whole % size >= *part
    {
        let _ = write!(text, " {}{part_name}", whole % size / part);
    }
    text
}

/// The local date and time of a Unix time; `None` when there is no such date.
pub(super) fn moment(seconds: f64, zone: &TimeZone) -> Option<String> {
    let at = Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).ok()?;
    Some(at.to_zoned_datetime(zone.clone()).strftime("%F %T %Z").to_string())
}

/// `value` to so many digits, without zeros at its end.
fn digits(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let before_point = value.abs().log10().floor() as i32 + 1;
    if !(-8..=15).contains(&before_point) {
        return format!("{value:.*e}", (digits - 1).max(0) as usize);
    }
    let decimals = (digits - before_point).max(0) as usize;
    trimmed(&format!("{value:.decimals$}"))
}

/// Without zeros at the end of its decimals.
pub(super) fn trimmed(number: &str) -> String {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        number.to_owned()
    }
}

/// How the numbers along an axis are written: all in one unit, with the same decimals.
pub(super) struct Notation {
    size: f64,
    name: String,
    decimals: usize,
    /// For those that are not one number with a name.
    whole: Option<(Unit, TimeZone)>,
}

impl Notation {
    /// For multiples of `step` up to `largest` in absolute value.
    pub(super) fn new(largest: f64, step: f64, unit: Option<Unit>, zone: &TimeZone) -> Self {
        let (size, name) = match unit {
            Some(Unit::Bytes | Unit::BytesPerSecond) => {
                let (size, name) = binary(largest);
                let over = if unit == Some(Unit::BytesPerSecond) { "/s" } else { "" };
                (size, format!(" {name}{over}"))
            }
            Some(Unit::Seconds) if largest < 60.0 => {
                let fraction = FRACTIONS.iter().find(|(size, _)| largest >= size * 0.9995);
                let (size, name) = fraction.unwrap_or(&FRACTIONS[3]);
                (*size, format!(" {name}"))
            }
            Some(unit @ (Unit::Seconds | Unit::Timestamp)) => {
                let whole = Some((unit, zone.clone()));
                return Self { size: 1.0, name: String::new(), decimals: 0, whole };
            }
            Some(Unit::PerSecond) => (1.0, "/s".to_owned()),
            Some(Unit::Ratio) => (0.01, "%".to_owned()),
            None => (1.0, String::new()),
        };
        let decimals = (0..12).find(|decimals| {
            let scaled = step / size * 10_f64.powi(*decimals);
            scaled >= 0.999 && (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        });
        Self { size, name, decimals: decimals.unwrap_or(3) as usize, whole: None }
    }

    /// `value`, which is a multiple of the step.
    pub(super) fn write(&self, value: f64) -> String {
        if let Some((unit, zone)) = &self.whole {
            return humane(value, Some(*unit), zone);
        }
        let amount = value / self.size;
        if amount.abs() >= 1e15 || (amount != 0.0 && amount.abs() < 1e-9) {
            return format!("{}{}", digits(amount, 3), self.name);
        }
        // No -0.
        format!("{:.*}{}", self.decimals, amount + 0.0, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_their_unit() {
        for (value, unit, text) in [
            (0.0, Some(Unit::Bytes), "0 B"),
            (28_672.0, Some(Unit::Bytes), "28 KiB"),
            (1023.0, Some(Unit::Bytes), "1023 B"),
            (1_048_500.0, Some(Unit::Bytes), "1 MiB"),
            (-1536.0, Some(Unit::Bytes), "-1.5 KiB"),
            (1e30, Some(Unit::Bytes), "867361737988 EiB"),
            (1234.5, Some(Unit::BytesPerSecond), "1.21 KiB/s"),
            (0.0, Some(Unit::Seconds), "0 s"),
            (0.001_234, Some(Unit::Seconds), "1.23 ms"),
            (0.000_999_9, Some(Unit::Seconds), "1 ms"),
            (0.000_000_1, Some(Unit::Seconds), "100 ns"),
            (59.9, Some(Unit::Seconds), "59.9 s"),
            (90.0, Some(Unit::Seconds), "1m 30s"),
            (-7_260.0, Some(Unit::Seconds), "-2h 1m"),
            (86_400.0, Some(Unit::Seconds), "1d"),
            (12.345, Some(Unit::PerSecond), "12.3/s"),
            (0.987_65, Some(Unit::Ratio), "98.8%"),
            (1_795_487_400.0, Some(Unit::Timestamp), "2026-11-24 02:30:00 UTC"),
            (1e300, Some(Unit::Timestamp), "1.0000e300"),
            (123_456_789.0, None, "123456789"),
            (0.123_456_789, None, "0.12346"),
            (1e-20, None, "1.0000e-20"),
            (f64::NAN, Some(Unit::Bytes), "NaN"),
            (f64::NEG_INFINITY, None, "-Inf"),
        ] {
            assert_eq!(humane(value, unit, &TimeZone::UTC), text, "{value} {unit:?}");
        }
        assert_eq!(exact(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(exact(f64::INFINITY), "+Inf");
    }

    #[test]
    fn the_numbers_of_an_axis_share_unit_and_decimals() {
        for (ticks, unit, texts) in [
            ([0.0, 0.0025, 0.005], Some(Unit::Seconds), ["0.0 ms", "2.5 ms", "5.0 ms"]),
            ([0.0, 60.0, 120.0], Some(Unit::Seconds), ["0 s", "1m", "2m"]),
            ([0.0, 524_288.0, 1_048_576.0], Some(Unit::Bytes), ["0.0 MiB", "0.5 MiB", "1.0 MiB"]),
            ([0.9, 0.95, 1.0], Some(Unit::Ratio), ["90%", "95%", "100%"]),
            ([-0.5, 0.0, 0.5], None, ["-0.5", "0.0", "0.5"]),
            ([-0.0, 1e20, 2e20], None, ["0", "1.00e20", "2.00e20"]),
        ] {
            let notation = Notation::new(ticks[2], ticks[1] - ticks[0], unit, &TimeZone::UTC);
            assert_eq!(ticks.map(|tick| notation.write(tick)), texts);
        }
    }
}
