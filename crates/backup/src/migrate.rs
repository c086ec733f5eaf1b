//! Changing the version of the form of a stopped member's files, as `etcdutl migrate` does.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bbolt::Database;

use crate::contents::{CONSISTENT_INDEX, META, STORAGE_VERSION, TERM};
use crate::copy::{Changes, Entries};
use crate::defrag::{Stopped, database_path};
use crate::error::Error;
use crate::log;
use crate::progress::OnProgress;
use crate::protobuf::{Field, Fields};

/// The version of the form of a member's files, which is that of an etcd release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorageVersion {
    /// The major version.
    pub major: u64,
    /// The minor version.
    pub minor: u64,
}

/// The last version that does not write itself down.
const V3_5: StorageVersion = StorageVersion { major: 3, minor: 5 };
/// The entry of the log that needs 3.6, as etcd numbers it.
const VERSION_TEST: u64 = 9900;
const V3_6: StorageVersion = StorageVersion { major: 3, minor: 6 };

impl StorageVersion {
    /// Reads `3.6` or `3.6.0`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some(Self { major: parts.next()??, minor: parts.next()?? })
    }
}

impl fmt::Display for StorageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The version before.
    pub from: StorageVersion,
    /// Why it should not have been done, if it was done by force.
    pub forced: Option<String>,
}

/// Makes the files in a data directory those of `target`; `newest` is the newest version that is
/// known. Waits up to `wait` for the member to end. With `force`, what speaks against it is no reason.
///
/// What is different between the versions is one field of the database. The new database takes the
/// place of the old one when it is whole and on disk.
///
/// # Errors
/// [`Error::Refused`] when the versions or the log do not allow it. On any error nothing is changed.
pub fn migrate(
    data_dir: &Path,
    target: StorageVersion,
    newest: StorageVersion,
    force: bool,
    wait: Duration,
    progress: &mut OnProgress<'_>,
) -> Result<Migrated, Error> {
    let path = database_path(data_dir);
    let stopped = Stopped::open(&path, wait)?;
    let mut meta = meta(&path, &stopped.database)?;
    let from = detect(&path, &meta)?;
    if from == target {
        return Ok(Migrated { from, forced: None });
    }
    let needed = needed_by_log(&data_dir.join("member").join("wal"))?;
    let forced = match check(from, target, newest, needed) {
        Ok(()) => None,
        Err(reason) if force => Some(reason),
        Err(reason) => return Err(Error::Refused(reason)),
    };
    if target > V3_5 {
        meta.insert(STORAGE_VERSION.to_vec(), format!("{target}.0").into_bytes());
    } else {
        meta.remove(STORAGE_VERSION);
    }
    let changes = Changes { replaced: [(META.to_vec(), meta)].into(), ..Changes::default() };
    stopped.rewrite(&changes, progress)?;
    Ok(Migrated { from, forced })
}

fn meta(path: &Path, database: &Database) -> Result<Entries, Error> {
    let read = |error| Error::read(path, error);
    let mut entries = Entries::new();
    if let Some(bucket) = database.bucket(META).map_err(read)? {
        let mut cursor = bucket.cursor();
        while let Some(entry) = cursor.next().map_err(read)? {
            entries.insert(entry.key.to_vec(), entry.value.to_vec());
        }
    }
    Ok(entries)
}

fn detect(path: &Path, meta: &Entries) -> Result<StorageVersion, Error> {
    if let Some(value) = meta.get(STORAGE_VERSION) {
        let text = String::from_utf8_lossy(value);
        return StorageVersion::parse(&text)
            .ok_or_else(|| Error::damaged(path, format!("its storage version is {text:?}")));
    }
    // A field that 3.5 writes with its first snapshot of raft.
    let has_index = meta.contains_key(CONSISTENT_INDEX);
    let term = meta.get(TERM).is_some_and(|term| term.iter().any(|byte| *byte != 0));
    if has_index && term {
        return Ok(V3_5);
    }
    Err(Error::Refused("missing term information".to_owned()))
}

/// Whether there is a way, in etcd's words if there is none.
fn check(
    from: StorageVersion,
    target: StorageVersion,
    newest: StorageVersion,
    needed: Option<StorageVersion>,
) -> Result<(), String> {
    let no_plan = |reason: &str| Err(format!("cannot create migration plan: {reason}"));
    if from.major != target.major {
        return no_plan("changing major storage version is not supported");
    }
    // The first step that nobody knows: from the version up to the next, or down to the one before.
    let unknown = if target > from {
        (from.minor + 1..=target.minor).find(|minor| *minor > newest.minor)
    } else {
        (target.minor + 1..=from.minor).rev().find(|minor| *minor > newest.minor || *minor < 6)
    };
    if let Some(minor) = unknown {
        return no_plan(&format!("version \"{}.{minor}.0\" is not supported", from.major));
    }
    if let Some(needed) = needed.filter(|needed| target < from && target < *needed) {
        return Err(format!(
            "cannot downgrade storage, WAL contains newer entries, as the target version ({target}.0) \
             is lower than the version ({needed}.0) detected from WAL logs"
        ));
    }
    Ok(())
}

