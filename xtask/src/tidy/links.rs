//! Links between documents lead somewhere, down to the heading.

use super::{Problem, numbered};
use crate::project::Project;

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in project.with_extension("md") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, target) in targets(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path =
                if path.is_empty() { Some(file.path.clone()) } else { resolve(folder, path) };
            let Some(path) = path.filter(|path| project.paths.contains(path)) else {
                let text = format!("the link to {target} leads nowhere");
                problems.push(Problem::new(&file.path, number, text));
                continue;
            };
            let linked = project.file(&path).filter(|linked| linked.has_extension("md"));
            if let Some(linked) = linked
                && !anchor.is_empty()
                && !headings(&linked.text).any(|heading| heading == anchor)
            {
                let text = format!("{path} has no heading for the link #{anchor}");
                problems.push(Problem::new(&file.path, number, text));
            }
        }
    }
    problems
}

/// What each `](target)` outside code blocks points to.
fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        line.match_indices("](").filter_map(move |(at, found)| {
            let rest = &line[at + found.len()..];
            rest.split([')', ' ']).next().map(|target| (number, target))
        })
    })
}

/// The lines that are not inside a fenced block.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    numbered(text).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// The anchors of a document's headings, as the usual renderers make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let title = title.replace(' ', "-");
        title.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    })
}

/// The path that `target` names in a document of `folder`; none when it leaves the project.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn links_to_what_exists_are_fine() {
        let project = Project::of(&[
            ("README.md", "[a](docs/a.md#the-2nd-part) [b](docs) [c](https://c.example/#d)\n"),
            ("docs/a.md", "# The 2nd part!\n[up](../README.md) [self](#the-2nd-part)\n"),
        ]);
        assert_eq!(shown(&check(&project)), Vec::<String>::new());
    }

    #[test]
    fn dead_links_are_problems_outside_code() {
        let text = "[a](b.md)\n```\n[a](b.md)\n```\n[up](../../x) [h](#gone)\n# Here\n";
        let project = Project::of(&[("docs/a.md", text)]);
        assert_eq!(
            shown(&check(&project)),
            [
                "docs/a.md:1: the link to b.md leads nowhere",
                "docs/a.md:5: the link to ../../x leads nowhere",
                "docs/a.md:5: docs/a.md has no heading for the link #gone",
            ]
        );
    }
}
