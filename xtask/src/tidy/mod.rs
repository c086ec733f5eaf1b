//! The project's own rules: one file per rule, each a pure function of the project.

mod attributes;
mod dependencies;
mod headers;
mod layers;
mod links;
mod logs;
mod markers;
mod places;
mod sizes;

use std::fmt;

use anyhow::{Result, bail};

use crate::project::Project;

/// How a rule is checked.
type Check = fn(&Project) -> Vec<Problem>;

/// Every rule with its name.
const RULES: &[(&str, Check)] = &[
    ("layers", layers::check),
    ("dependencies", dependencies::check),
    ("headers", headers::check),
    ("sizes", sizes::check),
    ("attributes", attributes::check),
    ("markers", markers::check),
    ("logs", logs::check),
    ("places", places::check),
    ("links", links::check),
];

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    path: String,
    /// Counted from 1; 0 when the whole file is meant.
    line: usize,
    text: String,
    is_warning: bool,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into(), is_warning: false }
    }

    fn warning(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(path, line, text) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}{}", if self.is_warning { "warning: " } else { "" }, self.text)
    }
}

/// Checks every rule, prints all problems, and fails when there is more than warnings.
pub(crate) fn run(project: &Project) -> Result<()> {
    let mut errors = 0;
    for (rule, check) in RULES {
        for problem in check(project) {
            errors += usize::from(!problem.is_warning);
            println!("{problem} [{rule}]");
        }
    }
    if errors > 0 {
        bail!("{errors} breaches of the project's rules; CONTRIBUTING.md gives the reasons");
    }
    println!("{} rules hold in {} files", RULES.len(), project.files.len());
    Ok(())
}

/// The lines of a file, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// The problems of a file's text under a rule, as `path:line: text`.
#[cfg(test)]
fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
