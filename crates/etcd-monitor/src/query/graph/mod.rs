//! Curves in a terminal: a pure function from series and a size to text.

mod canvas;
mod dates;
mod scale;

use jiff::Timestamp;
use model::series::{Sample, Series};
use promql::Unit;

use super::grid::{Align, Grid, cut, printable};
use super::naming::{Naming, selector};
use super::quantity::{Notation, humane};
use super::request::Span;
use super::view::View;
use canvas::{ACROSS, Canvas, DOWN, Dot};
use scale::Scale;

/// Curves beyond this many are told apart by nobody.
const MAX_CURVES: usize = 10;

/// A mark for each curve, for eyes and terminals without colours.
const MARKS: [char; MAX_CURVES] = ['●', '▲', '■', '◆', '○', '△', '□', '◇', '★', '☆'];

/// A colour for each curve; beyond six the bright ones follow.
const COLOURS: [&str; MAX_CURVES] = ["36", "33", "32", "35", "34", "31", "96", "93", "92", "95"];

/// Columns between two marks on a curve.
const COLUMNS_A_MARK: usize = 30;

/// Lines of a field for which nobody gave a height: where there is no terminal, and in one.
const USUAL_HEIGHT: usize = 16;
const LEAST_HEIGHT: usize = 8;
const MOST_HEIGHT: usize = 24;

/// Lines around the field and beside the curves' own: the command, heading, axis, titles, prompt.
const OTHER_LINES: usize = 8;

/// Points that are further apart than this many steps have a gap between them.
const GAP_STEPS: f64 = 1.5;

/// The range that is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) step: std::time::Duration,
}

