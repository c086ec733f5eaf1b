//! A figure of the members, or one of etcd's own series, over time: read from the history.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use model::series::{Labels, METRIC_NAME, MatchOp, Matcher, Source as _};
use monitor::fleet::ClusterHandle;
use monitor::metrics::catalogue::{CATALOGUE, FigureId};
use monitor::metrics::expression::Scope;
use monitor::view::ClusterView;
use promql::Value;
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::{named, named_or_only, time};
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::history::{History, Point, Series};
use crate::wire::names::MemberName;

/// As in Prometheus' API.
const MAX_POINTS: i64 = 11_000;

/// Points of an answer when nobody says how many: as many as a graph shows.
const POINTS: i64 = 240;

/// Steps that people can read, in seconds; beyond, whole days.
const STEPS: [i64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];
const DAY: i64 = 86_400;

/// Which figure, of whom, when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// The cluster's name; not needed when there is only one.
    cluster: Option<String>,
    /// The figure, such as `db_size_bytes` or `db_size` (`metrics/current` lists all), or one of
    /// etcd's series, such as `etcd_mvcc_db_total_size_in_bytes`.
    metric: Option<String>,
    /// One member, by name, ID or endpoint; all of them by default.
    member: Option<String>,
    /// From when: RFC 3339, seconds of Unix time, or back from now such as `-30m`; default `-1h`.
    from: Option<String>,
    /// Until when; default now.
    to: Option<String>,
    /// Between two points: seconds, or such as `5m`; by default what gives some 240 points.
    step: Option<String>,
    /// `json` or `csv`; by default what the `accept` header asks for.
    format: Option<String>,
}

/// What is to be read.
struct Wanted {
    metric: String,
    figure: Option<FigureId>,
    expression: String,
    from_ms: i64,
    to_ms: i64,
    step_ms: i64,
    /// The cluster's series of this name; none for a figure.
    series_of: Option<Vec<Matcher>>,
}

/// One figure of a cluster's members over time.
#[utoipa::path(
    get, path = "/api/v1/clusters/{cluster}/metrics/history", tag = "metrics",
    params(("cluster" = String, Path, description = "The cluster's name"), HistoryQuery),
    responses(
        (status = 200, body = History), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn of_cluster(
    State(shared): State<Shared>,
    Path(cluster): Path<String>,
    Query(query): Query<HistoryQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cluster = named(&shared, &cluster)?;
    answer(&shared, &cluster, &query, &headers).await
}

/// History of `?cluster=NAME`, or of the only cluster.
#[utoipa::path(
    get, path = "/api/v1/metrics/history", tag = "metrics", params(HistoryQuery),
    responses(
        (status = 200, body = History), (status = 400, body = Problem),
        (status = 503, body = Problem)
    )
)]
pub(super) async fn of_only(
    State(shared): State<Shared>,
    Query(query): Query<HistoryQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cluster = named_or_only(&shared, query.cluster.as_deref())?;
    answer(&shared, &cluster, &query, &headers).await
}

async fn answer(
    shared: &Shared,
    cluster: &ClusterHandle,
    query: &HistoryQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let is_csv = is_csv(query.format.as_deref(), headers)?;
    let wanted = wanted(cluster, query, shared.now())?;
    let history = read(shared, cluster, wanted).await?;
    Ok(if is_csv {
        ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], history.to_csv()).into_response()
    } else {
        Json(history).into_response()
    })
}

fn is_csv(format: Option<&str>, headers: &HeaderMap) -> Result<bool, Problem> {
    match format {
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(other) => Err(Problem::bad_query(format!("format={other:?} is not known"))
            .accepting(["csv", "json"].map(str::to_owned))),
        None => {
            let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
            Ok(accept.is_some_and(|accept| accept.contains("text/csv")))
        }
    }
}

