//! No committed file names the machine or the mirror that it was written on.

use super::{Problem, numbered};
use crate::project::Project;

/// Directories that exist on one person's machine; in pieces, so that this file may be checked too.
const MACHINE: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];

/// Whose home may be named: people that do not exist.
const NOBODIES: &[&str] = &["a", "me", "user"];

/// Hosts of package registries: a build must take whichever its user has set up.
const REGISTRIES: &[&str] = &[
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("proxy.go", "lang.org"),
    concat!("sum.go", "lang.org"),
    concat!("repo1.ma", "ven.org"),
    concat!("deb.deb", "ian.org"),
];

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &project.files {
        for (number, line) in numbered(&file.text) {
            for place in MACHINE.iter().filter(|place| has_absolute(line, place)) {
                let text = format!("`{place}` is a place on one machine");
                problems.push(Problem::new(&file.path, number, text));
            }
            for host in REGISTRIES.iter().filter(|host| line.contains(**host)) {
                let text = format!("`{host}` binds the build to one registry host");
                problems.push(Problem::new(&file.path, number, text));
            }
        }
    }
    problems
}

/// Whether the path stands in the line as an absolute one, not as the end of a longer path, and is
/// not an example's.
fn has_absolute(line: &str, place: &str) -> bool {
    let is_longer = |before: char| before.is_alphanumeric() || "._-}/*$".contains(before);
    line.match_indices(place).any(|(at, _)| {
        let next = line[at + place.len()..].split(|c: char| !c.is_alphanumeric()).next();
        !line[..at].ends_with(is_longer) && !next.is_some_and(|next| NOBODIES.contains(&next))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Project::of(&[("a.md", text)])).into_iter().map(|found| found.line).collect()
    }

    #[test]
    fn a_place_on_one_machine_is_a_problem() {
        let home = MACHINE[2];
        let text = format!("cd {home}joe\ncd ~/x\n\"{home}\"\nhttp://a{home}\ncd {home}me\n");
        assert_eq!(lines(&text), [1, 3]);
    }

    #[test]
    fn a_registry_host_is_a_problem() {
        assert_eq!(lines(&format!("from crates.io\nhttps://{}/x\n", REGISTRIES[2])), [2]);
    }
}
