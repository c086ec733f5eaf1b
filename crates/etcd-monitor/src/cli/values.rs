//! Values that stand for more than a word: durations, moments, and a user with a password.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;
use jiff::{SpanRelativeTo, Timestamp};
use model::secret::Secret;

use crate::benchmarks::MIN_INTERVAL;
use crate::query::request::Moment;

/// A duration as people and Go write it: `500ms`, `2s`, `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const PARSER: SpanParser = SpanParser::new();
    PARSER
        .parse_unsigned_duration(text)
        .map_err(|_| "give a number with a unit, such as 500ms, 2s or 1m30s".to_owned())
}

/// The time between two benchmarks: a minute or more, or 0.
pub(super) fn run_interval(text: &str) -> Result<Duration, String> {
    span(text)
        .filter(|time| time.is_zero() || *time >= MIN_INTERVAL)
        .ok_or_else(|| "give 1m or more, such as 6h or 1d, or 0s".to_owned())
}

/// A duration over 0 that may be as long as days and weeks, each of 24 hours: `15s`, `6h`, `1w2d`.
pub(super) fn step(text: &str) -> Result<Duration, String> {
    span(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "give a number over 0 with a unit, such as 15s, 6h or 7d".to_owned())
}

/// RFC 3339, Unix seconds, or `2h ago`.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(Moment::Ago(Duration::ZERO));
    }
    if let Some(ago) = text.strip_suffix("ago").and_then(span) {
        return Ok(Moment::Ago(ago));
    }
    let seconds = || {
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite())?;
        Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).ok()
    };
    let at = text.parse().ok().or_else(seconds);
    at.map(Moment::At).ok_or_else(|| {
        "give a time such as 2026-11-24T02:30:00Z, 1795487400 or '2h ago'".to_owned()
    })
}

fn span(text: &str) -> Option<Duration> {
    const PARSER: SpanParser = SpanParser::new();
    let span = PARSER.parse_span(text.trim()).ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// `user` or `user:password`.
///
/// Any text is accepted here, since clap's errors repeat the value; validation judges it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPassword {
    /// The user's name.
    pub user: String,
    /// The password, where one is given; everything after the first colon.
    pub password: Option<Secret<String>>,
}

impl FromStr for UserPassword {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(Secret::new(password.to_owned()))),
            None => (text, None),
        };
        Ok(Self { user: user.to_owned(), password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [("500ms", 500), ("2s", 2_000), ("1m30s", 90_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "-2s", "2 parsecs", "∞"] {
            assert!(duration(text).unwrap_err().contains("1m30s"), "{text}");
        }
    }

    #[test]
    fn a_step_may_be_days_and_is_never_zero() {
        for (text, seconds) in [("15s", 15), ("1m30s", 90), ("7d", 604_800), ("1w 2d", 777_600)] {
            assert_eq!(step(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0s", "15", "-1m", "1h ago", "1 month", "9999999999999999w"] {
            assert!(step(text).unwrap_err().contains("6h or 7d"), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_time_or_a_while_ago() {
        let at = Moment::At("2026-11-24T02:30:00Z".parse().unwrap());
        for text in ["2026-11-24T02:30:00Z", "2026-11-24T03:30:00+01:00", "1795487400"] {
            assert_eq!(moment(text), Ok(at), "{text}");
        }
        assert_eq!(moment("1h30m ago"), Ok(Moment::Ago(Duration::from_mins(90))));
        assert_eq!(moment("now"), Ok(Moment::Ago(Duration::ZERO)));
        for text in ["", "ago", "soon", "yesterday", "1h", "-1h ago", "NaN", "1e300"] {
            assert!(moment(text).unwrap_err().contains("2h ago"), "{text}");
        }
    }

    #[test]
    fn a_password_may_hold_colons_and_never_prints() {
        let parsed: UserPassword = "monitor:a:b".parse().unwrap();
        assert_eq!(parsed.user, "monitor");
        assert_eq!(parsed.password.as_ref().unwrap().expose(), "a:b");
        assert!(!format!("{parsed:?}").contains("a:b"));
        assert!("monitor".parse::<UserPassword>().unwrap().password.is_none());
    }
}
