//! What takes the room in a snapshot: by prefix, by key, by value.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use crate::contents::Contents;
use crate::error::Error;
use crate::file::SnapshotFile;
use crate::keyspace::{self, ByKey, Fingerprints};

/// Prefixes that are told apart; the rest are one.
pub const MAX_PREFIXES: usize = 100_000;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectOptions {
    /// What ends a part of a key.
    pub separator: u8,
    /// Parts that make a prefix: with 2, `/registry/pods/a/b` is under `/registry/pods/`.
    pub depth: usize,
    /// How many of the largest values and of the most changed keys are told.
    pub top: usize,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self { separator: b'/', depth: 2, top: 10 }
    }
}

/// Where the room goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Everything.
    pub total: Usage,
    /// By prefix, largest first.
    pub prefixes: Vec<(Vec<u8>, Usage)>,
    /// What did not fit into the list of prefixes, if anything did not.
    pub other_prefixes: Usage,
    /// Keys with their largest values, largest first.
    pub largest_values: Vec<KeyFigure>,
    /// Keys with the most records, most first.
    pub most_versions: Vec<KeyFigure>,
    /// The last revision.
    pub revision: i64,
    /// What there is besides keys.
    pub contents: Contents,
    /// Bytes of the database.
    pub size_bytes: u64,
}

/// How much some keys take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys that exist.
    pub keys: u64,
    /// Bytes of the keys and values that exist.
    pub live_bytes: u64,
    /// Records: each version of each key that is kept, deletions too.
    pub records: u64,
    /// Bytes of all records.
    pub bytes: u64,
}

/// A key with a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyFigure {
    /// Bytes of the value, or records of the key.
    pub figure: u64,
    /// The key.
    pub key: Vec<u8>,
    /// The last revision that it is about.
    pub mod_revision: i64,
}

/// The last record of a key, and how many it has.
#[derive(Clone, Copy, Default)]
struct Last {
    live_bytes: Option<u64>,
    records: u64,
}

/// Reads what takes the room.
pub fn inspect(path: &Path, options: &InspectOptions) -> Result<Inspection, Error> {
    let file = SnapshotFile::open(path)?;
    let database = file.database();
    let mut inspection = Inspection {
        contents: Contents::read(path, database)?,
        size_bytes: database.size_bytes(),
        ..Inspection::default()
    };
    let fingerprints = Fingerprints::default();
    let mut keys: ByKey<Last> = ByKey::default();
    let mut prefixes: BTreeMap<Vec<u8>, Usage> = BTreeMap::new();
    let mut largest = Top::new(options.top);
    keyspace::scan(path, database, |record| {
        inspection.revision = record.revision.main;
        let kv = record.kv;
        let last = keys.entry(fingerprints.of(kv.key)).or_default();
        last.records += 1;
        let live_bytes = (!record.is_deletion).then(|| (kv.key.len() + kv.value.len()) as u64);
        let before = std::mem::replace(&mut last.live_bytes, live_bytes);
        let bytes = (record.raw.0.len() + record.raw.1.len()) as u64;
        let prefix = prefix_of(kv.key, options.separator, options.depth);
        let is_known = prefixes.contains_key(prefix);
        let usage = if is_known || prefixes.len() < MAX_PREFIXES {
            prefixes.entry(prefix.to_vec()).or_default()
        } else {
            &mut inspection.other_prefixes
        };
        for usage in [usage, &mut inspection.total] {
            usage.records += 1;
            usage.bytes += bytes;
            usage.keys += u64::from(live_bytes.is_some());
            usage.live_bytes += live_bytes.unwrap_or(0);
            usage.keys -= u64::from(before.is_some());
            usage.live_bytes -= before.unwrap_or(0);
        }
        largest.offer(kv.value.len() as u64, kv.key, record.revision.main);
    })?;
    // Names of the most changed keys come from a second pass, so that they need not all be kept.
    let mut most = Top::new(options.top);
    keyspace::scan(path, database, |record| {
        if let Some(Last { records, .. }) = keys.get(&fingerprints.of(record.kv.key)) {
            most.offer(*records, record.kv.key, record.revision.main);
        }
    })?;
    inspection.largest_values = largest.finish();
    inspection.most_versions = most.finish();
    inspection.prefixes = prefixes.into_iter().collect();
    inspection.prefixes.sort_by_key(|(_, usage)| Reverse(usage.bytes));
    Ok(inspection)
}

/// The first `depth` parts of a key, its last part left out.
pub fn prefix_of(key: &[u8], separator: u8, depth: usize) -> &[u8] {
    prefixes_of(key, separator).take(depth).last().unwrap_or(&[])
}

/// All prefixes of a key that end with a part, the shortest first: what it lies under.
pub fn prefixes_of(key: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    // A separator at the very beginning ends no part.
    let ends = key.iter().enumerate().skip(1).filter(move |(_, byte)| **byte == separator);
    ends.map(|(at, _)| &key[..=at])
}

/// The largest so many, each key once.
#[derive(Debug)]
pub struct Top {
    count: usize,
    heap: BinaryHeap<Reverse<KeyFigure>>,
}

impl Top {
    /// Keeps `count` keys.
    pub fn new(count: usize) -> Self {
        Self { count, heap: BinaryHeap::new() }
    }

    /// Keeps the key if its figure is among the largest.
    pub fn offer(&mut self, figure: u64, key: &[u8], mod_revision: i64) {
        let is_full = self.heap.len() >= self.count;
        if self.count == 0
            || (is_full && self.heap.peek().is_some_and(|least| least.0.figure > figure))
        {
            return;
        }
        if let Some(known) = self.heap.iter().find(|known| known.0.key == key) {
            if known.0.figure > figure {
                return;
            }
            self.heap.retain(|known| known.0.key != key);
        }
        self.heap.push(Reverse(KeyFigure { figure, key: key.to_vec(), mod_revision }));
        if self.heap.len() > self.count {
            self.heap.pop();
        }
    }

    /// The keys, the largest figure first.
    pub fn finish(self) -> Vec<KeyFigure> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(figure)| figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_first_parts_without_the_last() {
        for (key, expected) in [
            ("/registry/pods/default/a", "/registry/pods/"),
            ("/registry/x", "/registry/"),
            ("/x", ""),
            ("plain", ""),
            ("a/b/c/d", "a/b/"),
            ("", ""),
        ] {
            assert_eq!(prefix_of(key.as_bytes(), b'/', 2), expected.as_bytes(), "{key}");
        }
    }

    #[test]
    fn the_largest_are_kept_and_each_key_once() {
        let mut top = Top::new(2);
        for (figure, key) in [(1, "a"), (5, "b"), (3, "c"), (4, "b"), (6, "c"), (2, "d")] {
            top.offer(figure, key.as_bytes(), 1);
        }
        let kept: Vec<_> = top.finish().into_iter().map(|kept| (kept.figure, kept.key)).collect();
        assert_eq!(kept, [(6, b"c".to_vec()), (5, b"b".to_vec())]);
    }
}
