//! Nothing half done is committed: what is missing belongs into an issue.

use super::{Problem, numbered};
use crate::project::Project;

/// Marks of unfinished work; in pieces, so that this file may be checked too.
const MARKERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("dbg", "!("),
];

/// Files that others write or that list words.
const EXEMPT: &[&str] = &["LICENSE", "Cargo.lock"];

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in project.files.iter().filter(|file| !EXEMPT.contains(&file.path.as_str())) {
        for (number, line) in numbered(&file.text) {
            for marker in MARKERS.iter().filter(|marker| has_word(line, marker)) {
                let text = format!("`{marker}`: finish it, or leave it out and say so in an issue");
                problems.push(Problem::new(&file.path, number, text));
            }
        }
    }
    problems
}

/// Whether `line` has `word`, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_problems() {
        let done = "fn mastodon() {} // MASTODONS and todos\n";
        let text = format!("{done}// {}: more\n{}\n", MARKERS[0], MARKERS[3]);
        let project = Project::of(&[("a.rs", &text)]);
        let lines: Vec<usize> = check(&project).into_iter().map(|found| found.line).collect();
        assert_eq!(lines, [2, 3]);
    }
}
