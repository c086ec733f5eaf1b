//! `DATA_DIR/maintenance.json`: the maintenance windows, which the command line writes and a running
//! monitor reads.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::maintenance::Maintenance;
use serde_json::{Value, json};

use crate::error::Error;

/// Its name within the data directory.
const FILE: &str = "maintenance.json";

/// The windows in `data_dir`; none where there is no file.
///
/// # Errors
/// The file cannot be read, or is not one of ours.
pub fn read(data_dir: &Path) -> Result<Vec<Maintenance>, Error> {
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or_else(|| {
            let source = io::Error::new(io::ErrorKind::InvalidData, "not a list of windows");
            Error::Io { what: "understand", path, source }
        }),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(Error::Io { what: "read", path, source }),
    }
}

/// Writes the windows into `data_dir`, in place of those that were there. A reader sees the old ones
/// or the new ones.
///
/// # Errors
/// The file cannot be written.
pub fn write(data_dir: &Path, windows: &[Maintenance]) -> Result<(), Error> {
    let path = data_dir.join(FILE);
    let list: Vec<Value> = windows
        .iter()
        .map(|window| {
            json!({
                "cluster": window.cluster,
                "from": window.from.to_string(),
                "until": window.until.to_string(),
                "why": window.why,
            })
        })
        .collect();
    let beside = data_dir.join(format!("{FILE}.{}", std::process::id()));
    replace(&beside, &path, &format!("{:#}\n", Value::from(list))).map_err(|source| Error::Io {
        what: "write",
        path,
        source,
    })
}

fn replace(beside: &PathBuf, path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

fn parse(text: &str) -> Option<Vec<Maintenance>> {
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    let window = |value: &Value| {
        Some(Maintenance {
            cluster: value["cluster"].as_str()?.to_owned(),
            from: time(&value["from"])?,
            until: time(&value["until"])?,
            why: value["why"].as_str()?.to_owned(),
        })
    };
    list.iter().map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_none_of_ours_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()).unwrap(), []);
        let at = |second| Timestamp::from_second(second).unwrap();
        let window = Maintenance {
            cluster: "prod".to_owned(),
            from: at(1),
            until: at(2),
            why: "rolling \"restart\"".to_owned(),
        };
        write(directory.path(), std::slice::from_ref(&window)).unwrap();
        assert_eq!(read(directory.path()).unwrap(), [window]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::write(directory.path().join(FILE), "{}").unwrap();
        let error = read(directory.path()).unwrap_err();
        assert!(error.to_string().starts_with("cannot understand"), "{error}");
    }
}
