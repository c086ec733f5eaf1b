//! `etcd-monitor maintenance`, and how a running monitor learns of it.
//!
//! Windows are in a file of the data directory: who may write there may declare them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::maintenance::Maintenance;
use monitor::fleet::Fleet;
use serde_json::{Value, json};
use store::maintenance;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::data::{Location, Output};
use crate::cli::exit_code;
use crate::cli::maintenance::MaintenanceCommand;
use crate::config::{Environment, default_data_dir};
use crate::query::grid::{Align, Grid, printable};

/// How often a running monitor looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest window: who needs more has another name for it.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Windows that ended longer ago are dropped when the file is written.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Why a window cannot be declared, ended or told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no data directory.
    #[error("no data directory is known; give it with --data-dir")]
    Nowhere,
    /// It does not exist.
    #[error("there is no data directory {}; give that of the monitor with --data-dir", .0.display())]
    Missing(PathBuf),
    /// The window is too long.
    #[error("--for is longer than seven days; declare it again when it ends")]
    TooLong,
    /// There is no reason.
    #[error("--why is empty; say what is done, for those who see findings meanwhile")]
    NoReason,
    /// There is no such window.
    #[error("{0} is in no maintenance window")]
    NoWindow(String),
    /// The file cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The answer cannot be written.
    #[error("cannot write the answer")]
    Write(#[source] io::Error),
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoWindow(_) | Self::Store(_) | Self::Write(_) => exit_code::FAILED,
            Self::Nowhere | Self::Missing(_) | Self::TooLong | Self::NoReason => {
                exit_code::BAD_INPUT
            }
        }
    }
}

/// Runs `command` and writes its answer to `out`.
pub fn run(
    command: MaintenanceCommand,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let answer = match command {
        MaintenanceCommand::Start { cluster, time, why, location } => {
            let directory = find(location, environment)?;
            start(&directory, cluster, time, &why, now)?
        }
        MaintenanceCommand::End { cluster, location } => {
            end(&find(location, environment)?, &cluster, now)?
        }
        MaintenanceCommand::List { location, output } => {
            let windows = maintenance::read(&find(location, environment)?)?;
            let windows: Vec<_> = windows.into_iter().filter(|w| w.until > now).collect();
            match output {
                Output::Table => table(&windows),
                Output::Json => as_json(&windows),
            }
        }
    };
    out.write_all(answer.as_bytes()).and_then(|()| out.flush()).map_err(Error::Write)
}

fn find(location: Location, environment: &dyn Environment) -> Result<PathBuf, Error> {
    let directory = location.data_dir.or_else(|| default_data_dir(environment));
    let directory = directory.ok_or(Error::Nowhere)?;
    if directory.is_dir() { Ok(directory) } else { Err(Error::Missing(directory)) }
}

fn start(
    directory: &Path,
    cluster: String,
    time: Duration,
    why: &str,
    now: Timestamp,
) -> Result<String, Error> {
    if time > LONGEST {
        return Err(Error::TooLong);
    }
    let why = why.trim().to_owned();
    if why.is_empty() {
        return Err(Error::NoReason);
    }
    let until = now.saturating_add(time).unwrap_or(Timestamp::MAX);
    let time = until.strftime("%F %H:%M:%SZ");
    let answer = format!(
        "{cluster}: maintenance until {time}; /api/v1/clusters/{cluster}/status shows it in a second, if \
         a cluster of this name is watched\n"
    );
    let mut windows = others(directory, &cluster, now)?;
    windows.push(Maintenance { cluster, from: now, until, why });
    maintenance::write(directory, &windows)?;
    Ok(answer)
}

fn end(directory: &Path, cluster: &str, now: Timestamp) -> Result<String, Error> {
    let windows = maintenance::read(directory)?;
    if !windows.iter().any(|window| window.cluster == cluster && window.covers(now)) {
        return Err(Error::NoWindow(cluster.to_owned()));
    }
    maintenance::write(directory, &others(directory, cluster, now)?)?;
    Ok(format!("{cluster}: maintenance is over\n"))
}

