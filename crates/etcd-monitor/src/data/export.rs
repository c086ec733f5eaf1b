//! `data export`: where the samples are written to.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use model::series::Matcher;
use tsdb::View;

use super::Place;
use super::error::Error;
use super::openmetrics::{self, Exported};

/// Bytes that are written at once.
const BUFFER: usize = 1 << 18;

/// Writes the selected series of `place` to `file`, or to `out`.
pub(super) fn run(
    place: &Place,
    selectors: &[Vec<Matcher>],
    span_ms: (i64, i64),
    file: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let view = View::open(&place.history)?;
    match file {
        None => match export(&view, selectors, span_ms, "the samples", out) {
            // A reader that has seen enough, such as `head`, is no failure.
            Err(Error::Write { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {}
            other => drop(other?),
        },
        Some(file) => {
            let Exported { series, samples } = whole(&view, selectors, span_ms, file)?;
            crate::say(&format!("{}: {series} series, {samples} samples", file.display()));
        }
    }
    place.sound(&view.damage())
}

/// Under another name first, so that nobody takes a part for the whole.
fn whole(
    view: &View,
    selectors: &[Vec<Matcher>],
    span_ms: (i64, i64),
    file: &Path,
) -> Result<Exported, Error> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let what = file.display().to_string();
    let failed = |source| Error::Write { what: what.clone(), source };
    let mut out = File::create(&partial).map_err(failed)?;
    let outcome = export(view, selectors, span_ms, &what, &mut out).and_then(|exported| {
        out.sync_all().and_then(|()| fs::rename(&partial, file)).map_err(failed)?;
        Ok(exported)
    });
    if outcome.is_err() {
        // What is left of it is of no use, and in nobody's way.
        let _ = fs::remove_file(&partial);
    }
    outcome
}

fn export(
    view: &View,
    selectors: &[Vec<Matcher>],
    span_ms: (i64, i64),
    what: &str,
    out: &mut dyn Write,
) -> Result<Exported, Error> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let outcome = openmetrics::export(view, &view.metrics(), selectors, span_ms, &mut out);
    let flushed = outcome.and_then(|exported| out.flush().map(|()| exported).map_err(Into::into));
    flushed.map_err(|failure| match failure {
        openmetrics::Failure::Read(error) => Error::Read(error),
        openmetrics::Failure::Write(source) => Error::Write { what: what.to_owned(), source },
    })
}
