//! The format table: columns with lines around, as etcdctl draws them up to 3.6 and from 3.7 on.

use std::fmt::Write as _;

use super::Style;
use crate::answer::Answer;
use crate::compat::Compat;

/// Rows below the names of columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns, as etcdctl has them before it makes them upper-case.
    pub header: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

/// The characters of one way to draw lines: for each row of them left, middle, right and line.
struct Lines {
    top: [&'static str; 4],
    middle: [&'static str; 4],
    bottom: [&'static str; 4],
    upright: &'static str,
}

const ASCII: Lines = Lines {
    top: ["+", "+", "+", "-"],
    middle: ["+", "+", "+", "-"],
    bottom: ["+", "+", "+", "-"],
    upright: "|",
};

const BOX: Lines = Lines {
    top: ["\u{250c}", "\u{252c}", "\u{2510}", "\u{2500}"],
    middle: ["\u{251c}", "\u{253c}", "\u{2524}", "\u{2500}"],
    bottom: ["\u{2514}", "\u{2534}", "\u{2518}", "\u{2500}"],
    upright: "\u{2502}",
};

pub(super) fn print(answer: &impl Answer, style: Style, out: &mut Vec<u8>) -> bool {
    let Some(table) = answer.table(style) else { return false };
    out.extend_from_slice(draw(&table, style.compat).as_bytes());
    true
}

fn draw(table: &Table, compat: Compat) -> String {
    let lines = if compat >= Compat::V3_7 { &BOX } else { &ASCII };
    let names: Vec<String> =
        table.header.iter().map(|name| name.to_uppercase().replace('_', " ")).collect();
    let width = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(column)).chain(names.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let rule = |parts: [&str; 4]| {
        let cells: Vec<String> = widths.iter().map(|width| parts[3].repeat(width + 2)).collect();
        format!("{}{}{}\n", parts[0], cells.join(parts[1]), parts[2])
    };
    let row = |cells: &[String], align: fn(&str, usize) -> String| {
        let mut line = String::from(lines.upright);
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, " {} {}", align(cell, *width), lines.upright);
        }
        line.push('\n');
        line
    };
    let mut text = rule(lines.top);
    text.push_str(&row(&names, centred));
    text.push_str(&rule(lines.middle));
    for cells in &table.rows {
        text.push_str(&row(cells, |cell, width| format!("{cell:>width$}")));
    }
    if !table.rows.is_empty() || compat < Compat::V3_7 {
        text.push_str(&rule(lines.bottom));
    }
    text
}

fn centred(cell: &str, width: usize) -> String {
    format!("{cell:^width$}")
}
