//! Go's numbers, booleans and durations in text, with the texts of its errors.

use std::time::Duration;

use super::quote;

/// Reads a number as flags take it: decimal, `0x…`, `0o…`, `0b…`, `0…`, with `_` between digits.
pub fn int64(text: &str) -> Result<i64, String> {
    let (negative, digits) = sign(text);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let plain: String = digits.chars().filter(|letter| *letter != '_').collect();
    convert(text, negative, &plain, radix)
}

/// Reads a number in one radix.
pub fn int64_base(text: &str, radix: u32) -> Result<i64, String> {
    let (negative, digits) = sign(text);
    convert(text, negative, digits, radix)
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn convert(text: &str, negative: bool, digits: &str, radix: u32) -> Result<i64, String> {
    let failed = |why: &str| Err(format!("strconv.ParseInt: parsing {}: {why}", shown(text)));
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return failed("invalid syntax");
    }
    let magnitude = i128::from_str_radix(digits, radix).unwrap_or(i128::MAX);
    let number = if negative { -magnitude } else { magnitude };
    i64::try_from(number).or_else(|_| failed("value out of range"))
}

/// Reads a boolean.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", shown(text))),
    }
}

/// Reads a duration such as `1m30s`; negative ones count as none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || Err(format!("time: invalid duration {}", shown(text)));
    let (negative, mut rest) = sign(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return invalid();
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
        let Ok(number) = rest[..end].parse::<f64>() else { return invalid() };
        rest = &rest[end..];
        let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..end];
        let scale = match unit {
            "" => return Err(format!("time: missing unit in duration {}", shown(text))),
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => {
                let unit = shown(unit);
                return Err(format!("time: unknown unit {unit} in duration {}", shown(text)));
            }
        };
        seconds += number * scale;
        rest = &rest[end..];
    }
    if negative {
        return Ok(Duration::ZERO);
    }
    Duration::try_from_secs_f64(seconds).or_else(|_| invalid())
}

/// A duration as Go prints it, such as `1m30s` or `2.5ms`.
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let fraction = |nanos: u128, unit: u128, name: &str| {
        let width = unit.ilog10() as usize;
        let (whole, rest) = (nanos / unit, nanos % unit);
        let digits = format!("{rest:0width$}");
        let digits = if rest == 0 { "" } else { digits.trim_end_matches('0') };
        let point = if digits.is_empty() { "" } else { "." };
        format!("{whole}{point}{digits}{name}")
    };
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => fraction(nanos, 1_000, "\u{b5}s"),
        1_000_000..1_000_000_000 => fraction(nanos, 1_000_000, "ms"),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = fraction(nanos % 60_000_000_000, 1_000_000_000, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

fn shown(text: &str) -> String {
    quote(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_flags_take_them() {
        assert_eq!(int64("0x10"), Ok(16));
        assert_eq!(int64("010"), Ok(8));
        assert_eq!(int64("-1_000"), Ok(-1000));
        assert_eq!(int64("0"), Ok(0));
        assert_eq!(int64_base("694d", 16), Ok(0x694d));
        let error = int64("abc").unwrap_err();
        assert_eq!(error, "strconv.ParseInt: parsing \"abc\": invalid syntax");
        let error = int64("9223372036854775808").unwrap_err();
        assert_eq!(error, "strconv.ParseInt: parsing \"9223372036854775808\": value out of range");
    }

    #[test]
    fn durations_are_read_and_shown_as_go_does() {
        for text in ["5s", "1m30s", "2.5ms", "1h0m0s", "100ns", "1.5\u{b5}s"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        assert_eq!(duration("5").unwrap_err(), "time: missing unit in duration \"5\"");
        assert_eq!(duration("5x").unwrap_err(), "time: unknown unit \"x\" in duration \"5x\"");
        assert_eq!(duration("abc").unwrap_err(), "time: invalid duration \"abc\"");
    }
}
