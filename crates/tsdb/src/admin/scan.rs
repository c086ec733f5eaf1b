//! The blocks of one file as they lie there, and which series of them are wanted.

use std::collections::HashMap;
use std::sync::Arc;

use model::series::Matcher;
use rusqlite::{Connection, OptionalExtension as _};

use crate::shard::Names;
use crate::shards::Shards;

/// A block as it lies in the file; the target's number is the file's.
pub(super) struct Record {
    pub(super) target: i64,
    pub(super) figure: i64,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) data: Vec<u8>,
}

/// The numbers of all blocks.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut query = connection.prepare("SELECT id FROM block ORDER BY id")?;
    query.query_map((), |row| row.get(0))?.collect()
}

/// A block; none when there is none of this number.
pub(super) fn record(connection: &Connection, number: i64) -> rusqlite::Result<Option<Record>> {
    let mut query = connection
        .prepare_cached("SELECT target, figure, from_ms, to_ms, data FROM block WHERE id = ?")?;
    let record = query.query_row([number], |row| {
        Ok(Record {
            target: row.get(0)?,
            figure: row.get(1)?,
            from_ms: row.get(2)?,
            to_ms: row.get(3)?,
            data: row.get(4)?,
        })
    });
    record.optional()
}

/// Our numbers of a file's targets.
pub(super) fn targets(names: &Names) -> HashMap<i64, u32> {
    names.targets.iter().map(|(ours, theirs)| (*theirs, *ours)).collect()
}

/// Series that any of some selectors accepts.
pub(super) struct Wanted(HashMap<u32, Vec<Arc<Vec<bool>>>>);

impl Wanted {
    pub(super) fn new(shards: &Shards, selectors: &[Vec<Matcher>]) -> Self {
        let mut by_target: HashMap<u32, Vec<_>> = HashMap::new();
        let known = shards.catalog.read();
        for matchers in selectors {
            for (target, shapes) in known.select(matchers).targets {
                by_target.entry(target.number).or_default().push(shapes);
            }
        }
        Self(by_target)
    }

    /// Whether any series of a target is wanted, by our numbers.
    pub(super) fn has_any(&self, target: u32) -> bool {
        self.0.contains_key(&target)
    }

    /// Whether a series is wanted, by our numbers.
    pub(super) fn has(&self, target: u32, shape: u32) -> bool {
        let of_target = self.0.get(&target);
        let accepts = |shapes: &Arc<Vec<bool>>| shapes.get(shape as usize) == Some(&true);
        of_target.is_some_and(|selectors| selectors.iter().any(accepts))
    }
}
