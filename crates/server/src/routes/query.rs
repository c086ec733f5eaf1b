//! What requests ask for: which cluster, which time.

use jiff::{SignedDuration, Timestamp};
use monitor::fleet::ClusterHandle;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;
use crate::state::Shared;
use http::StatusCode;

/// Which cluster, where the path does not say.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ClusterQuery {
    /// The cluster's name; not needed when there is only one.
    pub(super) cluster: Option<String>,
}

/// The cluster of this name.
pub(super) fn named(shared: &Shared, name: &str) -> Result<ClusterHandle, Problem> {
    shared.state.fleet.cluster(name).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "cluster_not_found",
            format!("there is no cluster {name:?}"),
        )
        .accepting(names(shared))
    })
}

/// The cluster of this name, or the only one.
pub(super) fn named_or_only(shared: &Shared, name: Option<&str>) -> Result<ClusterHandle, Problem> {
    if let Some(name) = name {
        return named(shared, name);
    }
    let mut clusters = shared.state.fleet.clusters();
    match (clusters.pop(), clusters.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(Problem::bad_query("there are several clusters; say which one with ?cluster=NAME")
                .accepting(names(shared)))
        }
        (None, _) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "cluster_not_found",
            "no cluster is configured",
        )),
    }
}

fn names(shared: &Shared) -> Vec<String> {
    shared.state.fleet.clusters().iter().map(ClusterHandle::name).collect()
}

/// What a text to search for may take.
const MAX_TEXT: usize = 1_000;

/// How many: `limit`, or the default, and not more than `max`.
pub(super) fn limit(limit: Option<usize>, default: usize, max: usize) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::bad_query(format!("limit={limit} is not accepted; use 1 to {max}")))
}

/// A text to search for; none where it is empty.
pub(super) fn text(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > MAX_TEXT => {
            Err(Problem::bad_query(format!("text is longer than {MAX_TEXT} bytes")))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

/// One of `all`, by the name that it has in answers.
pub(super) fn word<T: Copy, const N: usize>(
    parameter: &str,
    given: Option<&str>,
    all: [T; N],
    as_str: fn(T) -> &'static str,
) -> Result<Option<T>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let found = all.into_iter().find(|value| as_str(*value) == given);
    found.map(Some).ok_or_else(|| {
        Problem::bad_query(format!("{parameter}={given:?} is not known"))
            .accepting(all.map(|value| as_str(value).to_owned()))
    })
}

/// Reads the records on a thread that may wait for the disk.
pub(super) async fn read<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, Problem> {
    let outcome = tokio::task::spawn_blocking(read).await;
    let detail = match outcome {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => {
            tracing::warn!(%error, "records cannot be read");
            error.to_string()
        }
        Err(error) => error.to_string(),
    };
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "records_unavailable", detail))
}

/// A time: RFC 3339, seconds of Unix time, or back from now such as `-30m`.
pub(super) fn time(
    name: &str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let parsed = if let Some(back) = text.strip_prefix('-') {
        back.parse::<SignedDuration>().ok().and_then(|back| now.checked_sub(back).ok())
    } else if let Ok(seconds) = text.parse::<f64>() {
        Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok()
    } else {
        text.parse().ok()
    };
    parsed.map(Some).ok_or_else(|| {
        Problem::bad_query(format!(
            "{name}={text:?} is no time; write 2026-01-31T12:00:00Z, seconds of Unix time, or -30m"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_three_ways() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let read = |text| time("from", Some(text), now).ok().flatten().map(Timestamp::as_second);
        assert_eq!(read("1799999999"), Some(1_799_999_999));
        assert_eq!(read("-30m"), Some(1_800_000_000 - 1_800));
        assert_eq!(read("2027-01-15T08:00:00Z"), Some(1_800_000_000));
        assert_eq!(read("yesterday"), None);
    }
}
