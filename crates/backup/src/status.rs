//! What `snapshot status` tells: hash, revision, keys, size, version.

use std::fmt::Write as _;
use std::path::Path;

use foldhash::fast::RandomState;
use serde::Serialize;

use crate::contents::Contents;
use crate::crc32c::Crc32c;
use crate::error::Error;
use crate::file::SnapshotFile;
use crate::keyspace::{Fingerprints, KEY_BUCKET, Record};

/// Problems that an error lists.
const SHOWN_PROBLEMS: usize = 10;

/// What a snapshot holds, in short. The names in JSON are etcdutl's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// CRC-32C over the names of buckets, their keys and values.
    pub hash: u32,
    /// The last revision.
    pub revision: i64,
    /// Keys that exist; what etcdutl counts since 3.6.
    pub total_key: u64,
    /// Entries of all buckets; what etcdutl counts as keys up to 3.5.
    #[serde(skip)]
    pub total_entries: u64,
    /// Bytes of the database, without a hash behind it.
    pub total_size: u64,
    /// Version of the storage format; empty before 3.6.
    pub version: String,
}

/// Reads a snapshot's status.
///
/// Checks the structure of the file as etcdutl does and, if a SHA-256 follows it, that too.
pub fn status(path: &Path) -> Result<Status, Error> {
    let file = SnapshotFile::open(path)?;
    file.check_hash()?;
    of(&file)
}

/// The status of an open snapshot.
fn of(file: &SnapshotFile) -> Result<Status, Error> {
    let path = file.path();
    let mut crc = Crc32c::default();
    let mut entries = 0;
    let mut revision = 0;
    let fingerprints = Fingerprints::default();
    let mut live = std::collections::HashSet::with_hasher(RandomState::default());
    let mut fault = None;
    let report = file.database().check_visiting(&mut |bucket, entry| {
        let Some((key, value)) = entry else {
            crc.update(bucket);
            return;
        };
        crc.update(key);
        crc.update(value);
        entries += 1;
        if bucket != KEY_BUCKET {
            return;
        }
        match Record::parse(key, value) {
            Ok(record) => {
                revision = record.revision.main;
                let key = fingerprints.of(record.kv.key);
                if record.is_deletion {
                    live.remove(&key)
                } else {
                    live.insert(key)
                };
            }
            Err(reason) => {
                fault.get_or_insert(reason);
            }
        }
    });
    let report = report.map_err(|error| Error::read(path, error))?;
    if !report.is_sound() {
        let count = report.problems.len() as u64 + report.omitted_problems;
        let mut reason = format!("snapshot file integrity check failed. {count} errors found.");
        for problem in report.problems.iter().take(SHOWN_PROBLEMS) {
            let _ = write!(reason, "\n{problem}");
        }
        return Err(Error::damaged(path, reason));
    }
    if let Some(reason) = fault {
        return Err(Error::damaged(path, reason));
    }
    Ok(Status {
        hash: crc.sum(),
        revision,
        total_key: live.len() as u64,
        total_entries: entries,
        total_size: file.database().size_bytes(),
        version: Contents::read(path, file.database())?.storage_version.unwrap_or_default(),
    })
}
