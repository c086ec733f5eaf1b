//! Files stay small enough to be read in one go.

use super::Problem;
use crate::project::Project;

/// Where a file begins to hide things from its reader.
const ADVISED_LINES: usize = 500;
/// Where it has to be split.
const MAX_LINES: usize = 600;

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let counted = project.with_extension("rs").map(|file| (file, file.text.lines().count()));
    counted
        .filter(|(_, lines)| *lines > ADVISED_LINES)
        .map(|(file, lines)| {
            let text = format!("{lines} lines; split it by the nouns that it owns");
            if lines > MAX_LINES {
                Problem::new(&file.path, 0, text)
            } else {
                Problem::warning(&file.path, 0, text)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn a_long_file_is_warned_about_and_a_longer_one_is_an_error() {
        let of_lines = |lines| "a\n".repeat(lines);
        let project = Project::of(&[
            ("a.rs", &of_lines(ADVISED_LINES)),
            ("b.rs", &of_lines(ADVISED_LINES + 1)),
            ("c.rs", &of_lines(MAX_LINES + 1)),
        ]);
        assert_eq!(
            shown(&check(&project)),
            [
                "b.rs: warning: 501 lines; split it by the nouns that it owns",
                "c.rs: 601 lines; split it by the nouns that it owns",
            ]
        );
    }
}
