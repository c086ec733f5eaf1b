//! An answer in aligned columns, with what all series share said once above them.

use model::series::{METRIC_NAME, Sample, Series};

use super::answer::Answer;
use super::grid::{Align, Grid, printable};
use super::naming::{Naming, selector};
use super::quantity::{exact, humane};
use super::request::Span;
use super::sparkline::sparkline;
use super::view::View;

/// Characters of a sparkline: as many as there is room for, within reason.
const LEAST_TREND: usize = 8;
const MOST_TREND: usize = 40;

/// The answer to a question about `span`; empty when nothing was found.
pub(super) fn render(answer: &Answer, span: Span, view: &View) -> String {
    match answer {
        Answer::Scalar(sample) => {
            let number = exact(sample.value);
            match view.units.of(None) {
                Some(unit) => {
                    format!("{number}  {}\n", humane(sample.value, Some(unit), &view.zone))
                }
                None => format!("{number}\n"),
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
    let time = view.time(span);
    match selector(&naming.common) {
        common if common == "{}" => format!("{time}\n\n"),
        common => format!("{}\n{time}\n\n", view.bold(&printable(&common))),
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

fn finish(heading: String, lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().fold(heading, |text, line| text + &line + "\n")
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
        let unit = view.unit(one);
        let humane = match (value, unit) {
            (Some(value), Some(_)) => humane(value, unit, &view.zone),
            _ => String::new(),
        };
        grid.add(cells(&naming, one).chain([raw, humane]));
    }
    finish(heading(&naming, span, view), grid.lines())
}

fn range(series: &[Series], span: Span, view: &View) -> String {
    let naming = Naming::of(series);
    let (mut aligns, mut titles) = labels(&naming);
    aligns.extend([Align::Right; 4]);
    titles.extend(["min", "avg", "max", "last"].map(str::to_owned));
    let mut grid = Grid::new(aligns);
    grid.add(titles);
    for one in series {
        let unit = view.unit(one);
        let stat = |value: Option<f64>| value.map_or("-".into(), |v| humane(v, unit, &view.zone));
        let known = || one.samples.iter().map(|sample| sample.value).filter(|v| !v.is_nan());
        let stats = [
            known().reduce(f64::min),
            mean(&one.samples),
            known().reduce(f64::max),
            one.samples.last().map(|sample| sample.value),
        ];
        grid.add(cells(&naming, one).chain(stats.map(stat)));
    }
    let lines = grid.lines();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let room = view.width.saturating_sub(width + 2).clamp(LEAST_TREND, MOST_TREND);
    // A column without a point would look like a gap.
    let room = room.min(points(series, span)).max(1);
    let (from_ms, to_ms) = bounds(series, span);
    let trend = |one: &Series| sparkline(&one.samples, from_ms, to_ms, room);
    let trends = ["trend".to_owned()].into_iter().chain(series.iter().map(trend));
    let lines = lines.into_iter().zip(trends);
    let lines = lines.map(|(line, trend)| format!("{line:<width$}  {trend}").trim_end().to_owned());
    finish(heading(&naming, span, view), lines)
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

/// How many points a series without gaps has.
fn points(series: &[Series], span: Span) -> usize {
    match span {
        Span::Range { from, to, step } => {
            let length = to.duration_since(from).as_secs_f64();
            (length / step.as_secs_f64()) as usize + 1
        }
        Span::Moment(_) => series.iter().map(|one| one.samples.len()).max().unwrap_or(0),
    }
}

fn mean(samples: &[Sample]) -> Option<f64> {
    let known = || samples.iter().map(|sample| sample.value).filter(|value| !value.is_nan());
    let count = known().count();
    // Parts are summed, since the sum itself might be too large for a number.
    (count > 0).then(|| known().map(|value| value / count as f64).sum())
}
