//! What is asked: an expression about a moment or a range.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::Error;

/// Points of a range for which nobody gave a step.
const POINTS: u32 = 120;

/// Steps that people choose, in seconds; the first is etcd-monitor's time between two scrapes.
const STEPS: [u64; 14] =
    [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/// A moment as a person gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This one.
    At(Timestamp),
    /// So long before now.
    Ago(Duration),
}

impl Moment {
    /// When that is, as seen from `now`.
    pub fn at(self, now: Timestamp) -> Result<Timestamp, Error> {
        match self {
            Self::At(at) => Ok(at),
            Self::Ago(ago) => before(now, ago),
        }
    }
}

/// The time that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// One moment.
    Moment(Timestamp),
    /// From `from` to `to`, both included, a point every `step`.
    Range {
        /// The first point.
        from: Timestamp,
        /// No point is later.
        to: Timestamp,
        /// Between two points.
        step: Duration,
    },
}

impl Span {
    /// The span that ends at `end` (by default `now`), and is a moment without a `range`.
    pub(super) fn new(
        end: Option<Moment>,
        range: Option<Duration>,
        step: Option<Duration>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let to = end.map_or(Ok(now), |end| end.at(now))?;
        match range {
            None => Ok(Self::Moment(to)),
            Some(range) => {
                let step = step.unwrap_or_else(|| default_step(range));
                Ok(Self::Range { from: before(to, range)?, to, step })
            }
        }
    }

    /// The API's route for such a question.
    pub(super) fn route(&self) -> &'static str {
        match self {
            Self::Moment(_) => "query",
            Self::Range { .. } => "query_range",
        }
    }
}

fn before(moment: Timestamp, ago: Duration) -> Result<Timestamp, Error> {
    let earlier = SignedDuration::try_from(ago).ok().and_then(|ago| moment.checked_sub(ago).ok());
    earlier.ok_or(Error::TooEarly)
}

fn default_step(range: Duration) -> Duration {
    let wanted = (range / POINTS).as_secs_f64();
    match STEPS.iter().find(|step| **step as f64 >= wanted) {
        Some(step) => Duration::from_secs(*step),
        None => Duration::from_secs((wanted / 86_400.0).ceil() as u64 * 86_400),
    }
}

/// The form that asks for `expression` over `span`.
pub(super) fn form(expression: &str, span: Span, timeout: Duration) -> String {
    let mut form = String::from("query=");
    encode(expression, &mut form);
    // Seconds with milliseconds, as the API has them.
    let seconds = |at: Timestamp| at.as_millisecond() as f64 / 1_000.0;
    let _ = match span {
        Span::Moment(at) => write!(form, "&time={}", seconds(at)),
        Span::Range { from, to, step } => {
            write!(form, "&start={}&end={}&step={}", seconds(from), seconds(to), step.as_secs_f64())
        }
    };
    let _ = write!(form, "&timeout={}", timeout.as_secs_f64());
    form
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_487_400, 250_000_000);

    #[test]
    fn a_span_goes_back_from_its_end() {
        let hour = Duration::from_hours(1);
        assert_eq!(Span::new(None, None, None, NOW).unwrap(), Span::Moment(NOW));
        let earlier = NOW - SignedDuration::from_hours(1);
        let ago = Some(Moment::Ago(hour));
        assert_eq!(Span::new(ago, None, None, NOW).unwrap(), Span::Moment(earlier));
        let from = NOW - SignedDuration::from_hours(2);
        let range = Span::Range { from, to: earlier, step: Duration::from_secs(30) };
        assert_eq!(Span::new(ago, Some(hour), None, NOW).unwrap(), range);
        assert!(Span::new(None, Some(Duration::MAX), None, NOW).is_err());
    }

    #[test]
    fn the_step_is_one_that_people_choose() {
        for (range_minutes, step_seconds) in [
            (1, 15),
            (30, 15),
            (60, 30),
            (6 * 60, 300),
            (24 * 60, 900),
            (7 * 24 * 60, 7_200),
            (90 * 24 * 60, 86_400),
            (365 * 24 * 60, 4 * 86_400),
        ] {
            let step = default_step(Duration::from_mins(range_minutes));
            assert_eq!(step, Duration::from_secs(step_seconds), "{range_minutes} min");
        }
    }

    #[test]
    fn the_form_is_encoded() {
        let span = Span::new(None, Some(Duration::from_mins(1)), None, NOW).unwrap();
        let timeout = Duration::from_secs(30);
        assert_eq!(
            form("sum(a{b=\"ä &\"})", span, timeout),
            "query=sum%28a%7Bb%3D%22%C3%A4%20%26%22%7D%29\
             &start=1795487340.25&end=1795487400.25&step=15&timeout=30"
        );
        let form = form("a", Span::Moment(NOW), timeout);
        assert_eq!(form, "query=a&time=1795487400.25&timeout=30");
    }
}
