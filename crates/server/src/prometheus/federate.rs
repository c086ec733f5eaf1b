//! `/federate`: the latest sample of each series that is wanted, for a Prometheus to scrape.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use expfmt::{EncodeError, Encoder, Format, Kind};
use http::{HeaderMap, header};
use model::series::{Labels, METRIC_NAME, Matcher, Sample, Series, Source as _, Want, is_stale};
use promql::Cancel;
use tsdb::Tsdb;

use super::failure::Failure;
use super::parameters::Parameters;
use crate::state::Shared;

type Latest = BTreeMap<Labels, Sample>;

/// The latest sample of each series, with its time; series that have ended are left out.
#[utoipa::path(
    get, path = "/federate", tag = "prometheus",
    params(("match[]" = Vec<String>, Query, description = "selectors, such as {job=\"etcd\"}")),
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn federate(
    State(shared): State<Shared>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let sets = parameters.matchers()?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::negotiate(accept.unwrap_or_default());
    let to_ms = shared.now().as_millisecond();
    let lookback = shared.queries.engine().lookback.as_millis() as i64;
    let page = shared.queries.run(move |store, cancel| {
        let mut all = Latest::new();
        for matchers in &sets {
            add_latest(&mut all, store, matchers, Want::all(to_ms - lookback, to_ms), cancel)?;
        }
        page(&all, format).map_err(|error| promql::Error::Storage(Box::new(error)))
    });
    Ok(([(header::CONTENT_TYPE, format.content_type())], page.await?).into_response())
}

/// Adds the present samples of the series that `matchers` accept.
fn add_latest(
    all: &mut Latest,
    store: &Tsdb,
    matchers: &[Matcher],
    want: Want,
    cancel: &Cancel,
) -> Result<(), promql::Error> {
    let mut take = |series: Series, _| {
        let last = series.samples.last().filter(|last| !is_stale(last.value));
        if let Some(last) = last {
            all.insert(series.labels, *last);
        }
        if cancel.is_canceled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.read(matchers, want, &mut take).map_err(promql::Error::Storage)?;
    if cancel.is_canceled() { Err(promql::Error::Canceled) } else { Ok(()) }
}

fn page(all: &Latest, format: Format) -> Result<String, EncodeError> {
    let mut by_name: BTreeMap<&str, Vec<(&Labels, &Sample)>> = BTreeMap::new();
    for (labels, sample) in all {
        let Some(name) = labels.get(METRIC_NAME) else { continue };
        by_name.entry(name).or_default().push((labels, sample));
    }
    let mut out = Encoder::new(format);
    for (name, series) in by_name {
        let mut family = out.family(name, Kind::Unknown, "");
        for (labels, sample) in series {
            let labels: Vec<_> = labels.iter().filter(|(name, _)| *name != METRIC_NAME).collect();
            family.sample_at(&labels, sample.value, sample.at_ms);
        }
    }
    out.finish()
}
