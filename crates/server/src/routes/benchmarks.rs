//! Benchmarks: results, the run under way, starting and stopping one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use bench::spec::Kind;
use bench::summary::{Index, Summary};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::{limit, named, named_or_only};
use crate::benchmarks::Refusal;
use crate::changes::Changer;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::benchmark::{
    Benchmark, BenchmarkResult, BenchmarkStatus, Benchmarks, NewBenchmark, PlannedBenchmark,
    RunningBenchmark,
};

/// The kinds of load that may be asked for.
const KINDS: [Kind; 3] = [Kind::Put, Kind::Get, Kind::Mixed];

/// Which results; all conditions must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BenchmarksQuery {
    /// Of this cluster.
    cluster: Option<String>,
    /// How many at most, 1 to 1000; 100 where it is not given.
    limit: Option<usize>,
}

/// Results of benchmarks, the newest first; those made by `etcd-monitor bench` too.
#[utoipa::path(
    get, path = "/api/v1/benchmarks", tag = "benchmarks", params(BenchmarksQuery),
    responses((status = 200, body = Benchmarks), (status = 400, body = Problem),
              (status = 503, body = Problem))
)]
pub(super) async fn list(
    State(shared): State<Shared>,
    Query(query): Query<BenchmarksQuery>,
) -> Result<Json<Benchmarks>, Problem> {
    let most = limit(query.limit, 100, 1_000)?;
    if let Some(cluster) = &query.cluster {
        named(&shared, cluster)?;
    }
    let all = summaries(&shared).await?;
    let is_wanted =
        |summary: &&Arc<Summary>| query.cluster.is_none() || summary.cluster == query.cluster;
    let results = all.iter().rev().filter(is_wanted).take(most);
    Ok(Json(Benchmarks { results: results.map(|s| Benchmark::from(&**s)).collect() }))
}

/// One result.
#[utoipa::path(
    get, path = "/api/v1/benchmarks/{id}", tag = "benchmarks",
    params(("id" = String, Path, description = "The result's name")),
    responses((status = 200, body = BenchmarkResult), (status = 404, body = Problem),
              (status = 503, body = Problem))
)]
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<BenchmarkResult>, Problem> {
    // Only names that are listed: others could be paths.
    let is_known = summaries(&shared).await?.iter().any(|summary| summary.id == id);
    let missing = || {
        let detail =
            format!("no result is called {id:?}; /api/v1/benchmarks lists those that are kept");
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    };
    if !is_known {
        return Err(missing());
    }
    let (benchmarks, name) = (shared.state.benchmarks.clone(), id.clone());
    let read = tokio::task::spawn_blocking(move || {
        benchmarks.index().map(|index| index.store().read(&name))
    });
    match read.await {
        Ok(Some(Ok(outcome))) => Ok(Json(BenchmarkResult::from(&outcome))),
        Ok(Some(Err(_)) | None) => Err(missing()),
        Err(_) => Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

/// The run under way and how it goes; when the next ones come, and what they wait for.
#[utoipa::path(
    get, path = "/api/v1/benchmarks/running", tag = "benchmarks",
    responses((status = 200, body = BenchmarkStatus))
)]
pub(super) async fn running(State(shared): State<Shared>) -> Json<BenchmarkStatus> {
    let benchmarks = &shared.state.benchmarks;
    Json(BenchmarkStatus {
        running: benchmarks.running().as_ref().map(RunningBenchmark::from),
        schedule: benchmarks.schedule().iter().map(PlannedBenchmark::from).collect(),
    })
}

/// Starts a benchmark, within the same limits as those of the schedule; answers when it was checked
/// that it may be made.
#[utoipa::path(
    post, path = "/api/v1/benchmarks", tag = "benchmarks", request_body = NewBenchmark,
    responses((status = 202, body = RunningBenchmark), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem))
)]
pub(super) async fn start(
    State(shared): State<Shared>,
    _: Changer,
    body: Result<Json<NewBenchmark>, JsonRejection>,
) -> Result<(StatusCode, Json<RunningBenchmark>), Problem> {
    let Json(wanted) = body?;
    let cluster = named_or_only(&shared, wanted.cluster.as_deref())?.name();
    let kind = wanted.kind.as_deref().map(kind).transpose()?;
    let benchmarks = &shared.state.benchmarks;
    let started = benchmarks.start(cluster, kind, wanted.operations, wanted.rate).await?;
    Ok((StatusCode::ACCEPTED, Json(RunningBenchmark::from(&started))))
}

/// Stops the run under way; what it measured until then is kept and marked.
#[utoipa::path(
    delete, path = "/api/v1/benchmarks/running", tag = "benchmarks",
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn stop(State(shared): State<Shared>, _: Changer) -> Result<StatusCode, Problem> {
    let Some(running) = shared.state.benchmarks.running() else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", "no benchmark is under way"));
    };
    running.stop.cancel();
    Ok(StatusCode::NO_CONTENT)
}

fn kind(text: &str) -> Result<Kind, Problem> {
    KINDS.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        Problem::bad_body(format!("kind={text:?} is not known"))
            .accepting(KINDS.map(|kind| kind.as_str().to_owned()))
    })
}

/// All results, oldest first; files that cannot be read are left out.
async fn summaries(shared: &Shared) -> Result<Vec<Arc<Summary>>, Problem> {
    let benchmarks = shared.state.benchmarks.clone();
    let unavailable =
        |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_benchmarks", detail);
    if benchmarks.index().is_none() {
        return Err(unavailable(
            "there is no data directory to keep results in; see data_dir".into(),
        ));
    }
    let read = tokio::task::spawn_blocking(move || benchmarks.index().map(Index::all));
    match read.await {
        Ok(Some(Ok((all, _)))) => Ok(all),
        Ok(Some(Err(error))) => Err(unavailable(error.to_string())),
        Ok(None) | Err(_) => Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

impl From<Refusal> for Problem {
    fn from(refused: Refusal) -> Self {
        let (status, code) = match refused {
            Refusal::Off => (StatusCode::FORBIDDEN, "benchmarks_off"),
            Refusal::Busy(_) => (StatusCode::CONFLICT, "busy"),
            Refusal::TooMuch(_) => (StatusCode::BAD_REQUEST, "bad_body"),
            Refusal::Obstacle(_) => (StatusCode::CONFLICT, "not_now"),
            Refusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        };
        Self::new(status, code, refused.to_string())
    }
}
