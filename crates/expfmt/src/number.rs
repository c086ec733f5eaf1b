//! Values and timestamps as text.

use std::fmt::Write as _;

use crate::format::Format;

/// Reads a value: decimal or exponent notation, `NaN`, `+Inf`, `-Inf`.
pub(crate) fn parse_value(token: &str) -> Option<f64> {
    // Most values are counts. Up to 15 digits fit the mantissa, so the conversion is exact.
    if token.len() <= 15 {
        let mut count = 0_u64;
        let mut digits = 0;
        for byte in token.bytes() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            count = count * 10 + u64::from(digit);
            digits += 1;
        }
        if digits == token.len() && digits > 0 {
            return Some(count as f64);
        }
    }
    token.parse().ok()
}

/// Reads a timestamp into milliseconds since 1970.
pub(crate) fn parse_timestamp_ms(token: &str, format: Format) -> Option<i64> {
    match format {
        Format::Text => token.parse().ok(),
        Format::OpenMetrics => {
            let milliseconds = (token.parse::<f64>().ok()? * 1000.0).round();
            // Beyond this a float no longer counts whole milliseconds.
            (milliseconds.abs() < 9e15).then_some(milliseconds as i64)
        }
    }
}

/// Appends a value so that reading it gives the same bits back (any NaN becomes `NaN`).
pub(crate) fn write_value(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        // `Display` writes whole numbers without a point, and keeps the sign of zero.
        write_display(out, value);
    } else {
        write_debug(out, value);
    }
}

/// Appends the upper bound of a bucket. OpenMetrics wants `1.0`, the text format has `1`.
pub(crate) fn write_bound(out: &mut String, bound: f64, format: Format) {
    match format {
        Format::OpenMetrics if bound.is_finite() => write_debug(out, bound),
        _ => write_value(out, bound),
    }
}

/// Appends a timestamp.
pub(crate) fn write_timestamp(out: &mut String, timestamp_ms: i64, format: Format) {
    match format {
        Format::Text => write_display(out, timestamp_ms),
        Format::OpenMetrics => {
            let sign = if timestamp_ms < 0 { "-" } else { "" };
            let milliseconds = timestamp_ms.unsigned_abs();
            let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
            write!(out, "{sign}{seconds}.{rest:03}").expect("invariant: a string takes all text");
        }
    }
}

fn write_display(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("invariant: a string takes all text");
}

/// `Debug` is the shortest text that reads back, with an exponent where that is shorter.
fn write_debug(out: &mut String, value: f64) {
    write!(out, "{value:?}").expect("invariant: a string takes all text");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut text = String::new();
        write_value(&mut text, value);
        text
    }

    #[test]
    fn values_are_written_short_and_exact() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.005, "0.005"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1000000000000000.0"),
            (1.5e300, "1.5e300"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn values_are_read_in_every_spelling_of_go() {
        for (text, value) in [
            ("0", 0.0),
            ("000000000000012", 12.0),
            ("999999999999999", 999_999_999_999_999.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("1.4641e+06", 1_464_100.0),
            ("+1.5", 1.5),
            ("-2E-3", -0.002),
            ("Inf", f64::INFINITY),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_value(text), Some(value), "{text}");
        }
        assert!(parse_value("NaN").is_some_and(f64::is_nan));
        for text in ["", "-", "1_000", "0x10", "1e", "one", "1,5", "１"] {
            assert_eq!(parse_value(text), None, "{text}");
        }
    }

    #[test]
    fn a_timestamp_outside_of_time_is_refused() {
        assert_eq!(
            parse_timestamp_ms("1700000000.123", Format::OpenMetrics),
            Some(1_700_000_000_123)
        );
        for text in ["NaN", "+Inf", "1e300", ""] {
            assert_eq!(parse_timestamp_ms(text, Format::OpenMetrics), None, "{text}");
        }
        assert_eq!(parse_timestamp_ms("1.5", Format::Text), None);
    }

    proptest! {
        #[test]
        fn every_value_reads_back_bit_by_bit(bits: u64) {
            let value = f64::from_bits(bits);
            let read = parse_value(&written(value)).unwrap();
            prop_assert!(read.to_bits() == bits || value.is_nan() && read.is_nan());
        }

        #[test]
        fn every_timestamp_of_ten_thousand_years_reads_back(ms in -300_000_000_000_000_i64..300_000_000_000_000) {
            for format in [Format::Text, Format::OpenMetrics] {
                let mut text = String::new();
                write_timestamp(&mut text, ms, format);
                prop_assert_eq!(parse_timestamp_ms(&text, format), Some(ms));
            }
        }
    }
}
