//! Making the coarser levels of a day that is over.

mod thin;

use std::sync::Arc;

use rusqlite::params;
use tracing::info;

use crate::DAY_MS;
use crate::chunk::Block;
use crate::error::Error;
use crate::level::{FileId, Level};
use crate::shard::{Kept, Shard};
use crate::shards::Shards;
use crate::target::TargetState;
use crate::writer::day_of;
use crate::writing::WritableFile;
use thin::thin;

/// A day is over this long after its midnight: scrapes that began before it have ended.
const GRACE_MS: i64 = 5 * 60_000;

/// Makes what is missing; see [`crate::Tsdb::roll_up`].
pub(crate) fn roll_up(
    shards: &Shards,
    now_ms: i64,
    proceed: &mut dyn FnMut() -> bool,
) -> Result<usize, Error> {
    let today = day_of(now_ms.saturating_sub(GRACE_MS));
    let mut done = 0;
    for (file, raw) in shards.all() {
        if file.level != Level::Raw || file.first_day >= today {
            continue;
        }
        let day = file.first_day;
        let mut missing = Vec::new();
        for level in Level::COARSE {
            let coarse = FileId::of(level, day);
            if !shards.get(coarse)?.rolled().contains(&day) {
                missing.push((coarse, WritableFile::open(shards, coarse)?));
            }
        }
        if missing.is_empty() {
            continue;
        }
        if !day_of_all(shards, &raw, day, &mut missing, proceed)? {
            break;
        }
        info!(path = %raw.path.display(), "history of a day rolled up");
        done += 1;
    }
    Ok(done)
}

/// Makes the missing levels of one day; false when it was told to stop.
fn day_of_all(
    shards: &Shards,
    raw: &Shard,
    day: i64,
    missing: &mut [(FileId, WritableFile)],
    proceed: &mut dyn FnMut() -> bool,
) -> Result<bool, Error> {
    let targets = shards.catalog.read().targets.clone();
    for target in targets {
        if !raw.names().targets.contains_key(&target.number) {
            continue;
        }
        if !proceed() {
            return Ok(false);
        }
        let block = whole_day(shards, raw, &target)?;
        let counters: Vec<bool> = {
            let known = shards.catalog.read();
            block.columns.iter().map(|(shape, _)| known.is_counter(*shape)).collect()
        };
        for (file, writable) in &mut *missing {
            let thinned = thin(&block, &counters, file.level.spacing_ms());
            put(shards, writable, &target, day, thinned)?;
        }
    }
    for (file, writable) in missing {
        writable.write(shards, |writing| {
            writing.sql.execute("INSERT OR IGNORE INTO rolled VALUES (?)", [day])?;
            Ok(())
        })?;
        shards.get(*file)?.rolled().insert(day);
    }
    Ok(true)
}

fn put(
    shards: &Shards,
    file: &mut WritableFile,
    target: &Arc<TargetState>,
    day: i64,
    thinned: Vec<(Kept, Block)>,
) -> Result<(), Error> {
    file.write(shards, |writing| {
        // Of an attempt that was broken off.
        let number = writing.target(target)?;
        let mut delete = writing
            .sql
            .prepare_cached("DELETE FROM block WHERE target = ? AND from_ms >= ? AND to_ms < ?")?;
        delete.execute(params![number, day * DAY_MS, (day + 1) * DAY_MS])?;
        thinned.into_iter().try_for_each(|(kept, block)| writing.add(target, kept, block))
    })
}

/// All that a day's file has of a target, by our numbers of the series.
fn whole_day(shards: &Shards, raw: &Shard, target: &TargetState) -> Result<Block, Error> {
    let reader = raw.reader()?;
    let names = raw.names();
    let Some(number) = names.targets.get(&target.number) else { return Ok(Block::default()) };
    let mut blocks = Vec::new();
    let mut read = || -> rusqlite::Result<()> {
        let snapshot = reader.snapshot()?;
        for id in reader.blocks(*number, Kept::Last, i64::MIN, i64::MAX)? {
            // Whoever reads it notes the damage.
            let Some(stored) = reader.block(id)? else { continue };
            let mut block = Block { times: stored.head.times.clone(), columns: Vec::new() };
            for (place, (shape, _)) in stored.head.columns.iter().enumerate() {
                let (ours, column) = (names.known.get(shape), stored.column(place)?);
                if let (Some(ours), Some(column)) = (ours, column) {
                    block.columns.push((*ours, column));
                }
            }
            blocks.push(block);
        }
        snapshot.commit()
    };
    match read().map_err(|source| Error::Sql { path: raw.path.clone(), source }) {
        Err(error) if error.is_damage() => shards.damaged(error.to_string()),
        other => other?,
    }
    Ok(Block::join(blocks))
}
