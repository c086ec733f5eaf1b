//! How an answer is looked at: for which question, in which units, times, size and colours.

use std::io::{self, IsTerminal as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::series::{METRIC_NAME, Series};
use promql::{Unit, Units};
use terminal_size::{Height, Width};

use super::quantity::humane;
use super::request::Span;
use crate::cli::query::QueryFlags;

/// Columns where there is no terminal to ask.
const USUAL_WIDTH: usize = 80;

/// Columns below which a graph is none.
const LEAST_WIDTH: usize = 40;

/// How an answer is looked at.
pub(super) struct View {
    pub(super) expression: String,
    pub(super) units: Units,
    /// Whether times are local ones.
    pub(super) zone: TimeZone,
    /// In columns.
    pub(super) width: usize,
    /// Of a graph's field, in lines, where somebody said it.
    pub(super) height: Option<usize>,
    /// Of the terminal, in lines, where there is one.
    pub(super) screen_height: Option<usize>,
    pub(super) is_colourful: bool,
}

impl View {
    /// On this process' standard output.
    pub(super) fn of_this_process(flags: &QueryFlags) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let (columns, lines) = match terminal_size::terminal_size_of(io::stdout()) {
            Some((Width(columns), Height(lines))) => (columns.into(), Some(lines.into())),
            None => (USUAL_WIDTH, None),
        };
        Self {
            expression: flags.expression.clone(),
            units: Units::new(&flags.expression),
            zone: if flags.utc { TimeZone::UTC } else { TimeZone::system() },
            width: flags.width.map_or(columns.max(LEAST_WIDTH), usize::from),
            height: flags.height.map(usize::from),
            screen_height: lines,
            is_colourful: is_terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// When that is.
    pub(super) fn time(&self, span: Span) -> String {
        let local = |at: Timestamp| at.to_zoned_datetime(self.zone.clone());
        match span {
            Span::Moment(at) => local(at).strftime("%F %T %Z").to_string(),
            Span::Range { from, to, step } => {
                let (from, to) = (local(from), local(to));
                let format = if from.date() == to.date() { "%T %Z" } else { "%F %T %Z" };
                let (from, to) = (from.strftime("%F %T"), to.strftime(format));
                let step = humane(step.as_secs_f64(), Some(Unit::Seconds), &self.zone);
                format!("{from} to {to}, every {step}")
            }
        }
    }

    /// The unit of the numbers of `series`.
    pub(super) fn unit(&self, series: &Series) -> Option<Unit> {
        self.units.of(series.labels.get(METRIC_NAME))
    }

    /// The one unit that all of `series` have.
    pub(super) fn common_unit(&self, series: &[Series]) -> Option<Unit> {
        let mut units = series.iter().map(|series| self.unit(series));
        units.next()?.filter(|first| units.all(|unit| unit == Some(*first)))
    }

    /// `text` in a colour, by its ANSI code.
    pub(super) fn paint(&self, colour: &str, text: &str) -> String {
        if self.is_colourful { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }
}
