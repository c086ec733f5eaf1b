//! An answer by HTTP, and what its status means for the delivery.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use model::clock::{Clock, SystemClock};

use crate::failure::{Failure, FailureClass};
use crate::text::clip;

/// Longest pause that a receiver may ask for; a slip of its clock must not silence us for days.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);
/// How much of an answer is quoted.
const EXCERPT_CHARS: usize = 200;

/// An answer by HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// As much as arrived in time and within the limit.
    pub(crate) body: Bytes,
}

impl Reply {
    /// The answer if it is a success, else what kind of failure it is.
    pub(crate) fn accepted(self) -> Result<Self, Failure> {
        if self.status.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The failure that this answer is.
    pub(crate) fn failure(&self) -> Failure {
        let code = self.status.as_u16();
        let class = match code {
            408 | 425 | 429 | 500..=599 => FailureClass::TryLater,
            300..=499 => FailureClass::Refused,
            _ => FailureClass::Garbled,
        };
        let mut message = format!("answered {code}");
        if self.status.is_redirection() {
            message
                .push_str(", a redirect that is not followed; configure the address it leads to");
        }
        if let Some(excerpt) = self.excerpt() {
            message.push_str(": ");
            message.push_str(&excerpt);
        }
        let retry_after = self.retry_after(SystemClock.now());
        Failure { class, retry_after, message }
    }

    /// How long the receiver asks to be left alone, as of `now`.
    pub(crate) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        let asked = text(header::RETRY_AFTER)?.trim();
        let pause = if let Ok(seconds) = asked.parse::<f64>() {
            Duration::try_from_secs_f64(seconds).ok()?
        } else {
            // By the receiver's own clock, where it tells it.
            let now = text(header::DATE).and_then(http_date).unwrap_or(now);
            let wait = http_date(asked)?.duration_since(now);
            Duration::try_from(wait).unwrap_or_default()
        };
        Some(pause.min(MAX_RETRY_AFTER))
    }

    /// The beginning of the body on one line, unless it is a page for browsers.
    fn excerpt(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(4 * EXCERPT_CHARS)]);
        let text = crate::text::one_line(&text);
        let is_prose = !text.is_empty() && !text.starts_with('<');
        is_prose.then(|| clip(&text, EXCERPT_CHARS).into_owned())
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers: map, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        let date = "Sat, 28 Nov 2026 10:01:30 GMT";
        for (headers, seconds) in [
            (vec![("retry-after", "30")], Some(30.0)),
            (vec![("retry-after", "1.5")], Some(1.5)),
            (vec![("retry-after", date)], Some(90.0)),
            (vec![("retry-after", date), ("date", "Sat, 28 Nov 2026 10:01:00 GMT")], Some(30.0)),
            (vec![("retry-after", "Sat, 28 Nov 2026 09:00:00 GMT")], Some(0.0)),
            (vec![("retry-after", "99999999")], Some(86_400.0)),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "NaN")], None),
            (vec![], None),
        ] {
            let pause = reply(429, &headers, "").retry_after(now);
            assert_eq!(pause.map(|pause| pause.as_secs_f64()), seconds, "{headers:?}");
        }
    }

    #[test]
    fn a_status_says_whether_another_try_makes_sense() {
        use FailureClass::{Garbled, Refused, TryLater};
        let known =
            [(429, TryLater), (503, TryLater), (408, TryLater), (400, Refused), (302, Refused)];
        for (status, class) in known.into_iter().chain([(404, Refused), (101, Garbled)]) {
            assert_eq!(reply(status, &[], "").failure().class, class, "{status}");
        }
    }

    #[test]
    fn an_answer_is_quoted_on_one_line_unless_it_is_a_page() {
        let quoted = |body: &str| reply(400, &[], body).failure().message;
        assert_eq!(quoted("no\r\nsuch\u{1b}[31m  channel"), "answered 400: no such[31m channel");
        assert_eq!(quoted("<html>x"), "answered 400");
        assert_eq!(quoted(""), "answered 400");
        assert!(quoted(&"x".repeat(10_000)).len() < 230);
    }
}