/// The windows of other clusters that are not long over.
fn others(directory: &Path, cluster: &str, now: Timestamp) -> Result<Vec<Maintenance>, Error> {
    let mut windows = maintenance::read(directory)?;
    windows.retain(|window| window.cluster != cluster && now.duration_since(window.until) < KEPT);
    Ok(windows)
}

fn table(windows: &[Maintenance]) -> String {
    if windows.is_empty() {
        return "no maintenance window\n".to_owned();
    }
    let mut grid = Grid::new(vec![Align::Left; 4]);
    grid.add(["CLUSTER", "FROM", "UNTIL", "WHY"].map(str::to_owned));
    for window in windows {
        let time = |at: Timestamp| at.strftime("%F %H:%M:%SZ").to_string();
        let (from, until) = (time(window.from), time(window.until));
        grid.add([window.cluster.clone(), from, until, printable(&window.why)]);
    }
    grid.lines().join("\n") + "\n"
}

fn as_json(windows: &[Maintenance]) -> String {
    let one = |window: &Maintenance| {
        json!({
            "cluster": window.cluster,
            "from": window.from.to_string(),
            "until": window.until.to_string(),
            "why": window.why,
        })
    };
    format!("{:#}\n", Value::from(windows.iter().map(one).collect::<Vec<_>>()))
}

/// Tells `fleet` of the windows in `data_dir` until `stop`.
pub(crate) async fn follow(fleet: Fleet, data_dir: PathBuf, stop: CancellationToken) {
    let mut known: Result<Vec<Maintenance>, String> = Ok(Vec::new());
    loop {
        let directory = data_dir.clone();
        let read = tokio::task::spawn_blocking(move || maintenance::read(&directory)).await;
        // An error of the outer kind says that it panicked, which the log has.
        if let Ok(read) = read {
            let read = read.map_err(|error| error.to_string());
            if read != known {
                tell(&read, &fleet);
                known = read;
            }
            // Also when nothing changed: clusters may have been added.
            if let Ok(windows) = &known {
                fleet.declare(windows);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn tell(read: &Result<Vec<Maintenance>, String>, fleet: &Fleet) {
    match read {
        Ok(windows) => {
            info!(count = windows.len(), "maintenance windows changed");
            for window in windows.iter().filter(|window| fleet.cluster(&window.cluster).is_none()) {
                let cluster = &window.cluster;
                warn!(%cluster, "a maintenance window is of a cluster that is not watched");
            }
        }
        Err(error) => warn!(error, "maintenance windows cannot be read, those before stay"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn windows_are_declared_replaced_listed_and_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let hour = Duration::from_hours(1);
        let answer = start(path, "prod".to_owned(), hour, "restart", at(0)).unwrap();
        assert!(answer.starts_with("prod: maintenance until 2027-01-15 09:00:00Z; "), "{answer}");
        start(path, "prod".to_owned(), hour, " upgrade ", at(60)).unwrap();
        start(path, "test".to_owned(), hour, "upgrade", at(60)).unwrap();
        let windows = maintenance::read(path).unwrap();
        let words: Vec<_> = windows.iter().map(|w| (w.cluster.as_str(), w.why.as_str())).collect();
        assert_eq!(words, [("prod", "upgrade"), ("test", "upgrade")]);
        assert!(table(&windows).starts_with("CLUSTER  FROM  "), "{}", table(&windows));
        assert_eq!(end(path, "prod", at(120)).unwrap(), "prod: maintenance is over\n");
        assert!(matches!(end(path, "prod", at(121)), Err(Error::NoWindow(_))));
        assert!(matches!(end(path, "test", at(9_999)), Err(Error::NoWindow(_))));
    }

    #[test]
    fn a_window_needs_a_reason_and_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let week = Duration::from_hours(8 * 24);
        let too_long = start(path, "a".to_owned(), week, "x", at(0)).unwrap_err();
        assert_eq!(too_long.exit_code(), exit_code::BAD_INPUT);
        let hour = Duration::from_hours(1);
        assert!(matches!(start(path, "a".to_owned(), hour, " ", at(0)), Err(Error::NoReason)));
    }
}
