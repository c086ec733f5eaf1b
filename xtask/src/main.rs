//! Checks of the project that no other tool makes, run as `cargo xtask`.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its user"
)]

mod ci;
mod project;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::project::Project;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy          the project's own rules: layers, file headers and sizes, log messages, links …
  ci [--quick]  everything that must hold before a change lands, each step with its time;
                --quick leaves out what takes a release build or a scan of all dependencies
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tidy"] => tidy::run(&Project::load(root()?)?),
        ["ci"] => ci::run(root()?, ci::Extent::Full),
        ["ci", "--quick"] => ci::run(root()?, ci::Extent::Quick),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown command `{}`\n{USAGE}", arguments.join(" ")),
    }
}

/// The directory of the workspace.
fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands outside a workspace")
}
