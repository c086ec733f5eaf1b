//! `etcd-monitor query`: PromQL from the command line, of a running monitor or of any Prometheus.
//!
//! `request` says what is asked, `client` asks it, `answer` reads what comes, and one file
//! for each output shows it.

pub mod address;
pub mod answer;
mod client;
mod csv;
pub mod error;
mod graph;
pub(crate) mod grid;
mod json;
mod naming;
pub(crate) mod quantity;
pub mod request;
mod sparkline;
mod table;
mod view;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use etcd::TlsConfig;
use jiff::Timestamp;
use model::series::Series;

use crate::cli::query::{Output, QueryFlags};
use crate::error::Error;
use address::Address;
use answer::Answer;
use client::Call;
use graph::Frame;
use request::Span;
use view::View;

/// The range of a graph for which nobody gave one.
const GRAPH_RANGE: Duration = Duration::from_hours(1);

const NOTHING_FOUND: &str = "etcd-monitor: no series; is the label right, and was there data then? \
                             try: etcd-monitor query '{__name__=~\"etcd_disk.*\"}'";

/// Asks what `flags` say, and says the answer as they want it shown.
pub fn run(flags: QueryFlags, now: Timestamp) -> Result<String, Error> {
    // Only an error when it was done before, as by a test that runs twice in a process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_terminal = io::stdout().is_terminal();
    let output = flags.output.unwrap_or(match flags.range {
        Some(_) if is_terminal => Output::Graph,
        _ => Output::Table,
    });
    let range = flags.range.or_else(|| (output == Output::Graph).then_some(GRAPH_RANGE));
    let span = Span::new(flags.time, range, flags.step, now)?;
    let view = View::of_this_process(&flags);
    let QueryFlags { expression, url: address, cacert, timeout, .. } = flags;
    let call = Call {
        address: &address,
        tls: TlsConfig { ca_file: cacert, ..TlsConfig::default() },
        timeout,
        route: span.route(),
        form: request::form(&expression, span, timeout),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::System("start the runtime", error))?;
    let reply = runtime.block_on(call.send())?;
    let success = client::understand(&reply, &address, &expression)?;
    for note in &success.notes {
        crate::say(&format!("etcd-monitor: the server warns: {note}"));
    }
    let data = success.data;
    let answer = Answer::read(data).map_err(|error| {
        let reason = format!("its answer cannot be read: {error}");
        error::Error::NoApi { address, reason }
    })?;
    if answer.is_empty() {
        crate::say(NOTHING_FOUND);
    }
    Ok(match output {
        Output::Json if is_terminal => json::indented(data),
        Output::Json => format!("{data}\n"),
        Output::Csv => csv::render(&answer),
        Output::Table => table::render(&answer, span, &view),
        Output::Graph => drawn(&answer, span, &view)?,
    })
}

/// The series of `expression` over the `range` up to now, of whoever answers at `address`.
pub(crate) async fn curves(
    address: &Address,
    cacert: Option<&Path>,
    expression: &str,
    range: Duration,
    now: Timestamp,
    timeout: Duration,
) -> Result<Vec<Series>, error::Error> {
    let span = Span::new(None, Some(range), None, now)?;
    let call = Call {
        address,
        tls: TlsConfig { ca_file: cacert.map(Path::to_owned), ..TlsConfig::default() },
        timeout,
        route: span.route(),
        form: request::form(expression, span, timeout),
    };
    let reply = call.send().await?;
    let data = client::understand(&reply, address, expression)?.data;
    match Answer::read(data) {
        Ok(answer) => Ok(answer.series().to_vec()),
        Err(error) => {
            let reason = format!("its answer cannot be read: {error}");
            Err(error::Error::NoApi { address: address.clone(), reason })
        }
    }
}

fn drawn(answer: &Answer, span: Span, view: &View) -> Result<String, error::Error> {
    match (answer, span) {
        (Answer::Matrix(series), Span::Range { from, to, step }) => {
            Ok(graph::render(series, Frame { from, to, step }, view))
        }
        (Answer::Scalar(_), _) => Err(error::Error::NoCurve("single number")),
        (Answer::String(..), _) => Err(error::Error::NoCurve("text")),
        _ => Err(error::Error::NoCurve("single moment")),
    }
}

#[cfg(test)]
mod tests;
