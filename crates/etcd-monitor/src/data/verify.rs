//! `data verify`: what is damaged.

use std::io::Write;

use serde_json::json;
use tsdb::admin::verify::{self, Problem, Verified};

use super::error::Error;
use super::progress::Bar;
use super::{Place, RECORDS, bytes, count, write};
use crate::cli::data::Output;
use crate::query::grid::{Align, Grid};

/// Looks at all of `place` and tells what is wrong.
pub(super) fn run(place: &Place, output: Output, out: &mut dyn Write) -> Result<(), Error> {
    let (verified, problems) = problems(place)?;
    let text = match output {
        Output::Json => json(&verified, &problems),
        Output::Table => table(place, &verified, &problems),
    };
    write(out, &text)?;
    place.without(problems.len())
}

/// What was looked at, and what is wrong there and with the records beside it.
pub(super) fn problems(place: &Place) -> Result<(Verified, Vec<Problem>), Error> {
    let mut bar = Bar::new("verifying");
    let verified = verify::verify(&place.history, &mut |progress| bar.show(progress))?;
    let mut problems = verified.problems.clone();
    let records = place.data_dir.join(RECORDS);
    if records.is_file() {
        let complaints = verify::complaints(&records).into_iter();
        problems.extend(complaints.map(|what| Problem { file: RECORDS.to_owned(), what }));
    }
    Ok((verified, problems))
}

fn json(verified: &Verified, problems: &[Problem]) -> String {
    let one = |problem: &Problem| json!({ "file": problem.file, "problem": problem.what });
    let answer = json!({
        "files": verified.files,
        "bytes": verified.bytes,
        "blocks": verified.blocks,
        "rows": verified.rows,
        "problems": problems.iter().map(one).collect::<Vec<_>>(),
    });
    format!("{answer:#}\n")
}

fn table(place: &Place, verified: &Verified, problems: &[Problem]) -> String {
    let verdict = if problems.is_empty() { "; all is sound" } else { "" };
    let mut text = format!(
        "{}: {}, {}, {}, {}{verdict}\n",
        place.data_dir.display(),
        count(verified.files, "file"),
        bytes(verified.bytes),
        count(verified.blocks as usize, "block"),
        count(verified.rows as usize, "latest scrape"),
    );
    if problems.is_empty() {
        return text;
    }
    let mut grid = Grid::new(vec![Align::Left; 2]);
    grid.add(["file", "problem"].map(str::to_owned));
    for problem in problems {
        grid.add([problem.file.clone(), problem.what.clone()]);
    }
    text.push('\n');
    for line in grid.lines() {
        text += &line;
        text.push('\n');
    }
    text
}