/// The oldest version that understands the log, behind the last snapshot of raft, if that is later
/// than 3.5.
fn needed_by_log(directory: &Path) -> Result<Option<StorageVersion>, Error> {
    let mut snapshots = Vec::new();
    let mut committed = 0;
    let mut needing: Vec<(u64, StorageVersion)> = Vec::new();
    log::read(directory, |record| {
        match record.kind {
            log::ENTRY => {
                let (index, needs) = entry(&record.data)?;
                // What was not committed may be written again.
                needing.retain(|(needing, _)| *needing < index);
                needing.extend(needs.map(|needs| (index, needs)));
            }
            log::STATE => committed = number(&record.data, 3)?,
            log::SNAPSHOT => snapshots.push(number(&record.data, 1)?),
            _ => {}
        }
        Ok(())
    })?;
    let start = snapshots.into_iter().filter(|index| *index <= committed).max().unwrap_or(0);
    Ok(needing.into_iter().filter(|(index, _)| *index > start).map(|(_, needs)| needs).max())
}

/// Number of an entry, and which version understands it if that is later than 3.5.
fn entry(message: &[u8]) -> Result<(u64, Option<StorageVersion>), String> {
    let (mut kind, mut index, mut needs) = (0, 0, None);
    for field in Fields::of(message) {
        match field? {
            (1, Field::Number(number)) => kind = number,
            (3, Field::Number(number)) => index = number,
            (4, Field::Bytes(request)) => needs = Some(request),
            _ => {}
        }
    }
    // Other kinds change the members. A request of the second API is no message of this form.
    let fields = Fields::of(needs.filter(|_| kind == 0).unwrap_or_default()).map_while(Result::ok);
    let needs = fields
        .filter_map(|field| match field {
            (VERSION_TEST, Field::Bytes(test)) => Some(test_version(test).max(V3_6)),
            _ => None,
        })
        .max();
    Ok((index, needs))
}

fn test_version(message: &[u8]) -> StorageVersion {
    let mut fields = Fields::of(message).map_while(Result::ok);
    fields
        .find_map(|field| match field {
            (1, Field::Bytes(text)) => StorageVersion::parse(std::str::from_utf8(text).ok()?),
            _ => None,
        })
        .unwrap_or(V3_6)
}

/// A field that is a number; 0 when it is not there.
fn number(message: &[u8], wanted: u64) -> Result<u64, String> {
    for field in Fields::of(message) {
        if let (field, Field::Number(number)) = field?
            && field == wanted
        {
            return Ok(number);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::Message;

    fn version(text: &str) -> StorageVersion {
        StorageVersion::parse(text).unwrap()
    }

    #[test]
    fn the_way_from_one_version_to_another_is_the_one_that_etcd_knows() {
        let reason = |from, target, newest, needed: Option<&str>| {
            check(version(from), version(target), version(newest), needed.map(version))
                .err()
                .unwrap_or_default()
        };
        assert_eq!(reason("3.5", "3.6", "3.6", Some("3.6")), "");
        assert_eq!(reason("3.5", "3.7", "3.7", None), "");
        assert_eq!(reason("3.7", "3.5", "3.7", None), "");
        assert_eq!(
            reason("3.6", "3.8", "3.7", None),
            "cannot create migration plan: version \"3.8.0\" is not supported"
        );
        assert!(reason("3.7", "3.6", "3.6", None).contains("version \"3.7.0\" is not"));
        assert!(reason("3.6", "4.0", "3.7", None).contains("changing major"));
        assert!(reason("3.6", "3.5", "3.7", Some("3.6")).contains("WAL contains newer entries"));
    }

    #[test]
    fn an_entry_of_a_later_version_is_noticed() {
        let request = |ver: &str| {
            let test = Message::default().bytes(1, ver.as_bytes()).finish();
            let request = Message::default().number(1, 5).bytes(VERSION_TEST, &test).finish();
            Message::default().number(1, 0).number(2, 2).number(3, 9).bytes(4, &request).finish()
        };
        assert_eq!(entry(&request("3.7.0")).unwrap(), (9, Some(version("3.7"))));
        assert_eq!(entry(&request("3.5.0")).unwrap(), (9, Some(V3_6)));
        let put = Message::default().number(1, 5).bytes(4, b"").finish();
        let put = Message::default().number(1, 0).number(3, 10).bytes(4, &put).finish();
        assert_eq!(entry(&put).unwrap(), (10, None));
    }
}
