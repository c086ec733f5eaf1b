//! Parameters of requests, from the address and from a form in the body.

use std::time::Duration;

use axum::Form;
use axum::extract::{FromRequest, Query, Request};
use axum::response::IntoResponse as _;
use http::Method;
use jiff::Timestamp;
use model::series::Matcher;

use super::failure::Failure;

/// The longest query that is read; dashboards with all their alternatives are far below.
const MAX_QUERY_BYTES: usize = 256 * 1024;

/// As in Prometheus: what is beyond is no picture, and would cost memory.
const MAX_POINTS: i64 = 11_000;

/// Beyond, times that are worked out from a time would no longer fit; 285,000 years.
const MAX_TIME_MS: f64 = 9e15;

/// Parameters by name; a name may come more than once.
pub(super) struct Parameters(Vec<(String, String)>);

/// The moments that a range query asks for, milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) step_ms: i64,
}

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Query(of_address) = Query::<Vec<(String, String)>>::try_from_uri(request.uri())
            .map_err(|error| Failure::bad_data(format!("error parsing form values: {error}")))?;
        let mut all = Vec::new();
        if request.method() == Method::POST {
            // First, since Go's forms are in this order too.
            let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
            let Form(of_body) =
                form.map_err(|rejection| Failure::of_form(rejection.into_response().status()))?;
            all.extend(of_body);
        }
        all.extend(of_address);
        Ok(Self(all))
    }
}

impl Parameters {
    /// The first value of this name; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The text of the query.
    pub(super) fn query(&self) -> Result<String, Failure> {
        let text = self.get("query").unwrap_or_default();
        if text.len() > MAX_QUERY_BYTES {
            let text = format!("{} bytes; at most {MAX_QUERY_BYTES} are read", text.len());
            return Err(Failure::parameter("query", &text));
        }
        Ok(text.to_owned())
    }

    /// A time, milliseconds since 1970 UTC; none when the parameter is missing.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|text| required(name, "timestamp", text, time_ms(text))).transpose()
    }

    /// A duration of at least zero; none when the parameter is missing.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let ms = required(name, "duration", text, duration_ms(text))?;
        Ok(Some(Duration::from_millis(ms.try_into().unwrap_or(0))))
    }

    /// How many series are wanted; none is all of them.
    pub(super) fn limit(&self) -> Result<Option<usize>, Failure> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        let limit: usize = text.parse().map_err(|_| {
            Failure::parameter("limit", &format!("cannot parse {text:?} to a number of series"))
        })?;
        Ok(Some(limit).filter(|limit| *limit > 0))
    }

    /// The moments of a range query.
    pub(super) fn steps(&self) -> Result<Steps, Failure> {
        let text = |name| self.get(name).unwrap_or_default();
        let time = |name| required(name, "timestamp", text(name), time_ms(text(name)));
        let (start_ms, end_ms) = (time("start")?, time("end")?);
        if end_ms < start_ms {
            let text = "end timestamp must not be before start time";
            return Err(Failure::parameter("end", text));
        }
        let step_ms = required("step", "duration", text("step"), duration_ms(text("step")))?;
        if step_ms <= 0 {
            return Err(Failure::parameter(
                "step",
                "zero or negative query resolution step widths are not accepted. Try a positive \
                 integer",
            ));
        }
        if (end_ms - start_ms) / step_ms > MAX_POINTS {
            return Err(Failure::bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the \
                 query resolution (?step=XX)",
            ));
        }
        Ok(Steps { start_ms, end_ms, step_ms })
    }

    /// From when to when series are wanted; all of time by default.
    pub(super) fn span(&self) -> Result<(i64, i64), Failure> {
        let most = MAX_TIME_MS as i64;
        Ok((self.time("start")?.unwrap_or(-most), self.time("end")?.unwrap_or(most)))
    }

    /// Whether no series are left out but by time, which is checked and then not looked at: what was
    /// there once is a right answer for all of time, and nearly one for less.
    pub(super) fn is_about_everything(&self) -> Result<bool, Failure> {
        self.span()?;
        Ok(self.selectors().next().is_none())
    }

    /// The texts of the `match[]` parameters.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(name, _)| name == "match[]").map(|(_, value)| value.as_str())
    }

    /// The conditions of the `match[]` parameters, one set for each.
    pub(super) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, Failure> {
        self.selectors().map(matchers).collect()
    }
}

fn matchers(text: &str) -> Result<Vec<Matcher>, Failure> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(Failure::bad_data(format!("match[] of {} bytes is too long", text.len())));
    }
    let query = promql::Query::parse(text)
        .map_err(|error| Failure::bad_data(format!("invalid parameter \"match[]\": {error}")))?;
    let matchers = query.matchers().ok_or_else(|| {
        Failure::parameter("match[]", "expected a series selector such as {job=\"etcd\"}")
    })?;
    Ok(matchers.to_vec())
}

fn required(name: &str, what: &str, text: &str, found: Option<i64>) -> Result<i64, Failure> {
    found.ok_or_else(|| {
        Failure::parameter(name, &format!("cannot parse {text:?} to a valid {what}"))
    })
}

/// Seconds of Unix time with a fraction, or RFC 3339.
fn time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return whole_ms(seconds);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Seconds with a fraction, or as PromQL writes it: `1h30m`.
fn duration_ms(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => whole_ms(seconds),
        Err(_) if text.is_empty() => None,
        Err(_) => promql::parse_duration(text),
    }
}

fn whole_ms(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1_000.0).round();
    (ms.abs() <= MAX_TIME_MS).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        Parameters(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn times_and_durations_are_read_as_prometheus_reads_them() {
        for (text, expected) in [
            ("1.5", Some(1_500)),
            ("-2", Some(-2_000)),
            ("1e3", Some(1_000_000)),
            ("1970-01-01T00:00:01.5Z", Some(1_500)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("NaN", None),
            ("Inf", None),
            ("1e300", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(time_ms(text), expected, "{text}");
        }
        for (text, expected) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1h30m", Some(5_400_000)),
            ("", None),
            ("1x", None),
            ("inf", None),
        ] {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_value_counts_and_an_empty_one_is_none() {
        let found = parameters(&[("time", "1"), ("time", "2"), ("limit", ""), ("timeout", "5s")]);
        assert_eq!(found.time("time").unwrap(), Some(1_000));
        assert_eq!(found.limit().unwrap(), None);
        assert_eq!(found.duration("timeout").unwrap(), Some(Duration::from_secs(5)));
        assert_eq!(parameters(&[("limit", "0")]).limit().unwrap(), None);
        assert!(parameters(&[("limit", "-1")]).limit().is_err());
    }

    #[test]
    fn a_range_has_at_most_eleven_thousand_steps() {
        let steps = |end: &str, step: &str| {
            parameters(&[("start", "0"), ("end", end), ("step", step)]).steps()
        };
        let steps_of = Steps { start_ms: 0, end_ms: 11_000_000, step_ms: 1_000 };
        assert_eq!(steps("11000", "1").unwrap(), steps_of);
        for (end, step) in [("11001", "1"), ("-1", "1"), ("1", "0"), ("1", "-1"), ("1", "0.0001")] {
            assert!(steps(end, step).is_err(), "{end} {step}");
        }
    }

    #[test]
    fn only_a_plain_selector_is_a_match() {
        assert_eq!(matchers("up{job=\"etcd\"}").unwrap().len(), 2);
        for text in ["", "{}", "{a=\"\"}", "up[5m]", "up offset 1m", "sum(up)", "1", "{b=~\"(\"}"] {
            assert!(matchers(text).is_err(), "{text}");
        }
    }
}
