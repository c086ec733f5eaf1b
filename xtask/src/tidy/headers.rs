//! Every source file says first what it owns.

use super::Problem;
use crate::project::Project;

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let rust = project.with_extension("rs").filter(|file| !file.text.starts_with("//! "));
    let rust = rust.map(|file| Problem::new(&file.path, 1, "starts without `//! what it owns`"));
    let shell = project.with_extension("sh").filter(|file| {
        let mut lines = file.text.lines();
        !(lines.next() == Some("#!/usr/bin/env bash")
            && lines.next().is_some_and(|line| line.starts_with("# ")))
    });
    let shell = shell.map(|file| {
        Problem::new(&file.path, 1, "starts without `#!/usr/bin/env bash` and `# what it does`")
    });
    rust.chain(shell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_is_a_problem() {
        let project = Project::of(&[
            ("a.rs", "//! Owns a.\nuse b;\n"),
            ("b.rs", "use a;\n"),
            ("c.sh", "#!/usr/bin/env bash\n# Does c.\nc\n"),
            ("d.sh", "#!/bin/sh\nd\n"),
        ]);
        let paths: Vec<String> = check(&project).into_iter().map(|found| found.path).collect();
        assert_eq!(paths, ["b.rs", "d.sh"]);
    }
}
