//! How long the space of a cluster lasts, from its history.

mod prefixes;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use monitor::fleet::ClusterHandle;
use monitor::trend::{Sample, Trend};
use monitor::view::MemberView;
use promql::{Query, Value};

use super::query::named;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::capacity::{Capacity, MemberCapacity};
use crate::wire::names::MemberName;

const IN_USE: &str = "etcd_mvcc_db_total_size_in_use_in_bytes";
const SIZE: &str = "etcd_mvcc_db_total_size_in_bytes";

const HOUR_MS: i64 = 3_600_000;

/// How far back is looked and in which steps: a week by the hour, or what a young history has.
const SPANS: [(i64, i64); 3] =
    [(7 * 24 * HOUR_MS, HOUR_MS), (12 * HOUR_MS, HOUR_MS / 12), (HOUR_MS, HOUR_MS / 120)];

/// How long the space of a cluster lasts.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/capacity", tag = "clusters",
    params(("cluster" = String, Path, description = "The cluster's name")),
    responses((status = 200, body = Capacity), (status = 404, body = Problem),
              (status = 503, body = Problem))
)]
pub(super) async fn of_cluster(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
) -> Result<Json<Capacity>, Problem> {
    let handle = named(&shared, &cluster)?;
    let mut trends = BTreeMap::new();
    for span in SPANS {
        for (member, trend) in trends_of(&shared, &handle, span).await? {
            trends.entry(member).or_insert(trend);
        }
    }
    let keys = prefixes::of(&shared, &handle).await?;
    let view = handle.view();
    let listed = view.members.iter().filter(|member| member.is_listed);
    let members = listed.map(|member| of_member(member, trends.get(&member.name))).collect();
    Ok(Json(Capacity { cluster, members, keys }))
}

/// The trends of all members that have one over a span, by name.
async fn trends_of(
    shared: &Shared,
    cluster: &ClusterHandle,
    (range_ms, step_ms): (i64, i64),
) -> Result<BTreeMap<String, Trend>, Problem> {
    let engine = shared.queries.engine();
    let end_ms = shared.now().as_millisecond();
    let selector = format!("{{cluster={:?}}}", cluster.name());
    let series = shared.queries.run(move |store, cancel| {
        let curves = |expression: String| -> Result<Vec<promql::Series>, promql::Error> {
            let query = Query::parse(&expression)?;
            let start_ms = end_ms - range_ms;
            match engine.range(store, &query, start_ms, end_ms, step_ms, cancel)? {
                Value::Matrix(series) => Ok(series),
                _ => Ok(Vec::new()),
            }
        };
        let window = format!("{}s", step_ms / 1_000);
        // What is in use goes down with each compaction: its peak is what the quota must hold.
        let in_use =
            curves(format!("max by (member) (max_over_time({IN_USE}{selector}[{window}]))"))?;
        let size = curves(format!("max by (member) ({SIZE}{selector})"))?;
        Ok((in_use, size))
    });
    let (in_use, sizes) = series.await?;
    let member_of = |series: &promql::Series| {
        series.labels.get("member").map(str::to_owned).unwrap_or_default()
    };
    let shrunk: BTreeMap<String, i64> =
        sizes.iter().filter_map(|size| Some((member_of(size), last_shrink(size)?))).collect();
    let trends = in_use.iter().filter_map(|series| {
        let member = member_of(series);
        let since = shrunk.get(&member).copied().unwrap_or(i64::MIN);
        Some((member, Trend::of(&samples(series, since))?))
    });
    Ok(trends.collect())
}

/// When a file was smaller than before: it was defragmented, or is another one.
fn last_shrink(size: &promql::Series) -> Option<i64> {
    let pairs = size.samples.windows(2);
    pairs.filter(|pair| pair[1].value < pair[0].value).map(|pair| pair[1].at_ms).next_back()
}

fn samples(series: &promql::Series, since: i64) -> Vec<Sample> {
    let later = series.samples.iter().filter(|sample| sample.at_ms >= since);
    later
        .filter_map(|sample| {
            let at = Timestamp::from_millisecond(sample.at_ms).ok()?;
            Some(Sample { at, bytes: sample.value })
        })
        .collect()
}

fn of_member(member: &MemberView, trend: Option<&Trend>) -> MemberCapacity {
    let status = member.status.as_ref().filter(|_| member.is_reachable == Some(true));
    let quota = status.and_then(|status| status.db_size_quota_bytes);
    let until = trend.zip(quota).and_then(|(trend, quota)| trend.eta(quota as f64));
    let why = match (trend, quota) {
        _ if until.is_some() => None,
        (None, _) => Some("too short a history for a trend".to_owned()),
        (Some(_), None) => Some("its quota is not known".to_owned()),
        (Some(_), Some(_)) => Some("no trend: the band includes no growth".to_owned()),
    };
    let size = status.map(|status| status.db_size_bytes);
    MemberCapacity {
        member: MemberName::from(&member.reference()),
        db_size_bytes: size,
        db_size_in_use_bytes: status.and_then(|status| status.db_size_in_use_bytes),
        quota_bytes: quota,
        quota_used_ratio: size.zip(quota).map(|(size, quota)| size as f64 / quota as f64),
        trend: trend.map(Into::into),
        until_quota: until.as_ref().map(Into::into),
        why,
    }
}

#[cfg(test)]
mod tests {
    use model::series::{Labels, Sample as Point};

    use super::*;

    #[test]
    fn growth_is_told_from_the_last_defragmentation_on() {
        let series = |values: &[f64]| promql::Series {
            labels: Labels::new([("member", "m1")]),
            samples: (0..)
                .zip(values)
                .map(|(hour, value)| Point { at_ms: hour * HOUR_MS, value: *value })
                .collect(),
        };
        let file = series(&[10.0, 20.0, 5.0, 6.0, 6.0, 7.0]);
        assert_eq!(last_shrink(&file), Some(2 * HOUR_MS));
        assert_eq!(last_shrink(&series(&[1.0, 1.0, 2.0])), None);
        assert_eq!(samples(&file, 2 * HOUR_MS).len(), 4);
    }
}
