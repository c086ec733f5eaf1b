//! The tests: built in one go, then several suites at a time, since most of them wait for processes
//! of others and not for the processor.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};

use anyhow::{Context, Result, bail};

use super::suite::{Outcome, Suite};
use super::tally::Tally;
use super::{now, seconds};

/// Suites that run side by side.
const AT_A_TIME: usize = 3;

/// The most tests that are given a second try. More than that are no accident.
const SECOND_TRIES: usize = 3;

const BUILD: [&str; 5] =
    ["test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"];

/// What failed.
#[derive(Default)]
struct Failed {
    /// Tests that wait for processes of others.
    tests: Vec<Suite>,
    /// All else, by name: it has no second try.
    suites: Vec<String>,
}

/// Builds and runs all suites of the workspace at `root`.
pub(super) fn run(root: &Path, tally: &mut Tally) -> Result<()> {
    let started = now();
    let suites = build(root)?;
    println!("built {} suites in {}", suites.len(), seconds(started.elapsed()));
    let mut pieces = Vec::new();
    for suite in suites {
        pieces.extend(suite.pieces()?);
    }
    let size = |suite: &Suite| suite.program.metadata().map_or(0, |file| file.len());
    // The largest tend to take longest, and so begin first.
    pieces.sort_by_key(|suite| (!suite.is_long, Reverse(size(suite))));
    let mut failed = perform(pieces, tally);
    if failed.suites.is_empty() && failed.tests.len() <= SECOND_TRIES {
        try_again(&mut failed, tally);
    }
    failed.suites.extend(failed.tests.into_iter().map(|test| test.name));
    if !failed.suites.is_empty() {
        bail!("failed: {}", failed.suites.join(", "));
    }
    Ok(())
}

fn perform(suites: Vec<Suite>, tally: &mut Tally) -> Failed {
    let waiting = Mutex::new(VecDeque::from(suites));
    let (sender, ended) = mpsc::channel();
    let mut failed = Failed::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            let (sender, waiting) = (sender.clone(), &waiting);
            scope.spawn(move || {
                let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop_front());
                while let Some(suite) = next() {
                    let started = now();
                    let outcome = suite.perform();
                    let _ = sender.send((suite, outcome, started.elapsed()));
                }
            });
        }
        drop(sender);
        // A suite's output is shown when it has ended, so that no two are mixed.
        for (suite, outcome, took) in ended {
            println!("\n--- {}, {}", suite.name, seconds(took));
            show(&outcome, tally);
            match outcome {
                Ok(outcome) if outcome.is_well => {}
                Ok(outcome) if suite.is_long && outcome.failures().next().is_some() => {
                    failed.tests.extend(outcome.failures().map(|test| suite.only(test)));
                }
                _ => failed.suites.push(suite.name),
            }
        }
    });
    failed
}

/// Tests of processes on a machine that is busy may fail by their deadlines. Each runs once more,
/// alone, and what passes then is named as such at the end of all.
fn try_again(failed: &mut Failed, tally: &mut Tally) {
    failed.tests.retain(|test| {
        println!("\n--- {}, for the second time", test.name);
        let outcome = test.perform();
        // A name that no test has would pass with none.
        let has_passed = |outcome: &Outcome| outcome.is_well && outcome.text.contains(" 1 passed");
        let is_well = outcome.as_ref().is_ok_and(has_passed);
        show(&outcome, &mut Tally::default());
        if is_well {
            tally.passed_later(&test.name);
        }
        !is_well
    });
}

fn show(outcome: &Result<Outcome>, tally: &mut Tally) {
    match outcome {
        Ok(outcome) => {
            print!("{}", outcome.text);
            outcome.text.lines().for_each(|line| tally.read(line));
        }
        Err(error) => println!("{error:#}"),
    }
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
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(Suite::of_message).collect())
}
