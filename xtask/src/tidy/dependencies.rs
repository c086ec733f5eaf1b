//! Every outside crate is used, and docs/dependencies.md says what for.

use std::collections::BTreeSet;

use super::{Problem, numbered};
use crate::project::{Package, Project};

const MANIFEST: &str = "Cargo.toml";
const REASONS: &str = "docs/dependencies.md";

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let text = |path| project.file(path).map_or("", |file| file.text.as_str());
    let declared = declared(text(MANIFEST));
    let explained: BTreeSet<&str> = explained(text(REASONS)).map(|(_, name)| name).collect();
    let mut problems = Vec::new();
    for (line, name) in &declared {
        let is_used = project
            .packages
            .iter()
            .any(|package| package.dependencies.iter().any(|used| used.name == *name));
        if !is_used {
            problems.push(Problem::new(MANIFEST, *line, format!("no crate uses {name}")));
        }
        if !explained.contains(name) {
            let text = format!("{REASONS} does not say why {name} is here");
            problems.push(Problem::new(MANIFEST, *line, text));
        }
    }
    for (line, name) in self::explained(text(REASONS)) {
        if !declared.iter().any(|(_, declared)| *declared == name) {
            let text = format!("{name} is not a dependency of the workspace");
            problems.push(Problem::new(REASONS, line, text));
        }
    }
    problems.extend(project.packages.iter().flat_map(|package| unused(project, package)));
    problems
}

/// The outside crates that the workspace's manifest lists, with their lines.
fn declared(manifest: &str) -> Vec<(usize, &str)> {
    numbered(manifest)
        .skip_while(|(_, line)| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['))
        .filter(|(_, line)| !line.starts_with('#') && !line.contains("path ="))
        .filter_map(|(number, line)| line.split_once(" =").map(|(name, _)| (number, name)))
        .collect()
}

/// The first column of the table, without its head.
fn explained(table: &str) -> impl Iterator<Item = (usize, &str)> {
    numbered(table).filter_map(|(number, line)| {
        let name = line.strip_prefix("| ")?.split_once(" |")?.0.trim().trim_matches('`');
        (name != "crate" && !name.starts_with("--")).then_some((number, name))
    })
}

/// What the crate declares and none of its files names.
fn unused<'a>(
    project: &'a Project,
    package: &'a Package,
) -> impl Iterator<Item = Problem> + use<'a> {
    let folder = match package.name.as_str() {
        "xtask" => "xtask/".to_owned(),
        name => format!("crates/{name}/"),
    };
    let sources: Vec<&str> = project
        .with_extension("rs")
        .filter(|file| file.path.starts_with(&folder))
        .map(|file| file.text.as_str())
        .collect();
    package.dependencies.iter().filter_map(move |dependency| {
        let name = dependency.name.replace('-', "_");
        let is_named = sources.iter().any(|text| text.contains(&name));
        let text = format!("declares {} and never names it", dependency.name);
        (!is_named).then(|| Problem::new(&format!("{folder}Cargo.toml"), 0, text))
    })
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;
    use crate::project::Dependency;

    #[test]
    fn what_is_unused_or_unexplained_or_gone_is_a_problem() {
        let manifest = "[workspace.dependencies]\n# why\nmodel = { path = \"crates/model\" }\n\
                        anyhow = \"1\"\nserde-x = { version = \"1\" }\n\n[profile.dev]\na = 1\n";
        let reasons = "| crate | why |\n|---|---|\n| anyhow | errors |\n| `gone` | was here |\n";
        let mut project = Project::of(&[
            (MANIFEST, manifest),
            (REASONS, reasons),
            ("crates/a/src/lib.rs", "use anyhow::Result;\n"),
        ]);
        let dependency = |name: &str| Dependency { name: name.to_owned(), kind: None, path: None };
        let dependencies = vec![dependency("anyhow"), dependency("other-one")];
        project.packages.push(Package { name: "a".to_owned(), dependencies });
        assert_eq!(
            shown(&check(&project)),
            [
                "Cargo.toml:5: no crate uses serde-x",
                "Cargo.toml:5: docs/dependencies.md does not say why serde-x is here",
                "docs/dependencies.md:4: gone is not a dependency of the workspace",
                "crates/a/Cargo.toml: declares other-one and never names it",
            ]
        );
    }
}
