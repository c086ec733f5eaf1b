//! Whether all that is on disk is sound: every page, checksum, column and row.

use std::path::Path;

use super::scan;
use super::{Found, Progress, Report};
use crate::catalog::Catalog;
use crate::chunk;
use crate::error::Error;
use crate::level::FileId;
use crate::shard::{self, Kept, Names, Shard, read_names};

/// Complaints of SQLite about one file that are told.
const COMPLAINTS: usize = 20;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many files.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many blocks.
    pub blocks: u64,
    /// How many scrapes that are no blocks yet.
    pub rows: u64,
    /// All that is wrong.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file.
    pub file: String,
    /// What is wrong there.
    pub what: String,
}

/// Looks at every file of the store in `directory`; a monitor may write to them meanwhile.
pub fn verify(directory: &Path, report: Report<'_>) -> Result<Verified, Error> {
    let files = super::files(directory)?;
    let total = files.iter().map(|found| found.bytes).sum();
    let mut verified = Verified { files: files.len(), bytes: total, ..Verified::default() };
    let mut done = 0;
    for Found { file, path, bytes } in files {
        let name = file.name();
        report(Progress { file: &name, done, total });
        done += bytes;
        let mut look = Look { path: &path, verified: &mut verified, found: Vec::new() };
        look.at_file(file);
        // Its days went over age meanwhile.
        let found = if path.exists() { look.found } else { Vec::new() };
        let found = found.into_iter().map(|what| Problem { file: name.clone(), what });
        verified.problems.extend(found);
    }
    Ok(verified)
}

/// What SQLite finds wrong with one file; nothing when that is sound.
pub fn complaints(path: &Path) -> Vec<String> {
    let check = || -> rusqlite::Result<Vec<String>> {
        let connection = shard::read_only(path)?;
        let mut query = connection.prepare(&format!("PRAGMA integrity_check({COMPLAINTS})"))?;
        query.query_map((), |row| row.get(0))?.collect()
    };
    match check() {
        Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// One file under examination.
struct Look<'a> {
    path: &'a Path,
    verified: &'a mut Verified,
    found: Vec<String>,
}

impl Look<'_> {
    fn at_file(&mut self, file: FileId) {
        self.found = complaints(self.path);
        let catalog = Catalog::default();
        let shard = match Shard::open_read_only(self.path, &catalog) {
            Ok(shard) => shard,
            Err(error) => return self.note(&error),
        };
        // First, since it reads the names anew: none that a block has can be missing then.
        match shard.replay(file.first_day, &catalog) {
            Ok(replayed) => {
                let rows = replayed.segments.iter().map(|(_, segment)| segment.len() as u64);
                self.verified.rows += rows.sum::<u64>();
                self.found.extend(replayed.damage);
            }
            Err(error) => self.note(&error),
        }
        if let Err(error) = self.at_blocks(&shard, &catalog) {
            self.note(&error);
        }
    }

    fn note(&mut self, error: &dyn std::error::Error) {
        let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        if !self.found.contains(&text) {
            self.found.push(text);
        }
    }

    fn at_blocks(&mut self, shard: &Shard, catalog: &Catalog) -> Result<(), Error> {
        let sql = |source| Error::Sql { path: shard.path.clone(), source };
        let reader = shard.reader()?;
        let snapshot = reader.snapshot().map_err(sql)?;
        // What has names only since the file was opened is of this state, too.
        let names = read_names(&snapshot, catalog).map_err(sql)?;
        for number in scan::all(&snapshot).map_err(sql)? {
            self.verified.blocks += 1;
            let what = match scan::record(&snapshot, number) {
                Err(error) => Some(error.to_string()),
                Ok(None) => Some("is in the index alone".to_owned()),
                Ok(Some(record)) => wrong_with(&record, &names).map(str::to_owned),
            };
            self.found.extend(what.map(|what| format!("block {number}: {what}")));
        }
        Ok(())
    }
}

/// What is wrong with a block.
fn wrong_with(record: &scan::Record, names: &Names) -> Option<&'static str> {
    let Some(block) = chunk::decode(&record.data) else { return Some("a checksum is wrong") };
    let span = block.times.first().zip(block.times.last());
    if span != Some((&record.from_ms, &record.to_ms)) || !block.times.is_sorted() {
        return Some("its times are not those that it is listed with");
    }
    if !(Kept::Last as i64..=Kept::Count as i64).contains(&record.figure) {
        return Some("it is of no known figure");
    }
    if !names.targets.values().any(|target| *target == record.target) {
        return Some("it is of no known target");
    }
    let is_known = |(shape, _): &(u32, _)| names.known.contains_key(shape);
    (!block.columns.iter().all(is_known)).then_some("it has a series without a name")
}
