//! How a comparison is told.

use ::bench::compare::{Comparison, Figure, Verdict};

use super::text::short;
use crate::query::grid::{Align, Grid};

/// The comparison as text.
pub(super) fn render(comparison: &Comparison) -> String {
    let (before, after) = comparison.runs;
    let mut text = format!("{before} runs before, {after} after\n\n");
    let mut grid = Grid::new(vec![
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
        Align::Right,
        Align::Left,
    ]);
    grid.add(["", "BEFORE", "AFTER", "CHANGE", "95 % INTERVAL", "P", "VERDICT"].map(str::to_owned));
    for figure in &comparison.figures {
        let value =
            |value| if figure.more_is_better { format!("{value:.1}/s") } else { short(value) };
        let (change, interval) = figure.change.map_or_else(
            || ("–".to_owned(), "–".to_owned()),
            |(by, low, high)| (percent(by), format!("{} to {}", percent(low), percent(high))),
        );
        grid.add([
            figure.name.clone(),
            value(figure.medians.0),
            value(figure.medians.1),
            change,
            interval,
            format!("{:.4}", figure.p_value),
            verdict(figure),
        ]);
    }
    text += &grid.lines().join("\n");
    text.push('\n');
    for remark in &comparison.remarks {
        text.extend(["note: ", remark, "\n"]);
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

fn verdict(figure: &Figure) -> String {
    match figure.verdict {
        Verdict::Better => "better".to_owned(),
        Verdict::Worse => "WORSE".to_owned(),
        Verdict::NoneLargerThan(share) => {
            format!("no difference larger than {:.1} % seen", share * 100.0)
        }
        Verdict::TooFewRuns => "too few runs (5 a side)".to_owned(),
    }
}
