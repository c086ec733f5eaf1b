//! Series as an OpenMetrics page with times, one series after the other: a page may be larger than
//! memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::ControlFlow;

use expfmt::Kind;
use model::series::{METRIC_NAME, MatchOp, Matcher, Series, Source, SourceError, Want, is_stale};
use tsdb::Metric;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Exported {
    pub(super) series: u64,
    pub(super) samples: u64,
}

/// Why there is no whole page.
#[derive(Debug)]
pub(super) enum Failure {
    Read(SourceError),
    Write(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// What the series of some names belong to.
struct Family<'m> {
    kind: Kind,
    help: &'m str,
    /// The names of its series.
    names: Vec<String>,
}

/// Writes every series that any of `selectors` accepts, with its samples in `span_ms`, ends included.
pub(super) fn export(
    source: &dyn Source,
    metrics: &BTreeMap<String, Metric>,
    selectors: &[Vec<Matcher>],
    span_ms: (i64, i64),
    out: &mut dyn Write,
) -> Result<Exported, Failure> {
    let mut names = BTreeSet::new();
    for matchers in selectors {
        let found = source.series(matchers, span_ms.0, span_ms.1).map_err(Failure::Read)?;
        names.extend(found.iter().filter_map(|labels| labels.get(METRIC_NAME).map(str::to_owned)));
    }
    let mut page = Page { out, selectors, span_ms, exported: Exported::default() };
    for (name, family) in families(names, metrics) {
        page.family(source, &name, &family)?;
    }
    writeln!(page.out, "# EOF")?;
    Ok(page.exported)
}

/// A page that is being written.
struct Page<'a> {
    out: &'a mut dyn Write,
    selectors: &'a [Vec<Matcher>],
    span_ms: (i64, i64),
    exported: Exported,
}

impl Page<'_> {
    fn family(
        &mut self,
        source: &dyn Source,
        name: &str,
        family: &Family<'_>,
    ) -> Result<(), Failure> {
        let Family { kind, help, names } = family;
        let mut heading = format!("# TYPE {name} {kind}\n");
        if !help.is_empty() {
            heading.extend(["# HELP ", name, " ", &escaped(help), "\n"]);
        }
        for name in names {
            for (index, matchers) in self.selectors.iter().enumerate() {
                let mut of_name = matchers.clone();
                // No regular expression, so it cannot fail.
                of_name.extend(Matcher::new(METRIC_NAME, MatchOp::Eq, name));
                let want = Want::all(self.span_ms.0, self.span_ms.1);
                let mut outcome = Ok(());
                let read = source.read(&of_name, want, &mut |series, _| {
                    // What an earlier selector accepts was written then.
                    let is_accepted =
                        |one: &Vec<Matcher>| one.iter().all(|m| m.accepts(&series.labels));
                    if !self.selectors[..index].iter().any(is_accepted) {
                        outcome = self.series(name, &mut heading, &series);
                    }
                    if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                read.map_err(Failure::Read)?;
                outcome?;
            }
        }
        Ok(())
    }

    /// Writes a line for each sample; `heading` comes before the first of a family.
    fn series(&mut self, name: &str, heading: &mut String, series: &Series) -> io::Result<()> {
        let (from_ms, to_ms) = self.span_ms;
        // The samples of coarser data begin before the range.
        let is_asked = |at_ms| (from_ms..=to_ms).contains(&at_ms);
        let samples = series.samples.iter();
        let mut samples =
            samples.filter(|one| is_asked(one.at_ms) && !is_stale(one.value)).peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        self.out.write_all(std::mem::take(heading).as_bytes())?;
        let start = start_of(name, series);
        self.exported.series += 1;
        for sample in samples {
            self.exported.samples += 1;
            let at = sample.at_ms as f64 / 1_000.0;
            writeln!(self.out, "{start} {} {at}", number(sample.value))?;
        }
        Ok(())
    }
}

/// Puts names to their families. OpenMetrics has rules for them: a counter's series end in `_total`.
fn families(
    names: BTreeSet<String>,
    metrics: &BTreeMap<String, Metric>,
) -> BTreeMap<String, Family<'_>> {
    let mut families: BTreeMap<String, Family<'_>> = BTreeMap::new();
    for name in names {
        let (mut family, mut kind, help) = family_of(&name, metrics);
        if families.get(family).is_some_and(|known| known.kind != kind) {
            (family, kind) = (name.as_str(), Kind::Unknown);
        }
        let family = family.to_owned();
        let known = families.entry(family);
        known.or_insert_with(|| Family { kind, help, names: Vec::new() }).names.push(name);
    }
    families
}

fn family_of<'n, 'm>(
    name: &'n str,
    metrics: &'m BTreeMap<String, Metric>,
) -> (&'n str, Kind, &'m str) {
    for suffix in ["_bucket", "_count", "_sum"] {
        let Some(base) = name.strip_suffix(suffix) else { continue };
        if let Some(Metric { kind: kind @ (Kind::Histogram | Kind::Summary), help }) =
            metrics.get(base)
        {
            return (base, *kind, help);
        }
    }
    let Some(Metric { kind, help }) = metrics.get(name) else {
        return (name, Kind::Unknown, "");
    };
    match kind {
        Kind::Counter => match name.strip_suffix("_total") {
            Some(base) => (base, Kind::Counter, help),
            None => (name, Kind::Unknown, help),
        },
        Kind::Gauge | Kind::Info | Kind::StateSet => (name, Kind::Gauge, help),
        Kind::Summary => (name, Kind::Summary, help),
        Kind::Histogram | Kind::GaugeHistogram | Kind::Unknown => (name, Kind::Unknown, help),
    }
}

/// The name with the other labels, as each line begins.
fn start_of(name: &str, series: &Series) -> String {
    let mut start = name.to_owned();
    let mut before = '{';
    for (label, value) in series.labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        start.push(before);
        start.extend([label, "=\"", &escaped(value), "\""]);
        before = ',';
    }
    if before == ',' {
        start.push('}');
    }
    start
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}
