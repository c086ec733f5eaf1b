//! What the checks look at: the project's text files and the edges between its crates.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The project as the checks see it.
#[derive(Debug, Default)]
pub(crate) struct Project {
    /// Every text file that git tracks or would track.
    pub(crate) files: Vec<File>,
    /// Every path, also of files that are not text, and every directory above one.
    pub(crate) paths: BTreeSet<String>,
    /// The crates of the workspace.
    pub(crate) packages: Vec<Package>,
}

/// One text file; its path is relative to the workspace and has forward slashes.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a crate's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// None for a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// Set for a crate of the workspace.
    pub(crate) path: Option<String>,
}

impl File {
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

impl Dependency {
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.path.is_some()
    }
}

impl Project {
    /// Reads the project whose workspace is in `root`.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut project = Self { packages: packages(root)?, ..Self::default() };
        for path in listed_by_git(root)? {
            // A path that git lists may have been deleted since.
            let Ok(bytes) = std::fs::read(root.join(&path)) else { continue };
            project.add_path(&path);
            if let Ok(text) = String::from_utf8(bytes) {
                project.files.push(File { path, text });
            }
        }
        Ok(project)
    }

    /// A project of these files, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut project = Self::default();
        for (path, text) in files {
            project.add_path(path);
            project.files.push(File { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        project
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn with_extension<'a>(
        &'a self,
        extension: &'a str,
    ) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.has_extension(extension))
    }

    fn add_path(&mut self, path: &str) {
        let mut path = path;
        while self.paths.insert(path.to_owned()) {
            let Some((parent, _)) = path.rsplit_once('/') else { break };
            path = parent;
        }
    }
}

fn listed_by_git(root: &Path) -> Result<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output();
    let output = output.context("cannot run git, which lists the files to check")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let listing = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    Ok(listing.split_terminator('\0').map(str::to_owned).collect())
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let arguments = ["metadata", "--format-version=1", "--no-deps", "--offline"];
    let output = Command::new("cargo").args(arguments).current_dir(root).output();
    let output = output.context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cannot read what cargo metadata says")?;
    Ok(metadata.packages)
}
