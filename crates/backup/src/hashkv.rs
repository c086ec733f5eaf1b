//! The hash of a file's keys, as members compare theirs.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use crate::contents::Contents;
use crate::crc32c::Crc32c;
use crate::error::Error;
use crate::file::SnapshotFile;
use crate::keyspace::{self, ByKey, Fingerprints, KEY_BUCKET, Revision};

/// The hash of all keys up to a revision. The names in JSON are etcdutl's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashKv {
    /// CRC-32C over the records.
    pub hash: u32,
    /// Up to which revision.
    pub hash_revision: i64,
    /// Up to which revision history is gone; -1 when it never was compacted.
    pub compact_revision: i64,
}

/// Hashes the keys of a snapshot up to `revision`, or all of them.
///
/// # Errors
/// Also when the file does not have that revision, in etcd's words.
pub fn hashkv(path: &Path, revision: Option<i64>) -> Result<HashKv, Error> {
    let file = SnapshotFile::open(path)?;
    let database = file.database();
    let contents = Contents::read(path, database)?;
    let compacted = contents.compact_revision().unwrap_or(-1);
    // Which record is the last of each key, and whether it is a deletion.
    let fingerprints = Fingerprints::default();
    let mut last: ByKey<(Revision, bool)> = ByKey::default();
    let mut newest = 1.max(compacted);
    let limit = revision.filter(|revision| *revision > 0);
    keyspace::scan(path, database, |record| {
        newest = newest.max(record.revision.main);
        if limit.is_none_or(|limit| record.revision.main <= limit) {
            last.insert(fingerprints.of(record.kv.key), (record.revision, record.is_deletion));
        }
    })?;
    match limit {
        Some(limit) if limit < compacted => {
            let what = "mvcc: required revision has been compacted";
            return Err(Error::Revision(format!(
                "{what} (asked for {limit}, compacted {compacted})"
            )));
        }
        Some(limit) if limit > newest => {
            let what = "mvcc: required revision is a future revision";
            return Err(Error::Revision(format!("{what} (asked for {limit}, newest {newest})")));
        }
        _ => {}
    }
    let upper = limit.unwrap_or(newest);
    // Compaction leaves the last record of each key that is no deletion. A member may not have got
    // to removing the others yet, and must hash the same.
    let kept: HashSet<Revision> = last
        .into_values()
        .filter(|(_, is_deletion)| !is_deletion)
        .map(|(revision, _)| revision)
        .collect();
    let mut crc = Crc32c::default();
    crc.update(KEY_BUCKET);
    keyspace::scan(path, database, |record| {
        let main = record.revision.main;
        let is_compacted = main <= compacted;
        if main > upper
            || (is_compacted && !kept.is_empty() && !kept.contains(&record.revision))
            // Up to 3.4.33 and 3.5.15, compaction removed this record, later it stays.
            || (main == compacted && record.is_deletion)
        {
            return;
        }
        crc.update(record.raw.0);
        crc.update(record.raw.1);
    })?;
    Ok(HashKv { hash: crc.sum(), hash_revision: upper, compact_revision: compacted })
}
