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
