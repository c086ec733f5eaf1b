//! An answer in aligned columns, with what all series share said once above them.

use jiff::Timestamp;
use model::series::{METRIC_NAME, Sample, Series};
use promql::Unit;

use super::answer::Answer;
use super::grid::{Align, Grid};
use super::naming::{Naming, selector};
use super::quantity::{exact, humane, moment};
use super::request::Span;
use super::sparkline::sparkline;
use super::view::View;

/// Characters of a sparkline.
const TREND_COLUMNS: usize = 24;

/// The answer to a question about `span`; empty when nothing was found.
pub(super) fn render(answer: &Answer, span: Span, view: &View) -> String {
    match answer {
        Answer::Scalar(sample) => {
            let number = exact(sample.value);
            let humane = humane(sample.value, view.unit, &view.zone);
            if view.unit.is_some() {
                format!("{number}  {humane}\n")
            } else {
                format!("{number}\n")
            }
        }
        Answer::String(_, text) => format!("{text}\n"),
        Answer::Vector(series) | Answer::Matrix(series) if series.is_empty() => String::new(),
        Answer::Vector(series) => instant(series, span, view),
        Answer::Matrix(series) => range(series, span, view),
    }
}

/// The shared labels and the time, which every line below is about.
fn heading(naming: &Naming, span: Span, view: &View) -> String {
    let time = |at: Timestamp| {
        moment(at.as_millisecond() as f64 / 1_000.0, &view.zone).unwrap_or_default()
    };
    let time = match span {
        Span::Moment(at) => time(at),
        Span::Range { from, to, .. } => format!("{} to {}", time(from), time(to)),
    };
    match selector(&naming.common) {
        common if common == "{}" => format!("{time}\n\n"),
        common => format!("{}  {time}\n\n", view.bold(&common)),
    }
}

/// Columns for the labels that tell the series apart.
fn labels(naming: &Naming) -> (Vec<Align>, Vec<String>) {
    let title = |name: &str| if name == METRIC_NAME { "metric" } else { name }.to_owned();
    let titles = naming.varying.iter().map(|name| title(name)).collect();
    (vec![Align::Left; naming.varying.len()], titles)
}

fn cells<'a>(naming: &'a Naming, one: &'a Series) -> impl Iterator<Item = String> + 'a {
    naming.varying.iter().map(|name| one.labels.get(name).unwrap_or_default().to_owned())
}

fn finish(heading: String, grid: &Grid) -> String {
    grid.lines().into_iter().fold(heading, |text, line| text + &line + "\n")
}

fn unit_of_one(one: &Series, view: &View) -> Option<Unit> {
    view.unit_of(std::slice::from_ref(one))
}

fn instant(series: &[Series], span: Span, view: &View) -> String {
    let naming = Naming::of(series);
    let (mut aligns, mut titles) = labels(&naming);
    aligns.extend([Align::Right, Align::Right]);
    titles.extend(["value".to_owned(), String::new()]);
    let mut grid = Grid::new(aligns);
    grid.add(titles);
    for one in series {
        let value = one.samples.last().map(|sample| sample.value);
        let raw = value.map_or("-".to_owned(), exact);
        let unit = unit_of_one(one, view);
        let humane = match (value, unit) {
            (Some(value), Some(_)) => humane(value, unit, &view.zone),
            _ => String::new(),
        };
        grid.add(cells(&naming, one).chain([raw, humane]));
    }
    finish(heading(&naming, span, view), &grid)
}

fn range(series: &[Series], span: Span, view: &View) -> String {
    let naming = Naming::of(series);
    let (mut aligns, mut titles) = labels(&naming);
    aligns.extend([Align::Right; 4]);
    aligns.push(Align::Left);
    titles.extend(["min", "avg", "max", "last", "trend"].map(str::to_owned));
    let mut grid = Grid::new(aligns);
    grid.add(titles);
    let (from_ms, to_ms) = bounds(series, span);
    for one in series {
        let unit = unit_of_one(one, view);
        let stat = |value: Option<f64>| value.map_or("-".into(), |v| humane(v, unit, &view.zone));
        let known = || one.samples.iter().map(|sample| sample.value).filter(|v| !v.is_nan());
        let trend = sparkline(&one.samples, from_ms, to_ms, TREND_COLUMNS);
        let stats = [
            stat(known().reduce(f64::min)),
            stat(mean(&one.samples)),
            stat(known().reduce(f64::max)),
            stat(one.samples.last().map(|sample| sample.value)),
            trend,
        ];
        grid.add(cells(&naming, one).chain(stats));
    }
    finish(heading(&naming, span, view), &grid)
}

/// The time that the trends are about: what was asked, or for a range in the query itself, what
/// was found.
fn bounds(series: &[Series], span: Span) -> (i64, i64) {
    match span {
        Span::Range { from, to, .. } => (from.as_millisecond(), to.as_millisecond()),
        Span::Moment(at) => {
            let found = series.iter().flat_map(|one| &one.samples).map(|sample| sample.at_ms);
            (found.min().unwrap_or_default(), at.as_millisecond())
        }
    }
}

fn mean(samples: &[Sample]) -> Option<f64> {
    let known = || samples.iter().map(|sample| sample.value).filter(|value| !value.is_nan());
    let count = known().count();
    // Parts are summed, since the sum itself might be too large for a number.
    (count > 0).then(|| known().map(|value| value / count as f64).sum())
}
