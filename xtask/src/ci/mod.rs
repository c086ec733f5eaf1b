//! Everything that must hold before a change lands, each step with its time.
//!
//! Output passes through as it comes. A step that fails does not stop the others, so that one run
//! shows all there is to repair.

mod steps;
mod suite;
mod suites;
mod tally;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::steps::{Act, Step};
use self::tally::Tally;
use crate::project::Project;
use crate::tidy;

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All steps.
    Full,
    /// No release build, no benchmarks, no scan of the dependencies.
    Quick,
}

/// Runs the steps in the workspace at `root` and prints a summary.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<()> {
    let mut tally = Tally::default();
    let mut summary = Vec::new();
    for step in steps::steps(extent) {
        println!("\n==> {}", step.name);
        let started = now();
        let result = perform(&step, root, &mut tally);
        let took = started.elapsed();
        if let Err(error) = &result {
            println!("{error:#}");
        }
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("==> {}: {verdict} in {}", step.name, seconds(took));
        summary.push((step.name, result.is_ok(), took));
    }
    println!("\n{:<12} {:>8}", "step", "time");
    for (name, is_ok, took) in &summary {
        println!("{name:<12} {:>8}  {}", seconds(*took), if *is_ok { "ok" } else { "FAILED" });
    }
    for reason in tally.skipped() {
        println!("SKIPPED: {reason}");
    }
    for test in tally.unsteady() {
        println!("UNSTEADY: {test} failed at first, and passed alone");
    }
    let failed_steps = summary.iter().filter(|(_, is_ok, _)| !is_ok).count();
    println!("{}", tally.closing_line(failed_steps));
    if failed_steps > 0 {
        bail!("{failed_steps} of {} steps failed", summary.len());
    }
    Ok(())
}

fn perform(step: &Step, root: &Path, tally: &mut Tally) -> Result<()> {
    match &step.act {
        Act::Tidy => tidy::run(&Project::load(root)?),
        Act::Suites => suites::run(root, tally),
        Act::Command { program, arguments, environment } => {
            let mut command = Command::new(program);
            command.args(arguments).envs(environment.iter().copied()).current_dir(root);
            watch(&mut command, tally)
        }
    }
}

/// Runs a command, shows what it prints and counts what its tests say.
fn watch(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    // One pipe for both streams would need a shell; tests report on both, so stderr is read
    // on a thread of its own.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let stdout = child.stdout.take().context("invariant: stdout is piped")?;
    let stderr = child.stderr.take().context("invariant: stderr is piped")?;
    let errors = std::thread::spawn(move || {
        let mut tally = Tally::default();
        pass_on(stderr, std::io::stderr(), &mut tally).map(|()| tally)
    });
    pass_on(stdout, std::io::stdout(), tally)?;
    let from_stderr = errors.join().ok().context("invariant: the reader does not panic")??;
    tally.merge(from_stderr);
    let status = child.wait()?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

fn pass_on(from: impl std::io::Read, mut to: impl Write, tally: &mut Tally) -> Result<()> {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a duration shown to a person; nothing decides by it"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
