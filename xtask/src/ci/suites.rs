//! The tests: built in one go, then several suites at a time, since most of them wait for processes
//! of others and not for the processor.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::tally::Tally;
use super::{now, seconds};

/// Suites that run side by side.
const AT_A_TIME: usize = 3;

const BUILD: [&str; 5] =
    ["test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"];

/// One program with tests.
struct Suite {
    name: String,
    program: PathBuf,
    /// The directory of its crate, in which it runs.
    directory: PathBuf,
    /// Whether it is one with processes of others.
    is_long: bool,
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

/// Builds and runs all suites of the workspace at `root`.
pub(super) fn run(root: &Path, tally: &mut Tally) -> Result<()> {
    let started = now();
    let mut suites = build(root)?;
    println!("built {} suites in {}", suites.len(), seconds(started.elapsed()));
    let size = |suite: &Suite| suite.program.metadata().map_or(0, |file| file.len());
    // The largest tend to take longest, and so begin first.
    suites.sort_by_key(|suite| (!suite.is_long, Reverse(size(suite))));
    let waiting = Mutex::new(VecDeque::from(suites));
    let (sender, ended) = mpsc::channel();
    let mut failed = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            let (sender, waiting) = (sender.clone(), &waiting);
            scope.spawn(move || {
                let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop_front());
                while let Some(suite) = next() {
                    let started = now();
                    let output = perform(&suite);
                    let _ = sender.send((suite.name, output, started.elapsed()));
                }
            });
        }
        drop(sender);
        // A suite's output is shown when it has ended, so that no two are mixed.
        for (name, output, took) in ended {
            println!("\n--- {name}, {}", seconds(took));
            match output {
                Ok((is_well, text)) => {
                    print!("{text}");
                    text.lines().for_each(|line| tally.read(line));
                    if !is_well {
                        failed.push(name);
                    }
                }
                Err(error) => {
                    println!("{error:#}");
                    failed.push(name);
                }
            }
        }
    });
    if !failed.is_empty() {
        bail!("suites with failures: {}", failed.join(", "));
    }
    Ok(())
}

fn build(root: &Path) -> Result<Vec<Suite>> {
    let output = Command::new("cargo")
        .args(BUILD)
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the tests do not build");
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(suite).collect())
}

/// The suite that a line of cargo's tells of.
fn suite(line: &str) -> Option<Suite> {
    let message: Message = serde_json::from_str(line).ok()?;
    let (target, program) = (message.target?, message.executable?);
    if !message.profile?.test {
        return None;
    }
    let directory = message.manifest_path?.parent()?.to_owned();
    let package = directory.file_name()?.to_string_lossy().into_owned();
    let is_long = target.kind.iter().any(|kind| kind == "test");
    Some(Suite { name: format!("{package} {}", target.name), program, directory, is_long })
}

/// Whether it ends well, and all that it says.
fn perform(suite: &Suite) -> Result<(bool, String)> {
    let output = Command::new(&suite.program)
        .current_dir(&suite.directory)
        // As `cargo test` sets it: tests find their files by it.
        .env("CARGO_MANIFEST_DIR", &suite.directory)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", suite.program.display()))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_tests_is_a_suite_and_other_messages_are_not() {
        let told = r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/etcd/Cargo.toml",
            "target":{"kind":["test"],"name":"it"},"profile":{"test":true},
            "executable":"/w/target/debug/deps/it-1"}"#;
        let suite = suite(told).expect("a suite");
        assert_eq!(suite.name, "etcd it");
        assert_eq!(suite.directory, Path::new("/w/crates/etcd"));
        assert!(suite.is_long);
        for other in [
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            told.replace(r#""test":true"#, r#""test":false"#),
            told.replace(r#""/w/target/debug/deps/it-1""#, "null"),
        ] {
            assert!(super::suite(&other).is_none(), "{other}");
        }
    }
}
