//! `etcd-monitor data`: looking after what is kept in the data directory.
//!
//! The work on the files is [`tsdb::admin`]'s; here is where they are, which series are meant, and
//! how the outcome is told.

mod delete;
pub mod error;
mod export;
mod openmetrics;
mod progress;
mod stat;
mod verify;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::series::Matcher;
use promql::{Query, Unit};
use tsdb::admin::{backup, compact};

use crate::cli::data::{DataCommand, Location};
use crate::config::{Environment, default_data_dir};
use crate::query::quantity::humane;
use crate::records::FILE as RECORDS;
use error::Error;
use progress::Bar;

/// Everything that has a name.
const ALL: &str = "{__name__=~\".+\"}";

/// A data directory with a history in it.
struct Place {
    data_dir: PathBuf,
    history: PathBuf,
}

/// Runs `command` and writes its answer to `out`.
pub fn run(
    command: DataCommand,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let place = |location| Place::find(location, environment);
    match command {
        DataCommand::Stat { location, selection, top, output } => {
            stat::run(&place(location)?, &selectors(&selection.selectors)?, top, output, out)
        }
        DataCommand::Verify { location, output } => verify::run(&place(location)?, output, out),
        DataCommand::Compact { location } => compact_files(&place(location)?, now, out),
        DataCommand::Export { location, selection, from, to, output } => {
            let from = from.map(|from| from.at(now)).transpose()?;
            let to = to.map_or(Ok(now), |to| to.at(now))?;
            if from.is_some_and(|from| from > to) {
                return Err(Error::Reversed);
            }
            let span = (from.map_or(i64::MIN, Timestamp::as_millisecond), to.as_millisecond());
            let selectors = selectors(&selection.selectors)?;
            export::run(&place(location)?, &selectors, span, output.as_deref(), out)
        }
        DataCommand::DeleteSeries { location, selectors: texts, dry_run, yes } => {
            delete::run(&place(location)?, &selectors(&texts)?, dry_run, yes, out)
        }
        DataCommand::Backup { location, to } => back_up(&place(location)?, &to, out),
    }
}

/// The history in the data directory that is meant.
pub(crate) fn history(location: Location, environment: &dyn Environment) -> Result<PathBuf, Error> {
    Place::find(location, environment).map(|place| place.history)
}

impl Place {
    fn find(location: Location, environment: &dyn Environment) -> Result<Self, Error> {
        let data_dir = location.data_dir.or_else(|| default_data_dir(environment));
        let data_dir = data_dir.ok_or(Error::Nowhere)?;
        if !data_dir.is_dir() {
            return Err(Error::Missing(data_dir));
        }
        let history = data_dir.join(crate::history::DIRECTORY);
        if !history.is_dir() || !tsdb::admin::has_files(&history)? {
            return Err(Error::NoHistory(data_dir));
        }
        Ok(Self { data_dir, history })
    }

    /// An error when there is any damage, which was told.
    fn sound(&self, damage: &[String]) -> Result<(), Error> {
        for what in damage {
            crate::say(&format!("etcd-monitor: damaged: {what}"));
        }
        self.without(damage.len())
    }

    /// An error when there are problems, which were told.
    fn without(&self, problems: usize) -> Result<(), Error> {
        match problems {
            0 => Ok(()),
            n => Err(Error::Damaged { path: self.data_dir.clone(), problems: count(n, "problem") }),
        }
    }
}

/// The conditions of PromQL selectors, one set for each; of everything when there are none.
fn selectors(texts: &[String]) -> Result<Vec<Vec<Matcher>>, Error> {
    let parse = |text: &str| {
        let error = |reason: String| Error::Selector { selector: text.to_owned(), reason };
        let query = Query::parse(text).map_err(|problem| error(problem.to_string()))?;
        let matchers = query.matchers().map(<[Matcher]>::to_vec);
        matchers.ok_or_else(|| error("give a selector such as up or {cluster=\"c\"}".to_owned()))
    };
    match texts {
        [] => Ok(vec![parse(ALL)?]),
        some => some.iter().map(|text| parse(text)).collect(),
    }
}

fn compact_files(place: &Place, now: Timestamp, out: &mut dyn Write) -> Result<(), Error> {
    let mut bar = Bar::new("compacting");
    let mut report = |progress: tsdb::admin::Progress<'_>| bar.show(progress);
    let done = compact::compact(&place.history, now.as_millisecond(), &mut report)?;
    drop(bar);
    let text = format!(
        "{}: {} before, {} after; {} blocks became {}\n",
        place.data_dir.display(),
        bytes(done.bytes_before),
        bytes(done.bytes_after),
        done.blocks_before,
        done.blocks_after
    );
    write(out, &text)?;
    place.sound(&done.damage)
}

fn back_up(place: &Place, to: &Path, out: &mut dyn Write) -> Result<(), Error> {
    backup::begin(to)?;
    let copy = Place { data_dir: to.to_owned(), history: to.join(crate::history::DIRECTORY) };
    let mut bar = Bar::new("copying");
    let done = backup::backup(&place.history, &copy.history, &mut |progress| bar.show(progress))?;
    drop(bar);
    let records = place.data_dir.join(RECORDS);
    let mut total = done.bytes;
    if records.is_file() {
        total += backup::copy_database(&records, &to.join(RECORDS), &mut |_| {})?;
    }
    let problems = verify::problems(&copy)?.1;
    for problem in &problems {
        crate::say(&format!("etcd-monitor: damaged: {}: {}", problem.file, problem.what));
    }
    copy.without(problems.len())?;
    backup::tidy(&copy.history)?;
    if records.is_file() {
        backup::tidy_database(&to.join(RECORDS))?;
    }
    let files = count(done.files, "file");
    write(out, &format!("{}: {files} of history, {}; all is sound\n", to.display(), bytes(total)))
}

/// `1 file`, `2 files`.
fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn bytes(bytes: u64) -> String {
    humane(bytes as f64, Some(Unit::Bytes), &TimeZone::UTC)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn write(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Write { what: "the answer".to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
