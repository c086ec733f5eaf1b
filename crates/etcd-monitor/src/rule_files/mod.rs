//! `etcd-monitor rules`: rule files checked, tested and tried on the history.

pub mod error;
mod pattern;
mod replayed;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rules::RuleFile;
use tsdb::View;

use crate::cli::rules::RulesCommand;
use crate::config::Environment;
use crate::data;
use error::Error;

/// Runs `command` and writes its answer to `out`.
pub fn run(
    command: RulesCommand,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    match command {
        RulesCommand::Check { files } => {
            let text = |file: &RuleFile| format!("{}: well, {}\n", file.name, rules_of(file));
            let read = read(&files)?;
            write(out, &read.iter().map(text).collect::<String>())
        }
        RulesCommand::Test { files } => test(&files, out),
        RulesCommand::Default => write(out, rules::DEFAULT),
        RulesCommand::Replay { files, from, to, interval, location, output } => {
            let from = from.at(now)?;
            let to = to.map_or(Ok(now), |to| to.at(now))?;
            if from > to {
                return Err(data::error::Error::Reversed.into());
            }
            let files = if files.is_empty() { vec![default_rules()] } else { read(&files)? };
            let groups = files.into_iter().flat_map(|file| file.groups).collect();
            let history = data::history(location, environment)?;
            let view = View::open(&history).map_err(data::error::Error::from)?;
            for damage in view.damage() {
                crate::say(&format!("etcd-monitor: damaged: {damage}"));
            }
            let replay = rules::replay::replay(groups, &view, from, to, interval);
            write(out, &replayed::text(&replay, (from, to), output))?;
            for (rule, (times, error)) in &replay.errors {
                crate::say(&format!("etcd-monitor: rule {rule} failed {times} times: {error}"));
            }
            match replay.errors.len() {
                0 => Ok(()),
                n => Err(Error::Rules(count(n, "rule that fails", "rules that fail"))),
            }
        }
    }
}

/// The files, when all of them are well; every mistake of any is told.
fn read(paths: &[PathBuf]) -> Result<Vec<RuleFile>, Error> {
    let mut files = Vec::new();
    let mut mistakes = 0;
    for path in paths {
        let text = read_file(path)?;
        match rules::parse(&path.display().to_string(), &text) {
            Ok(file) => {
                for warning in &file.warnings {
                    crate::say(&format!("etcd-monitor: warning: {warning}"));
                }
                files.push(file);
            }
            Err(errors) => {
                mistakes += errors.len();
                for error in errors {
                    crate::say(&error.to_string());
                }
            }
        }
    }
    match mistakes {
        0 => Ok(files),
        n => Err(Error::Mistakes(count(n, "mistake", "mistakes"))),
    }
}

fn default_rules() -> RuleFile {
    rules::parse("default.yaml", rules::DEFAULT).expect("invariant: a test reads these rules")
}

fn test(paths: &[PathBuf], out: &mut dyn Write) -> Result<(), Error> {
    let mut failures = 0;
    for path in paths {
        let text = read_file(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let load = |pattern: &str| load(base, pattern);
        let name = path.display().to_string();
        let found = rules::testing::run(&name, &text, &load);
        failures += found.len();
        let verdict =
            if found.is_empty() { format!("{name}: well\n") } else { found.join("\n") + "\n" };
        write(out, &verdict)?;
    }
    match failures {
        0 => Ok(()),
        n => Err(Error::Failures(count(n, "failure", "failures"))),
    }
}

fn load(base: &Path, pattern: &str) -> Result<Vec<(String, String)>, String> {
    let describe =
        |path: &Path, error: io::Error| format!("cannot read {}: {error}", path.display());
    let paths = pattern::files(base, pattern).map_err(|error| describe(base, error))?;
    if paths.is_empty() {
        return Err(format!("no file matches {pattern:?}"));
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| describe(&path, error))?;
        Ok((path.display().to_string(), text))
    };
    paths.into_iter().map(read).collect()
}

fn read_file(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn rules_of(file: &RuleFile) -> String {
    count(file.rules(), "rule", "rules")
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn write(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            let what = "the answer".to_owned();
            Err(data::error::Error::Write { what, source }.into())
        }
        _ => Ok(()),
    }
}