fn wanted(
    cluster: &ClusterHandle,
    query: &HistoryQuery,
    now: Timestamp,
) -> Result<Wanted, Problem> {
    let metric = query.metric.clone().ok_or_else(|| {
        Problem::bad_query("metric is missing; say which figure").accepting(figures())
    })?;
    let hour_ago = now - SignedDuration::from_hours(1);
    let from_ms = time("from", query.from.as_deref(), now)?.unwrap_or(hour_ago).as_millisecond();
    let to_ms = time("to", query.to.as_deref(), now)?.unwrap_or(now).as_millisecond();
    if from_ms > to_ms {
        return Err(Problem::bad_query("from is after to"));
    }
    let interval = cluster.config().intervals.metrics;
    let step_ms = match query.step.as_deref() {
        Some(text) => step_ms(text)?,
        None => default_step_ms(to_ms - from_ms, interval),
    };
    if (to_ms - from_ms) / step_ms > MAX_POINTS {
        return Err(Problem::bad_query(format!(
            "more than {MAX_POINTS} points; take a longer step or a shorter time"
        )));
    }
    let mut scope = Scope::new(interval, Duration::from_millis(step_ms.unsigned_abs()))
        .with("cluster", &cluster.name());
    if let Some(member) = &query.member {
        let (label, value) = label_of(&cluster.view(), member);
        scope = scope.with(label, &value);
    }
    let figure = FigureId::called(&metric);
    let expression = match figure {
        Some(figure) => figure.spec().source.promql(&scope),
        None if is_metric(&metric) => scope.select(&metric),
        None => return Err(unknown(&metric)),
    };
    let series_of = figure.is_none().then(|| {
        let names = [(METRIC_NAME, metric.as_str()), ("cluster", &cluster.name())];
        names
            .into_iter()
            .filter_map(|(name, value)| Matcher::new(name, MatchOp::Eq, value).ok())
            .collect()
    });
    let metric = figure.map_or(metric, |figure| figure.spec().name.to_owned());
    Ok(Wanted { metric, figure, expression, from_ms, to_ms, step_ms, series_of })
}

/// The label that finds the member, however it was named: also one that is gone.
fn label_of(view: &ClusterView, wanted: &str) -> (&'static str, String) {
    let known = view.members.iter().find(|member| {
        member.name == wanted
            || member.endpoint.as_deref() == Some(wanted)
            || member.id.is_some_and(|id| id.to_string() == wanted)
    });
    match known {
        // Also where it was asked at another endpoint.
        Some(member) if !member.name.is_empty() => ("member", member.name.clone()),
        Some(member) => ("instance", member.endpoint.clone().unwrap_or_default()),
        None if wanted.contains(':') => ("instance", wanted.to_owned()),
        None => ("member", wanted.to_owned()),
    }
}

fn step_ms(text: &str) -> Result<i64, Problem> {
    let ms = match text.parse::<f64>() {
        Ok(seconds) => Some((seconds * 1_000.0).round() as i64),
        Err(_) => promql::parse_duration(text),
    };
    ms.filter(|ms| *ms > 0).ok_or_else(|| {
        Problem::bad_query(format!("step={text:?} is no step; write seconds, or such as 5m"))
    })
}

/// A step for some 240 points, of a length that people can read, and no shorter than the scrapes
/// are apart.
fn default_step_ms(range_ms: i64, interval: Duration) -> i64 {
    let least = (range_ms / 1_000 / POINTS).max(interval.as_secs().try_into().unwrap_or(DAY));
    let fitting = STEPS.into_iter().find(|step| *step >= least);
    1_000 * fitting.unwrap_or_else(|| (least + DAY - 1) / DAY * DAY)
}

fn is_metric(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_letter) && bytes.all(|b| is_letter(b) || b.is_ascii_digit())
}

fn unknown(metric: &str) -> Problem {
    Problem::bad_query(format!("metric={metric:?} is no figure, and no series in the history"))
        .accepting(figures())
}

fn figures() -> impl Iterator<Item = String> {
    CATALOGUE.iter().map(|spec| spec.name.to_owned())
}

async fn read(
    shared: &Shared,
    cluster: &ClusterHandle,
    wanted: Wanted,
) -> Result<History, Problem> {
    let engine = shared.queries.engine();
    let (view, config) = (cluster.view(), cluster.config());
    let history = shared.queries.run(move |store, cancel| {
        if let Some(matchers) = &wanted.series_of {
            let known = store.series(matchers, wanted.from_ms, wanted.to_ms);
            if known.map_err(promql::Error::Storage)?.is_empty() {
                return Ok(Err(unknown(&wanted.metric)));
            }
        }
        let query = promql::Query::parse(&wanted.expression)?;
        // The last point is the newest, not the first the oldest.
        let steps = (wanted.to_ms - wanted.from_ms) / wanted.step_ms;
        let start_ms = wanted.to_ms - steps * wanted.step_ms;
        let value = engine.range(store, &query, start_ms, wanted.to_ms, wanted.step_ms, cancel)?;
        let Value::Matrix(found) = value else { return Ok(Err(unknown(&wanted.metric))) };
        let is_own = |label: &str| {
            wanted.figure.is_none()
                && ![METRIC_NAME, "cluster", "member", "instance", "job"].contains(&label)
                && !config.labels.contains_key(label)
        };
        Ok(Ok(History {
            cluster: config.name.clone(),
            metric: wanted.metric,
            unit: wanted.figure.map(|figure| figure.spec().unit.as_str()),
            step_seconds: wanted.step_ms as f64 / 1_000.0,
            promql: wanted.expression,
            series: by_member(&view, found, is_own),
        }))
    });
    history.await?
}