/// Draws `series` over `frame`; empty when there are none.
pub(super) fn render(series: &[Series], frame: Frame, view: &View) -> String {
    if series.is_empty() {
        return String::new();
    }
    let drawn = highest(series);
    let naming = Naming::of(&drawn);
    let unit = view.common_unit(&drawn);
    let more = series.len() - drawn.len();
    let height = view.height.unwrap_or_else(|| {
        let others = OTHER_LINES + drawn.len() + usize::from(more > 0);
        let left = |lines: usize| lines.saturating_sub(others).clamp(LEAST_HEIGHT, MOST_HEIGHT);
        view.screen_height.map_or(USUAL_HEIGHT, left)
    });
    let mut lines = vec![heading(frame, view)];
    lines.extend(plot(&drawn, frame, unit, height, view));
    lines.push(String::new());
    lines.extend(legend(&drawn, &naming, unit, view));
    if more > 0 {
        let series =
            if more == 1 { "1 lower series is" } else { &format!("{more} lower series are") };
        lines.push(format!("{series} not drawn; narrow the query or use -o table"));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The series that reach highest, as many as can be drawn, in the order that they came in.
fn highest(series: &[Series]) -> Vec<Series> {
    let top = |series: &Series| {
        let finite = series.samples.iter().map(|sample| sample.value).filter(|v| v.is_finite());
        finite.fold(f64::NEG_INFINITY, f64::max)
    };
    let mut ranks: Vec<(f64, usize)> = series.iter().map(top).zip(0..).collect();
    ranks.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    ranks.truncate(MAX_CURVES);
    ranks.sort_by_key(|(_, index)| *index);
    ranks.into_iter().map(|(_, index)| series[index].clone()).collect()
}

/// The query, and the range that it is asked over.
fn heading(Frame { from, to, step }: Frame, view: &View) -> String {
    let range = view.time(Span::Range { from, to, step });
    let query = view.expression.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{}\n{}", view.bold(&cut(&printable(&query), view.width)), cut(&range, view.width))
}

fn plot(
    series: &[Series],
    frame: Frame,
    unit: Option<Unit>,
    height: usize,
    view: &View,
) -> Vec<String> {
    let values = || series.iter().flat_map(|series| &series.samples).map(|sample| sample.value);
    let finite = || values().filter(|value| value.is_finite());
    let (min, max) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let (min, max) = if min <= max { (min, max) } else { (0.0, 0.0) };
    let scale = Scale::new(min, max, height, unit);
    let largest = scale.ticks().map(f64::abs).fold(0.0, f64::max);
    let notation = Notation::new(largest, scale.step(), unit, &view.zone);

    // Labels stand at the line in which a curve of their value runs.
    let dots_down = height * DOWN;
    let height_of =
        |value: f64| ((1.0 - scale.part(value)) * (dots_down - 1) as f64).round() as usize;
    let mut labels = vec![String::new(); height];
    for tick in scale.ticks() {
        labels[height_of(tick) / DOWN] = notation.write(tick);
    }
    let label_width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let columns = view.width.saturating_sub(label_width + 2).max(1);

    let mut canvas = Canvas::new(columns, height);
    let dots_across = columns * ACROSS;
    let place = |sample: &Sample| Dot {
        x: (part(sample.at_ms, frame) * (dots_across - 1) as f64).round() as usize,
        y: height_of(sample.value),
    };
    // The first curve is drawn last: what is asked for first stays visible.
    for (curve, series) in series.iter().enumerate().rev() {
        for run in runs(&series.samples, frame) {
            let dots: Vec<Dot> = run.iter().map(place).collect();
            canvas.line(dots[0], dots[0], curve);
            for ends in dots.windows(2) {
                canvas.line(ends[0], ends[1], curve);
            }
        }
    }
    if series.len() > 1 {
        for (curve, one) in series.iter().enumerate() {
            let dots = runs(&one.samples, frame).flatten().map(place).collect::<Vec<_>>();
            mark(&mut canvas, &dots, curve, series.len());
        }
    }

    let field = canvas.lines(|curve, text| view.paint(COLOURS[curve], text));
    let mut lines: Vec<String> = labels
        .iter()
        .zip(field)
        .map(|(label, dots)| {
            let edge = if label.is_empty() { '│' } else { '┤' };
            format!("{label:>label_width$} {edge}{dots}")
        })
        .collect();
    lines.extend(time_axis(frame, label_width, columns, view));
    lines
}

/// Where a moment stands, from 0 at the left to 1 at the right.
fn part(at_ms: i64, Frame { from, to, .. }: Frame) -> f64 {
    let (from, to) = (from.as_millisecond(), to.as_millisecond());
    (at_ms.saturating_sub(from) as f64 / ((to - from) as f64).max(1.0)).clamp(0.0, 1.0)
}

/// Points without a gap between them, and without any that has no place on paper.
fn runs(samples: &[Sample], frame: Frame) -> impl Iterator<Item = &[Sample]> {
    let longest_ms = frame.step.as_secs_f64() * 1_000.0 * GAP_STEPS;
    let joined = move |a: &Sample, b: &Sample| {
        let is_near = (b.at_ms.saturating_sub(a.at_ms) as f64) <= longest_ms;
        is_near && a.value.is_finite() == b.value.is_finite()
    };
    samples.chunk_by(joined).filter(|run| run[0].value.is_finite())
}

/// Puts the curve's mark on it, at places that differ from those of the other curves.
fn mark(canvas: &mut Canvas, dots: &[Dot], curve: usize, curves: usize) {
    let apart = COLUMNS_A_MARK * ACROSS;
    let mut next = apart * (2 * curve + 1) / (2 * curves);
    let mut is_marked = false;
    for dot in dots {
        if dot.x >= next && canvas.mark(*dot, MARKS[curve], curve) {
            next = dot.x + apart;
            is_marked = true;
        }
    }
    // A curve that ends early is marked where it ends.
    if !is_marked && let Some(last) = dots.last() {
        canvas.mark(*last, MARKS[curve], curve);
    }
}

fn time_axis(frame: Frame, label_width: usize, columns: usize, view: &View) -> [String; 2] {
    let mut rule = vec!['─'; columns];
    let mut texts = vec![' '; label_width + 2 + columns];
    let mut free_from = 0;
    for tick in dates::ticks(frame.from, frame.to, columns, &view.zone) {
        let column =
            (part(tick.at.as_millisecond(), frame) * (columns - 1) as f64).round() as usize;
        rule[column] = '┬';
        let length = tick.text.chars().count();
        // Under its tick, but not out of the picture.
        let start = (label_width + 2 + column).saturating_sub(length / 2);
        let start = start.min(texts.len().saturating_sub(length));
        if start >= free_from {
            for (place, character) in texts[start..].iter_mut().zip(tick.text.chars()) {
                *place = character;
            }
            free_from = start + length + 1;
        }
    }
    let rule: String = rule.into_iter().collect();
    let texts: String = texts.into_iter().collect();
    [format!("{:label_width$} └{rule}", ""), texts.trim_end().to_owned()]
}

fn legend(series: &[Series], naming: &Naming, unit: Option<Unit>, view: &View) -> Vec<String> {
    let common = selector(&naming.common);
    let title = if series.len() == 1 || common == "{}" { String::new() } else { common.clone() };
    let name = |one: &Series| match naming.particular(&one.labels) {
        name if name.is_empty() && series.len() == 1 => common.clone(),
        name if name.is_empty() => "{}".to_owned(),
        name => name,
    };
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |v| humane(v, unit, &view.zone));
    let numbers = |one: &Series| {
        let known = || one.samples.iter().map(|sample| sample.value).filter(|v| !v.is_nan());
        let last = one.samples.last().map(|sample| sample.value);
        [last, known().reduce(f64::min), known().reduce(f64::max)].map(shown)
    };
    let mut rows = vec![(title, ["last", "min", "max"].map(str::to_owned))];
    rows.extend(series.iter().map(|one| (name(one), numbers(one))));

    // The numbers keep their room; names give way.
    let width =
        |column: usize| rows.iter().map(|(_, numbers)| numbers[column].chars().count()).max();
    let taken: usize = (0..3).filter_map(width).map(|width| width + 2).sum();
    let room = view.width.saturating_sub(2 + taken).max(16);
    let mut grid = Grid::new(vec![Align::Left, Align::Right, Align::Right, Align::Right]);
    for (name, numbers) in rows {
        grid.add([cut(&name, room)].into_iter().chain(numbers));
    }
    let lines = grid.lines().into_iter().enumerate();
    lines
        .map(|(index, line)| match index.checked_sub(1) {
            None => format!("  {line}"),
            Some(curve) => {
                let mark = view.paint(COLOURS[curve], &MARKS[curve].to_string());
                format!("{mark} {line}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
