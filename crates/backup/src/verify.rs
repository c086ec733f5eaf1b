//! Everything that can be known of a snapshot's soundness without restoring it.

use std::path::Path;

use bbolt::CheckReport;

use crate::contents::Contents;
use crate::error::Error;
use crate::file::{HashCheck, SnapshotFile};
use crate::keyspace::{ByKey, Fingerprints, KEY_BUCKET, Record, Revision};

/// Problems of records that are kept.
const MAX_PROBLEMS: usize = 100;
/// Gaps between revisions that are kept.
const MAX_GAPS: usize = 1000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What proves that the snapshot is not sound; empty when it is.
    pub problems: Vec<String>,
    /// What is worth knowing and no proof.
    pub warnings: Vec<String>,
    /// Whether it could be read as a database at all; without that, nothing below is known.
    pub is_database: bool,
    /// How the SHA-256 at its end compares; `None` when it differs.
    pub hash: Option<HashCheck>,
    /// The structure of the file.
    pub structure: CheckReport,
    /// What it holds besides keys.
    pub contents: Contents,
    /// The last revision.
    pub revision: i64,
    /// Keys that exist.
    pub keys: u64,
    /// Records of keys: all revisions that are kept.
    pub records: u64,
    /// Bytes of the database.
    pub size_bytes: u64,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Of a file that nothing more can be said of.
    fn unreadable(reason: String) -> Self {
        Self {
            problems: vec![reason],
            warnings: Vec::new(),
            is_database: false,
            hash: Some(HashCheck::Absent),
            structure: CheckReport::default(),
            contents: Contents::default(),
            revision: 0,
            keys: 0,
            records: 0,
            size_bytes: 0,
        }
    }
}

/// Verifies a snapshot: hash, structure, records.
///
/// `allow_missing_hash` takes a file without a SHA-256, as a copy from a data directory is.
///
/// # Errors
/// When the file cannot be read. What is wrong with it is in the answer, even if it is no database.
pub fn verify(path: &Path, allow_missing_hash: bool) -> Result<Verification, Error> {
    let opened = SnapshotFile::open_cut(path).and_then(|file| examine(&file, allow_missing_hash));
    match opened {
        Err(Error::Damaged { reason, .. }) => Ok(Verification::unreadable(reason)),
        outcome => outcome,
    }
}

fn examine(file: &SnapshotFile, allow_missing_hash: bool) -> Result<Verification, Error> {
    let path = file.path();
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let end = file.check_end();
    let hash = match end.and_then(|()| file.check_hash()) {
        Err(Error::Damaged { reason, .. }) if !file.has_hash() => {
            problems.push(reason);
            Some(HashCheck::Absent)
        }
        Ok(HashCheck::Absent) => {
            let text = "it has no SHA-256 behind its pages: it was copied from a data directory, or \
                        its end is cut off";
            let list = if allow_missing_hash { &mut warnings } else { &mut problems };
            list.push(text.to_owned());
            Some(HashCheck::Absent)
        }
        Ok(HashCheck::Matches) => Some(HashCheck::Matches),
        Err(Error::Damaged { reason, .. }) => {
            problems.push(reason);
            None
        }
        Err(error) => return Err(error),
    };
    let database = file.database();
    if let Some((page, reason)) = database.torn_meta() {
        let text = format!("meta page {page}: {reason}; the other one is used");
        // A crash may leave a member's file so, but a snapshot is written whole.
        let list = if file.has_hash() { &mut problems } else { &mut warnings };
        list.push(text);
    }
    let mut records = Records::default();
    let structure = database
        .check_visiting(&mut |bucket, entry| {
            if let (KEY_BUCKET, Some((key, value))) = (bucket, entry) {
                records.take(key, value);
            }
        })
        .map_err(|error| Error::read(path, error))?;
    problems.extend(structure.problems.iter().map(ToString::to_string));
    if structure.omitted_problems > 0 {
        problems.push(format!("{} more pages with problems", structure.omitted_problems));
    }
    let contents = match Contents::read(path, database) {
        Ok(contents) => contents,
        Err(Error::Damaged { reason, .. }) => {
            problems.push(reason);
            Contents::default()
        }
        Err(error) => return Err(error),
    };
    if structure.is_sound() {
        if !structure.buckets.iter().any(|bucket| bucket.name == KEY_BUCKET) {
            problems.push("it has no bucket \"key\", so it is not etcd's".to_owned());
        }
        let compacted = contents.compact_revision().unwrap_or(0);
        problems.extend(records.gaps(compacted));
    }
    problems.append(&mut records.problems);
    let revision = records.last.map_or(0, |last| last.main);
    Ok(Verification {
        problems,
        warnings,
        is_database: true,
        hash,
        structure,
        contents,
        revision,
        keys: records.versions.values().filter(|version| **version > 0).count() as u64,
        records: records.count,
        size_bytes: database.size_bytes(),
    })
}

/// The records so far.
#[derive(Default)]
struct Records {
    fingerprints: Fingerprints,
    /// The version of each key; 0 when it is deleted.
    versions: ByKey<i64>,
    last: Option<Revision>,
    count: u64,
    /// The revisions on both sides of each gap.
    gaps: Vec<(Revision, Revision)>,
    problems: Vec<String>,
}

impl Records {
    fn take(&mut self, key: &[u8], value: &[u8]) {
        self.count += 1;
        let record = match Record::parse(key, value) {
            Ok(record) => record,
            Err(reason) => return self.problem(reason),
        };
        let Revision { main, sub } = record.revision;
        if let Some(last) = self.last {
            let follows =
                (main == last.main && sub == last.sub + 1) || (main == last.main + 1 && sub == 0);
            if !follows && self.gaps.len() < MAX_GAPS {
                self.gaps.push((last, record.revision));
            }
        }
        self.last = Some(record.revision);
        let kv = record.kv;
        // A restore with --bump-revision leaves a record without a value at the new revision.
        let is_bump = value.is_empty();
        if !is_bump && !record.is_deletion {
            if kv.mod_revision != main {
                self.problem(format!("record {main} says that it is revision {}", kv.mod_revision));
            }
            if kv.create_revision > main || kv.create_revision < 1 || kv.version < 1 {
                let (created, version) = (kv.create_revision, kv.version);
                let text =
                    format!("record {main} is version {version} of a key created at {created}");
                self.problem(text);
            }
        }
        let version = if record.is_deletion { 0 } else { kv.version };
        let before = self.versions.insert(self.fingerprints.of(kv.key), version);
        // Of a key seen before, each version is there: compaction removes old ones only.
        if let Some(before) = before
            && !record.is_deletion
            && version != before + 1
        {
            self.problem(format!("record {main} is version {version} of a key, after {before}"));
        }
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(text);
        }
    }

    /// Revisions that are missing above the one that was compacted last.
    fn gaps(&self, compacted: i64) -> Option<String> {
        let gap = self.gaps.iter().find(|(_, after)| {
            let first_kept = Revision { main: compacted + 1, sub: 0 };
            after.main > compacted && *after != first_kept
        });
        gap.map(|(before, after)| {
            format!(
                "revisions are missing: {}.{} comes after {}.{}, and only those up to {compacted} \
                 are compacted",
                after.main, after.sub, before.main, before.sub
            )
        })
    }
}
