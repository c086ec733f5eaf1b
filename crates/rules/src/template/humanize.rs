//! Numbers for people, as Prometheus' template functions write them.

use jiff::Timestamp;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const LARGE_BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// With a decimal prefix: `1.235k`.
pub(super) fn decimal(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value);
    }
    let (value, prefix) =
        if value.abs() >= 1.0 { enlarged(value, 1000.0, &LARGE) } else { reduced(value) };
    format!("{}{prefix}", significant(value))
}

/// With a binary prefix: `1.206ki`.
pub(super) fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return significant(value);
    }
    let (value, prefix) = enlarged(value, 1024.0, &LARGE_BINARY);
    format!("{}{prefix}", significant(value))
}

/// A time span in seconds: `1d 2h 3m 4s`, `12ms`.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value);
    }
    if value == 0.0 {
        return format!("{}s", significant(value));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = reduced(value);
        return format!("{}{prefix}s", significant(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    let whole = value as u64;
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3_600 % 24, whole / 86_400);
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", significant(value))
    }
}

/// A part of one: `12.5%`.
pub(super) fn percentage(value: f64) -> String {
    format!("{}%", significant(value * 100.0))
}

/// Seconds of Unix time as Go prints a moment; none when they are out of range.
pub(super) fn timestamp(value: f64) -> Option<String> {
    if !value.is_finite() {
        return Some(significant(value));
    }
    let at = Timestamp::from_millisecond((value * 1000.0).floor() as i64).ok()?;
    let fraction = at.strftime("%.f").to_string();
    Some(format!("{}{fraction} +0000 UTC", at.strftime("%Y-%m-%d %H:%M:%S")))
}

/// Four significant digits: C's and Go's `%.4g`.
fn significant(value: f64) -> String {
    const DIGITS: i32 = 4;
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{:.*e}", DIGITS as usize - 1, value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or_default();
        return without_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs())
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

fn enlarged(mut value: f64, step: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < step {
            break;
        }
        prefix = next;
        value /= step;
    }
    (value, prefix)
}

fn reduced(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expectations are those of Prometheus' own documentation and tests.
    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (1_234_567.0, "1.235M"),
            (0.12, "120m"),
            (-1_500.0, "-1.5k"),
            (1e-30, "1e-06y"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
            (999.96, "1000"),
        ] {
            assert_eq!(decimal(value), text, "{value}");
        }
        for (value, text) in [(0.5, "0.5"), (1_024.0, "1ki"), (1_048_576.0, "1Mi"), (0.12, "0.12")]
        {
            assert_eq!(binary(value), text, "{value}");
        }
    }

    #[test]
    fn spans_parts_and_moments_are_written_as_prometheus_writes_them() {
        for (value, text) in [
            (0.0, "0s"),
            (1.0, "1s"),
            (59.999, "60s"),
            (60.0, "1m 0s"),
            (90.0, "1m 30s"),
            (3_600.0, "1h 0m 0s"),
            (86_400.0 * 2.0 + 1.0, "2d 0h 0m 1s"),
            (-61.0, "-1m 1s"),
            (0.1, "100ms"),
            (0.0001, "100us"),
            (12.5, "12.5s"),
        ] {
            assert_eq!(duration(value), text, "{value}");
        }
        assert_eq!(percentage(0.123_456), "12.35%");
        assert_eq!(percentage(-1.0), "-100%");
        let at = timestamp(1_435_065_584.128).expect("a moment");
        assert_eq!(at, "2015-06-23 13:19:44.128 +0000 UTC");
        assert_eq!(timestamp(0.0).expect("a moment"), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(timestamp(1e300), None);
    }
}