/// Series by member, those of the present members first and in their order. What a member had under
/// another endpoint, or before its name was known, is put together.
fn by_member(
    view: &ClusterView,
    found: Vec<promql::Series>,
    is_own: impl Fn(&str) -> bool,
) -> Vec<Series> {
    let mut members = BTreeMap::new();
    for series in found {
        let (place, member) = member_of(view, &series.labels);
        let own = series.labels.iter().filter(|(name, _)| is_own(name));
        let own: BTreeMap<_, _> =
            own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (_, points) = members
            .entry((place, member.name.clone(), own))
            .or_insert_with(|| (member, Vec::new()));
        let values = series.samples.iter();
        points.extend(values.filter_map(|sample| Point::new(sample.at_ms, sample.value)));
    }
    let series = members.into_iter().map(|((_, _, labels), (member, mut points))| {
        points.sort_by_key(|point| point.at.0);
        points.dedup_by_key(|point| point.at.0);
        Series { member, labels, points }
    });
    series.collect()
}

/// The member that labels speak of, and its place among the present ones.
fn member_of(view: &ClusterView, labels: &Labels) -> (usize, MemberName) {
    let name = labels.get("member").unwrap_or_default();
    let instance = labels.get("instance").unwrap_or_default();
    let known = view.members.iter().position(|member| {
        if name.is_empty() {
            member.endpoint.as_deref() == Some(instance)
        } else {
            member.name == name
        }
    });
    if let Some(place) = known {
        return (place, MemberName::from(&view.members[place].reference()));
    }
    let endpoint = (!instance.is_empty()).then(|| instance.to_owned());
    let name = if name.is_empty() { instance } else { name };
    (usize::MAX, MemberName { id: None, name: name.to_owned(), endpoint })
}

#[cfg(test)]
mod tests {
    use model::series::Sample;

    use super::*;
    use crate::wire::samples::degraded;

    #[test]
    fn a_step_is_read_and_by_default_gives_a_graph() {
        assert_eq!(step_ms("15").ok(), Some(15_000));
        assert_eq!(step_ms("1h30m").ok(), Some(5_400_000));
        for bad in ["", "0", "-1", "NaN", "soon"] {
            assert!(step_ms(bad).is_err(), "{bad}");
        }
        let hour = 3_600_000;
        for (range, interval, step) in [
            (hour, 15, 15),
            (hour, 1, 15),
            (0, 2, 2),
            (24 * hour, 15, 600),
            (15 * 24 * hour, 15, 7_200),
            (700 * 24 * hour, 15, 3 * DAY),
            (hour, 7, 15),
        ] {
            let found = default_step_ms(range, Duration::from_secs(interval));
            assert_eq!(found, 1_000 * step, "{range} {interval}");
        }
    }

    #[test]
    fn what_a_member_had_under_other_labels_is_put_together() {
        let series = |labels: &[(&str, &str)], times: &[i64]| promql::Series {
            labels: Labels::new(labels.iter().copied()),
            samples: times.iter().map(|at| Sample { at_ms: *at, value: 1.0 }).collect(),
        };
        let found = vec![
            series(&[("instance", "10.0.0.1:2379")], &[1, 2]),
            series(&[("instance", "10.0.0.7:2379"), ("member", "gone")], &[1]),
            series(&[("instance", "10.0.0.9:2379"), ("member", "infra1")], &[5]),
            series(&[("instance", "10.0.0.1:2379"), ("member", "infra1")], &[2, 3]),
            series(&[("instance", "10.0.0.2:2379"), ("member", "infra2"), ("To", "x")], &[4]),
        ];
        let found: Vec<_> = by_member(&degraded(), found, |label| label == "To")
            .into_iter()
            .map(|series| {
                let times = series.points.iter().map(|point| point.at.0.as_millisecond());
                let labels: Vec<_> = series.labels.into_keys().collect();
                (series.member.name, labels.concat(), times.collect::<Vec<_>>())
            })
            .collect();
        let expected =
            [("infra1", "", vec![1, 2, 3, 5]), ("infra2", "To", vec![4]), ("gone", "", vec![1])];
        let expected = expected.map(|(name, to, times)| (name.to_owned(), to.to_owned(), times));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_member_is_found_by_each_of_its_names() {
        let view = degraded();
        for wanted in ["infra1", "10.0.0.1:2379", "1"] {
            assert_eq!(label_of(&view, wanted), ("member", "infra1".to_owned()), "{wanted}");
        }
        assert_eq!(label_of(&view, "gone"), ("member", "gone".to_owned()));
        assert_eq!(label_of(&view, "gone:2379"), ("instance", "gone:2379".to_owned()));
    }
}
