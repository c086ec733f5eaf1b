//! Kept results: one file each, written whole or not at all, and named sets of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::outcome::Outcome;

/// Ends the names of results.
const EXTENSION: &str = "json";
/// The file with the baselines.
const BASELINES: &str = "baselines";

/// A directory with results.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The results in `directory`, which is made when something is kept.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Proves that results can be kept, before time is spent on making one.
    pub fn prepare(&self) -> Result<(), Error> {
        let unwritable = |source| failed("write results to", &self.directory, source);
        fs::create_dir_all(&self.directory).map_err(unwritable)?;
        tempfile::NamedTempFile::new_in(&self.directory).map_err(unwritable)?;
        Ok(())
    }

    /// Keeps a result, under another name when its own is taken; answers where.
    pub fn keep(&self, outcome: &mut Outcome) -> Result<PathBuf, Error> {
        self.prepare()?;
        let wanted = outcome.id.clone();
        let mut number = 1;
        loop {
            let path = self.path(&outcome.id);
            let text = serde_json::to_vec(&*outcome)
                .map_err(|source| failed("write", &path, io::Error::other(source)))?;
            match self.write(&path, &text, false) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    outcome.id = format!("{wanted}-{number}");
                }
                Err(source) => return Err(failed("write", &path, source)),
                Ok(()) => return Ok(path),
            }
        }
    }

    /// The names of all results, oldest first.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| failed("read", &self.directory, e))?,
        };
        let name = |entry: io::Result<fs::DirEntry>| {
            let path = entry.ok()?.path();
            (path.extension()? == EXTENSION)
                .then(|| path.file_stem()?.to_str().map(str::to_owned))?
        };
        let mut names: Vec<String> = entries.filter_map(name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Reads the result of a name, or at a path.
    pub fn read(&self, name: &str) -> Result<Outcome, Error> {
        let is_path = name.contains(['/', '\\']) || Path::new(name).is_file();
        let path = if is_path { PathBuf::from(name) } else { self.path(name) };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Unknown(name.to_owned()));
            }
            bytes => bytes.map_err(|source| failed("read", &path, source))?,
        };
        serde_json::from_slice(&bytes).map_err(|source| Error::NoResult { path, source })
    }

    /// Removes the result of a name.
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        let path = self.path(id);
        fs::remove_file(&path).map_err(|source| failed("remove", &path, source))
    }

    /// Declares that later runs are to be compared with `runs`.
    pub fn set_baseline(&self, name: &str, runs: Vec<String>) -> Result<(), Error> {
        self.prepare()?;
        let mut all = self.baselines()?;
        all.insert(name.to_owned(), runs);
        let path = self.directory.join(BASELINES);
        let text = serde_json::to_vec_pretty(&all)
            .map_err(|source| failed("write", &path, io::Error::other(source)))?;
        self.write(&path, &text, true).map_err(|source| failed("write", &path, source))
    }

    /// The names of the runs of each baseline.
    pub fn baselines(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let path = self.directory.join(BASELINES);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(source) => Err(failed("read", &path, source)),
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| Error::NoResult { path, source })
            }
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.{EXTENSION}"))
    }

    fn write(&self, path: &Path, bytes: &[u8], replaces: bool) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        let persisted = if replaces { file.persist(path) } else { file.persist_noclobber(path) };
        persisted.map(drop).map_err(|error| error.error)
    }
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { what, path: path.to_owned(), source }
}
