//! What differs between two snapshots: keys that exist in one only, and keys with other values.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use ring::digest::{SHA256, digest};

use crate::error::Error;
use crate::file::SnapshotFile;
use crate::keyspace::{self, ByKey, Fingerprints};

/// The differences of two snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Keys in the second only.
    pub added: u64,
    /// Keys in the first only.
    pub removed: u64,
    /// Keys whose values differ.
    pub changed: u64,
    /// Keys that were written again with the same value.
    pub rewritten: u64,
    /// The first differences, in the order of keys; those rewritten are not among them.
    pub differences: Vec<Difference>,
    /// The last revisions of both.
    pub revisions: (i64, i64),
}

impl Diff {
    /// Whether both hold the same keys with the same values.
    pub fn is_same(&self) -> bool {
        self.added + self.removed + self.changed == 0
    }
}

/// A key that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key.
    pub key: Vec<u8>,
    /// What the first holds.
    pub before: Option<Version>,
    /// What the second holds.
    pub after: Option<Version>,
}

/// A key's value in one of two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The revision that set it.
    pub mod_revision: i64,
    /// How often it had been set then.
    pub version: i64,
    /// Bytes of the value.
    pub value_bytes: u64,
    /// Half of the value's SHA-256.
    digest: u128,
}

/// Compares the keys that exist in two snapshots; keeps the first `limit` differences.
pub fn diff(first: &Path, second: &Path, limit: usize) -> Result<Diff, Error> {
    let fingerprints = Fingerprints::default();
    let files = [SnapshotFile::open(first)?, SnapshotFile::open(second)?];
    let (before, before_revision) = live(&files[0], &fingerprints)?;
    let (after, after_revision) = live(&files[1], &fingerprints)?;
    let mut diff = Diff { revisions: (before_revision, after_revision), ..Diff::default() };
    let mut differing = HashSet::new();
    for (key, version) in &before {
        match after.get(key) {
            None => diff.removed += 1,
            Some(other) if other.digest != version.digest => diff.changed += 1,
            Some(other) => {
                diff.rewritten += u64::from(other.mod_revision != version.mod_revision);
                continue;
            }
        }
        differing.insert(*key);
    }
    for key in after.keys().filter(|key| !before.contains_key(*key)) {
        diff.added += 1;
        differing.insert(*key);
    }
    // Only now the names are needed, and only of these.
    let mut named: BTreeMap<Vec<u8>, Difference> = BTreeMap::new();
    for file in &files {
        keyspace::scan(file.path(), file.database(), |record| {
            let fingerprint = fingerprints.of(record.kv.key);
            if record.is_deletion || !differing.remove(&fingerprint) {
                return;
            }
            let key = record.kv.key.to_vec();
            let (before, after) =
                (before.get(&fingerprint).copied(), after.get(&fingerprint).copied());
            named.insert(key.clone(), Difference { key, before, after });
            if named.len() > limit {
                named.pop_last();
            }
        })?;
    }
    diff.differences = named.into_values().collect();
    Ok(diff)
}

/// The keys that exist, and the last revision.
fn live(file: &SnapshotFile, fingerprints: &Fingerprints) -> Result<(ByKey<Version>, i64), Error> {
    let mut live: ByKey<Version> = ByKey::default();
    let mut revision = 0;
    keyspace::scan(file.path(), file.database(), |record| {
        revision = record.revision.main;
        let key = fingerprints.of(record.kv.key);
        if record.is_deletion {
            live.remove(&key);
            return;
        }
        let kv = record.kv;
        let hash = digest(&SHA256, kv.value);
        let half = hash.as_ref().first_chunk().expect("invariant: a SHA-256 has 32 bytes");
        live.insert(
            key,
            Version {
                mod_revision: kv.mod_revision,
                version: kv.version,
                value_bytes: kv.value.len() as u64,
                digest: u128::from_be_bytes(*half),
            },
        );
    })?;
    Ok((live, revision))
}
