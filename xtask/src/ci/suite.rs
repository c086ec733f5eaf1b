//! One program with tests: which it has, and what came of them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The most tests of a program that are run by one process of it, where processes are waited for:
/// so that those who run them have about the same to do.
const AT_MOST: usize = 12;

/// One program with tests, or some of its tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// The directory of its crate, in which it runs.
    directory: PathBuf,
    /// Whether it is one with processes of others.
    pub(super) is_long: bool,
    /// The tests to run; all when there are none.
    tests: Vec<String>,
}

/// What a suite said.
pub(super) struct Outcome {
    pub(super) is_well: bool,
    pub(super) text: String,
}

/// What cargo tells of something that it built.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Suite {
    /// The suite that a line of cargo's tells of.
    pub(super) fn of_message(line: &str) -> Option<Self> {
        let message: Message = serde_json::from_str(line).ok()?;
        let (target, program) = (message.target?, message.executable?);
        if !message.profile?.test {
            return None;
        }
        let directory = message.manifest_path?.parent()?.to_owned();
        let package = directory.file_name()?.to_string_lossy().into_owned();
        let is_long = target.kind.iter().any(|kind| kind == "test");
        let name = format!("{package} {}", target.name);
        Some(Self { name, program, directory, is_long, tests: Vec::new() })
    }

    /// The same tests in pieces, when it takes long.
    pub(super) fn pieces(self) -> Result<Vec<Self>> {
        if !self.is_long {
            return Ok(vec![self]);
        }
        let listed = self.run(&["--list", "--format", "terse"])?;
        if !listed.is_well {
            bail!("{} does not list its tests: {}", self.name, listed.text);
        }
        let tests: Vec<String> = listed.text.lines().filter_map(listed_test).collect();
        Ok(self.divided(&tests))
    }

    fn divided(self, tests: &[String]) -> Vec<Self> {
        let count = tests.len().div_ceil(AT_MOST);
        if count < 2 {
            return vec![self];
        }
        // Neighbours tend to be of a kind and to take as long: each piece gets some of all.
        let piece = |n: usize| {
            let tests = tests.iter().skip(n).step_by(count).cloned().collect();
            let name = format!("{}, part {} of {count}", self.name, n + 1);
            Self { name, tests, ..self.clone() }
        };
        (0..count).map(piece).collect()
    }

    /// One test of it.
    pub(super) fn only(&self, test: &str) -> Self {
        let name = format!("{}: {test}", self.name);
        Self { name, tests: vec![test.to_owned()], ..self.clone() }
    }

    /// Runs its tests.
    pub(super) fn perform(&self) -> Result<Outcome> {
        let mut arguments: Vec<&str> = self.tests.iter().map(String::as_str).collect();
        if !arguments.is_empty() {
            arguments.push("--exact");
        }
        self.run(&arguments)
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.directory)
            // As `cargo test` sets it: tests find their files by it.
            .env("CARGO_MANIFEST_DIR", &self.directory)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Outcome { is_well: output.status.success(), text })
    }
}

impl Outcome {
    /// The tests that failed, as far as it says.
    pub(super) fn failures<'a>(&'a self) -> impl Iterator<Item = &'a str> {
        let failed = |line: &'a str| line.strip_prefix("test ")?.strip_suffix(" ... FAILED");
        self.text.lines().filter_map(failed)
    }
}

/// The name in a line of a list of tests.
fn listed_test(line: &str) -> Option<String> {
    line.strip_suffix(": test").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TOLD: &str = r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/etcd/Cargo.toml",
        "target":{"kind":["test"],"name":"it"},"profile":{"test":true},
        "executable":"/w/target/debug/deps/it-1"}"#;

    #[test]
    fn a_program_with_tests_is_a_suite_and_other_messages_are_not() {
        let suite = Suite::of_message(TOLD).expect("a suite");
        assert_eq!(suite.name, "etcd it");
        assert_eq!(suite.directory, Path::new("/w/crates/etcd"));
        assert!(suite.is_long);
        for other in [
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            TOLD.replace(r#""test":true"#, r#""test":false"#),
            TOLD.replace(r#""/w/target/debug/deps/it-1""#, "null"),
        ] {
            assert!(Suite::of_message(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn each_test_of_a_long_suite_is_in_one_of_its_pieces() {
        let suite = Suite::of_message(TOLD).expect("a suite");
        let names = |count: usize| (0..count).map(|n| format!("t{n:02}")).collect::<Vec<_>>();
        assert_eq!(suite.clone().divided(&names(12)).len(), 1);
        let pieces = suite.divided(&names(30));
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[1].name, "etcd it, part 2 of 3");
        let mut all: Vec<_> = pieces.into_iter().flat_map(|piece| piece.tests).collect();
        all.sort();
        assert_eq!(all, names(30));
        assert_eq!(listed_test("a::b: test").as_deref(), Some("a::b"));
        assert_eq!(listed_test("2 tests, 0 benchmarks"), None);
    }

    #[test]
    fn what_failed_is_read_from_what_a_suite_prints() {
        let text = "test a::b ... ok\ntest c::d ... FAILED\nfailures:\n    c::d\n".to_owned();
        let outcome = Outcome { is_well: false, text };
        assert_eq!(outcome.failures().collect::<Vec<_>>(), ["c::d"]);
    }
}
