//! `series`, `labels` and `label/{name}/values`: what there is to ask for.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use model::series::{Labels, Source as _};
use tsdb::Tsdb;

use super::failure::Failure;
use super::json::Success;
use super::parameters::Parameters;
use crate::state::Shared;

/// The series that satisfy a selector.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/series", tag = "prometheus",
    params(
        ("match[]" = Vec<String>, Query, description = "selectors, such as {job=\"etcd\"}"),
        ("start" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time"),
        ("end" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time"),
        ("limit" = Option<usize>, Query, description = "how many series at most; 0 is all"),
    ),
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn series(
    State(shared): State<Shared>,
    parameters: Parameters,
) -> Result<Success, Failure> {
    if parameters.selectors().next().is_none() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let limit = parameters.limit()?;
    let write = move |found: &BTreeSet<Labels>| Success::of_series(found, limit);
    gather(&shared, &parameters, BTreeSet::extend, write).await
}

/// The names of labels.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/labels", tag = "prometheus",
    params(
        ("match[]" = Option<Vec<String>>, Query, description = "only of these series"),
        ("start" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time"),
        ("end" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time"),
        ("limit" = Option<usize>, Query, description = "how many at most; 0 is all"),
    ),
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn labels(
    State(shared): State<Shared>,
    parameters: Parameters,
) -> Result<Success, Failure> {
    let limit = parameters.limit()?;
    if parameters.is_about_everything()? {
        return all(&shared, limit, Tsdb::label_names).await;
    }
    let add = |names: &mut BTreeSet<String>, series: Vec<Labels>| {
        for name in series.iter().flat_map(Labels::iter).map(|(name, _)| name) {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
    };
    gather(&shared, &parameters, add, move |names| texts(names, limit)).await
}

/// The values of a label.
#[utoipa::path(
    get, path = "/prometheus/api/v1/label/{name}/values", tag = "prometheus",
    params(
        ("name" = String, Path, description = "The label's name"),
        ("match[]" = Option<Vec<String>>, Query, description = "only of these series"),
        ("start" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time"),
        ("end" = Option<String>, Query, description = "RFC 3339 or seconds of Unix time"),
        ("limit" = Option<usize>, Query, description = "how many at most; 0 is all"),
    ),
    responses((status = 200, description = "As Prometheus 2.42 answers", content_type = "application/json"))
)]
pub(super) async fn label_values(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Success, Failure> {
    if !is_label_name(&name) {
        return Err(Failure::bad_data(format!("invalid label name: {name:?}")));
    }
    let limit = parameters.limit()?;
    if parameters.is_about_everything()? {
        return all(&shared, limit, move |store| store.label_values(&name)).await;
    }
    let add = move |values: &mut BTreeSet<String>, series: Vec<Labels>| {
        for value in series.iter().filter_map(|labels| labels.get(&name)) {
            if !values.contains(value) {
                values.insert(value.to_owned());
            }
        }
    };
    gather(&shared, &parameters, add, move |values| texts(values, limit)).await
}

fn texts(texts: &BTreeSet<String>, limit: Option<usize>) -> Success {
    Success::of_texts(texts.iter().map(String::as_str), limit)
}

/// Texts of the whole store, which needs no look at a thousand members' series.
async fn all(
    shared: &Shared,
    limit: Option<usize>,
    read: impl FnOnce(&Tsdb) -> BTreeSet<String> + Send + 'static,
) -> Result<Success, Failure> {
    Ok(shared.queries.run(move |store, _| Ok(texts(&read(store), limit))).await?)
}

/// Adds up what the series of each `match[]` have.
async fn gather<T: Ord + Send + 'static>(
    shared: &Shared,
    parameters: &Parameters,
    add: impl Fn(&mut BTreeSet<T>, Vec<Labels>) + Send + 'static,
    write: impl FnOnce(&BTreeSet<T>) -> Success + Send + 'static,
) -> Result<Success, Failure> {
    let sets = parameters.matchers()?;
    let (from_ms, to_ms) = parameters.span()?;
    let answer = shared.queries.run(move |store, _| {
        let mut found = BTreeSet::new();
        for matchers in &sets {
            let series = store.series(matchers, from_ms, to_ms);
            add(&mut found, series.map_err(promql::Error::Storage)?);
        }
        Ok(write(&found))
    });
    Ok(answer.await?)
}

fn is_label_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_letter) && bytes.all(|b| is_letter(b) || b.is_ascii_digit())
}
