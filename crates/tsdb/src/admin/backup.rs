//! A copy of all files while they are written to.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Found, Progress, Report};
use crate::error::Error;
use crate::shard;

/// Pages that are copied before the progress is told.
const PAGES: i32 = 1_024;

/// How long a lock of somebody else is waited for.
const WAIT: Duration = Duration::from_secs(5);

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// How many files.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
}

/// Copies the store in `directory` to `to`, which must be empty or is made. Each file is as it was
/// at one moment, and is there whole or not at all.
pub fn backup(directory: &Path, to: &Path, report: Report<'_>) -> Result<BackedUp, Error> {
    begin(to)?;
    let files = super::files(directory)?;
    let total = files.iter().map(|found| found.bytes).sum();
    let (mut done, mut backed_up) = (0, BackedUp::default());
    for Found { file, path: from, bytes } in files {
        let name = file.name();
        let mut tell = |part: f64| {
            let done = done + (bytes as f64 * part) as u64;
            report(Progress { file: &name, done, total });
        };
        match copy_database(&from, &to.join(&name), &mut tell) {
            // Its days went over age meanwhile.
            Err(_) if !from.exists() => {}
            Err(error) => return Err(error),
            Ok(bytes) => {
                backed_up.files += 1;
                backed_up.bytes += bytes;
            }
        }
        done += bytes;
    }
    sync_directory(to)?;
    Ok(backed_up)
}

/// Takes away what SQLite left beside the files of a copy that was read and that nobody else uses.
pub fn tidy(copy: &Path) -> Result<(), Error> {
    super::files(copy)?.iter().try_for_each(|found| tidy_database(&found.path))
}

/// The same for one SQLite file.
pub fn tidy_database(path: &Path) -> Result<(), Error> {
    // The last one that could write and closes a file clears up.
    let touch = || -> rusqlite::Result<()> {
        let connection = Connection::open(path)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    };
    touch().map_err(|source| Error::Sql { path: path.to_owned(), source })
}

/// Makes the directory of a copy; refuses one that has something in it.
pub fn begin(to: &Path) -> Result<(), Error> {
    let io = |what| move |source| Error::Io { what, path: to.to_owned(), source };
    fs::create_dir_all(to).map_err(io("make the directory"))?;
    match fs::read_dir(to).map_err(io("list"))?.next() {
        None => Ok(()),
        Some(_) => Err(Error::NotEmpty { path: to.to_owned() }),
    }
}

/// Copies one SQLite file as it is at one moment, whoever writes to it; `tell` hears which part is
/// done, 0 to 1. Returns how many bytes it has.
pub fn copy_database(from: &Path, to: &Path, tell: &mut dyn FnMut(f64)) -> Result<u64, Error> {
    let partial = to.with_extension("partial");
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { what, path, source }
    };
    if let Err(error) = copy_pages(from, &partial, tell) {
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    let copy = File::open(&partial).map_err(io("open", &partial))?;
    copy.sync_all().map_err(io("write", &partial))?;
    let bytes = copy.metadata().map_err(io("read", &partial))?.len();
    fs::rename(&partial, to).map_err(io("rename", &partial))?;
    sync_directory(to.parent().unwrap_or(Path::new(".")))?;
    Ok(bytes)
}

fn copy_pages(from: &Path, partial: &Path, tell: &mut dyn FnMut(f64)) -> Result<(), Error> {
    let of = |path: &Path| {
        let path: PathBuf = path.to_owned();
        move |source| Error::Sql { path, source }
    };
    let source = shard::read_only(from).map_err(of(from))?;
    source.busy_timeout(WAIT).map_err(of(from))?;
    // One state for the whole copy: without it, each commit of the writer would begin it anew.
    let snapshot = source.unchecked_transaction().map_err(of(from))?;
    snapshot.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(())).map_err(of(from))?;
    let mut copy = Connection::open(partial).map_err(of(partial))?;
    let pages = Backup::new(&snapshot, &mut copy).map_err(of(from))?;
    loop {
        let step = pages.step(PAGES).map_err(of(partial))?;
        let progress = pages.progress();
        let total = f64::from(progress.pagecount.max(1));
        tell(1.0 - f64::from(progress.remaining) / total);
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    drop(pages);
    copy.close().map_err(|(_, source)| of(partial)(source))
}

fn sync_directory(path: &Path) -> Result<(), Error> {
    // Where directories cannot be opened, the system keeps them itself.
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(source) if cfg!(unix) && source.kind() != io::ErrorKind::InvalidInput => {
            Err(Error::Io { what: "write", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
