//! Removing series, at all levels.

use std::path::Path;

use model::series::Matcher;

use super::offline::Offline;
use super::scan::{self, Wanted};
use super::{Progress, Report};
use crate::chunk::{self, Block};
use crate::error::Error;
use crate::shard::{Names, Shard};
use crate::shards::Shards;
use crate::writing::{WritableFile, Writing};

/// What deleting came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Bytes of all files before.
    pub bytes_before: u64,
    /// Bytes of all files after.
    pub bytes_after: u64,
    /// What was found damaged and left alone, each with its file; it may hold what was to go.
    pub damage: Vec<String>,
}

/// Removes every series that any of `selectors` accepts. Refuses while a monitor runs. What a kill
/// interrupts is done at the next call.
pub fn delete_series(
    directory: &Path,
    selectors: &[Vec<Matcher>],
    report: Report<'_>,
) -> Result<Deleted, Error> {
    let Offline { shards, .. } = &Offline::open(directory)?;
    let wanted = Wanted::new(shards, selectors);
    let sizes = shards.sizes();
    let total = sizes.values().sum();
    let mut done = 0;
    for (file, shard) in shards.all() {
        report(Progress { file: &file.name(), done, total });
        done += sizes.get(&file).copied().unwrap_or_default();
        let mut writable = WritableFile::open(shards, file)?;
        let mut has_changed = false;
        for (ours, theirs) in &shard.names().targets {
            if wanted.has_any(*ours) {
                let go = Go { shards, shard: &shard, names: &shard.names(), wanted: &wanted };
                writable.write(shards, |writing| {
                    has_changed |= go.of_target(writing, *ours, *theirs)?;
                    Ok(())
                })?;
            }
        }
        drop(writable);
        if has_changed {
            Offline::vacuum(&shard)?;
        }
    }
    let bytes_after = shards.sizes().values().sum();
    Ok(Deleted { bytes_before: total, bytes_after, damage: shards.damage() })
}

/// What goes from one file.
struct Go<'a> {
    shards: &'a Shards,
    shard: &'a Shard,
    names: &'a Names,
    wanted: &'a Wanted,
}

impl Go<'_> {
    /// Takes the columns out of a target's blocks; true when there were any.
    fn of_target(&self, writing: &Writing<'_>, ours: u32, theirs: i64) -> rusqlite::Result<bool> {
        let mut query = writing.sql.prepare_cached("SELECT id FROM block WHERE target = ?")?;
        let ids: rusqlite::Result<Vec<i64>> =
            query.query_map([theirs], |row| row.get(0))?.collect();
        let mut has_changed = false;
        for id in ids? {
            let Some(record) = scan::record(writing.sql, id)? else { continue };
            let Some(mut block) = chunk::decode(&record.data) else {
                self.shards.damaged(format!("block {id} of {}", self.shard.path.display()));
                continue;
            };
            let goes = |shape: &u32| {
                self.names.known.get(shape).is_some_and(|shape| self.wanted.has(ours, *shape))
            };
            let before = block.columns.len();
            block.columns.retain(|(shape, _)| !goes(shape));
            if block.columns.len() == before {
                continue;
            }
            has_changed = true;
            match block {
                Block { ref columns, .. } if columns.is_empty() => writing.delete(id)?,
                block => writing.replace(id, &block)?,
            }
        }
        Ok(has_changed)
    }
}
