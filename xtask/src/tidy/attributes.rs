//! Lints are expected with a reason, and no test is switched off.

use super::{Problem, numbered};
use crate::project::Project;

/// How a line of a banned attribute begins, and what to write instead.
const BANNED: &[(&str, &str)] = &[
    ("allow(", "use #[expect(lint, reason = \"…\")], which tells when it is not needed any more"),
    ("ignore", "a test that does not run proves nothing; fix it or delete it"),
    ("should_panic", "catch the panic or test the error, so that the message is checked too"),
];

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in project.with_extension("rs") {
        for (number, line) in numbered(&file.text) {
            let line = line.trim_start();
            let attribute = line.strip_prefix("#[").or_else(|| line.strip_prefix("#!["));
            let Some(attribute) = attribute else { continue };
            for (banned, remedy) in BANNED {
                if attribute.starts_with(banned) {
                    problems.push(Problem::new(&file.path, number, *remedy));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowing_a_lint_or_ignoring_a_test_is_a_problem() {
        let text = concat!(
            "#![allow(dead_code)]\n",
            "#[expect(dead_code, reason = \"later\")]\n",
            "    #[ignore = \"slow\"]\n",
            "// #[allow(x)] in a comment\n",
        );
        let project = Project::of(&[("a.rs", text)]);
        let lines: Vec<usize> = check(&project).into_iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
