//! Making the files of days that are over as small as they can be.

use std::path::Path;

use super::offline::{Offline, is_over};
use super::{Progress, Report};
use crate::error::Error;
use crate::level::{FileId, Level};
use crate::shard::Shard;
use crate::writer::day_of;
use crate::writing::{DAMAGED, LARGE, WritableFile};

/// What compacting came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of all files before.
    pub bytes_before: u64,
    /// Bytes of all files after.
    pub bytes_after: u64,
    /// Blocks that became others.
    pub blocks_before: u64,
    /// The blocks that they became.
    pub blocks_after: u64,
    /// What was found damaged and left alone, each with its file.
    pub damage: Vec<String>,
}

/// Makes one block of all that a target has of a figure in one file, for files whose days are over
/// at `now_ms`, and gives back the room. Refuses while a monitor runs. What a kill interrupts is
/// done at the next call.
pub fn compact(directory: &Path, now_ms: i64, report: Report<'_>) -> Result<Compacted, Error> {
    let Offline { shards, .. } = &Offline::open(directory)?;
    let sizes = shards.sizes();
    let total = sizes.values().sum();
    let mut compacted = Compacted { bytes_before: total, ..Compacted::default() };
    let mut done = 0;
    for (file, shard) in shards.all() {
        report(Progress { file: &file.name(), done, total });
        done += sizes.get(&file).copied().unwrap_or_default();
        if !is_over(file, now_ms) {
            continue;
        }
        let mut writable = WritableFile::open(shards, file)?;
        for Group { target, figure, ids } in groups(file, &shard)? {
            compacted.blocks_before += ids.len() as u64;
            compacted.blocks_after += 1;
            writable.write(shards, |writing| writing.join(target, figure, LARGE, &ids))?;
        }
        drop(writable);
        Offline::vacuum(&shard)?;
    }
    compacted.bytes_after = shards.sizes().values().sum();
    compacted.damage = shards.damage();
    Ok(compacted)
}

/// Blocks that become one.
struct Group {
    target: i64,
    figure: i64,
    ids: Vec<i64>,
}

/// What is to be joined. Of coarser samples only days that are complete: what was left by a roll-up
/// that was broken off is made anew.
fn groups(file: FileId, shard: &Shard) -> Result<Vec<Group>, Error> {
    let rolled = shard.rolled().clone();
    let is_complete = |from_ms, to_ms| {
        file.level == Level::Raw
            || (day_of(from_ms)..=day_of(to_ms)).all(|day| rolled.contains(&day))
    };
    let reader = shard.reader()?;
    let read = || -> rusqlite::Result<Vec<Group>> {
        let mut query = reader.connection().prepare(
            "SELECT target, figure, id, from_ms, to_ms FROM block WHERE size != ?
             ORDER BY target, figure, from_ms",
        )?;
        let mut rows = query.query([DAMAGED])?;
        let mut groups: Vec<Group> = Vec::new();
        while let Some(row) = rows.next()? {
            if !is_complete(row.get(3)?, row.get(4)?) {
                continue;
            }
            let (target, figure, id) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match groups.last_mut() {
                Some(last) if (last.target, last.figure) == (target, figure) => last.ids.push(id),
                _ => groups.push(Group { target, figure, ids: vec![id] }),
            }
        }
        Ok(groups)
    };
    let mut groups = read().map_err(|source| Error::Sql { path: shard.path.clone(), source })?;
    groups.retain(|group| group.ids.len() > 1);
    Ok(groups)
}
