//! Durations as Prometheus and Alertmanager write them: `30s`, `1h30m`, `1d`.

use std::fmt::Write as _;
use std::time::Duration;

/// The units, in the order in which they may follow each other, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration; none when `text` is none.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total, mut units) = (text, 0_u64, &UNITS[..]);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let place = units.iter().position(|(unit, _)| *unit == &rest[..letters])?;
        total = total.checked_add(count.checked_mul(units[place].1)?)?;
        units = &units[place + 1..];
        rest = &rest[letters..];
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Writes a duration in the shortest form that [`parse`] reads; what is below a millisecond is left
/// out.
pub fn print(duration: Duration) -> String {
    let mut rest = duration.as_millis() as u64;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in UNITS {
        // As Prometheus does it: weeks and years only where nothing is left over.
        if rest < size || (matches!(unit, "y" | "w") && !rest.is_multiple_of(size)) {
            continue;
        }
        let _ = write!(text, "{}{unit}", rest / size);
        rest %= size;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_prometheus_does() {
        for (text, millis, printed) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("30s", 30_000, "30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90m", 5_400_000, "1h30m"),
            ("1d", 86_400_000, "1d"),
            ("14d", 1_209_600_000, "2w"),
            ("15d", 1_296_000_000, "15d"),
            ("1y", 31_536_000_000, "1y"),
            ("1s500ms", 1_500, "1s500ms"),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(print(Duration::from_millis(millis)), printed, "{text}");
        }
        for text in ["", "5", "s", "1m1h", "1s1s", "-1s", "1.5s", "1 s", "99999999999999y"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
