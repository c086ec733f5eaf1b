//! Reading: which series, and their samples from files and memory.

use std::collections::BTreeMap;

use model::series::{Labels, Matcher, Sample, Series};

use crate::ABSENT;
use crate::error::Error;
use crate::shard::{Columns, Reader, Shard};
use crate::shards::Shards;
use crate::target::TargetState;
use crate::writer::day_of;

/// The samples of one target, by shape.
type Found = BTreeMap<u32, Vec<Sample>>;

/// Every series that `matchers` accept with its samples of a range, in order of labels.
pub(crate) fn select(
    shards: &Shards,
    matchers: &[Matcher],
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Series>, Error> {
    let mut all = Vec::new();
    each(shards, matchers, from_ms, to_ms, true, |labels, samples| {
        all.push(Series { labels, samples });
    })?;
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(all)
}

/// The labels of every series that `matchers` accept and that blocks of a range hold.
pub(crate) fn series(
    shards: &Shards,
    matchers: &[Matcher],
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Labels>, Error> {
    let mut all = Vec::new();
    each(shards, matchers, from_ms, to_ms, false, |labels, _| all.push(labels))?;
    all.sort();
    Ok(all)
}

fn each(
    shards: &Shards,
    matchers: &[Matcher],
    from_ms: i64,
    to_ms: i64,
    with_samples: bool,
    mut take: impl FnMut(Labels, Vec<Sample>),
) -> Result<(), Error> {
    if from_ms > to_ms {
        return Ok(());
    }
    let selection = shards.catalog.read().select(matchers);
    let days = shards.between(day_of(from_ms), day_of(to_ms));
    let mut files = Vec::new();
    for shard in &days {
        files.push((shard, shard.reader()?));
    }
    for (target, shapes) in selection.targets {
        let range = Range {
            shards,
            wanted: &|shape| shapes.get(shape as usize) == Some(&true),
            from_ms,
            to_ms,
            with_samples,
        };
        let mut found = Found::new();
        // Memory first: what becomes a block meanwhile is then seen twice and not missed.
        let recent = target.recent();
        for (shard, reader) in &files {
            range.of_file(shard, reader, &target, &mut found)?;
        }
        for rows in recent {
            let block = rows.block(|shape| (range.wanted)(shape).then_some(shape));
            for (shape, column) in block.columns {
                range.put(&mut found, shape, &block.times, &column);
            }
        }
        for (shape, mut samples) in found {
            if !samples.is_sorted_by(|a, b| a.at_ms < b.at_ms) {
                samples.sort_by_key(|sample| sample.at_ms);
                samples.dedup_by_key(|sample| sample.at_ms);
            }
            take(target.labels.and(&selection.shapes[shape as usize]), samples);
        }
    }
    Ok(())
}

struct Range<'a> {
    shards: &'a Shards,
    wanted: &'a dyn Fn(u32) -> bool,
    from_ms: i64,
    to_ms: i64,
    with_samples: bool,
}

impl Range<'_> {
    /// What a file has of a target. A damaged part is noted, and the rest is read.
    fn of_file(
        &self,
        shard: &Shard,
        reader: &Reader<'_>,
        target: &TargetState,
        found: &mut Found,
    ) -> Result<(), Error> {
        let outcome = self.blocks_of(shard, reader, target, found);
        match outcome.map_err(|source| Error::Sql { path: shard.path.clone(), source }) {
            Err(error) if error.is_damage() => {
                self.shards.damaged(format!("{error}"));
                Ok(())
            }
            other => other,
        }
    }

    fn blocks_of(
        &self,
        shard: &Shard,
        reader: &Reader<'_>,
        target: &TargetState,
        found: &mut Found,
    ) -> rusqlite::Result<()> {
        let (number, ours) = {
            let names = shard.names();
            let Some(number) = names.targets.get(&target.number) else { return Ok(()) };
            let wanted = names.known.iter().filter(|(_, ours)| (self.wanted)(**ours));
            let ours: BTreeMap<u32, u32> = wanted.map(|(k, v)| (*k, *v)).collect();
            (*number, ours)
        };
        // Without it, blocks could be merged between being listed and being read.
        let _snapshot = reader.snapshot()?;
        for block in reader.blocks(number, self.from_ms, self.to_ms)? {
            let wanted = |shape| self.with_samples && ours.contains_key(&shape);
            let Some(Columns { head, columns }) = reader.columns(block, wanted)? else {
                self.shards.damaged(format!("block {block} of {}", shard.path.display()));
                continue;
            };
            if !self.with_samples {
                let shapes = head.columns.iter().filter_map(|(shape, _)| ours.get(shape));
                for shape in shapes {
                    found.entry(*shape).or_default();
                }
                continue;
            }
            for (shape, column) in columns {
                match column {
                    Some(column) => self.put(found, ours[&shape], &head.times, &column),
                    None => self
                        .shards
                        .damaged(format!("a series in block {block} of {}", shard.path.display())),
                }
            }
        }
        Ok(())
    }

    fn put(&self, found: &mut Found, shape: u32, times: &[i64], column: &[u64]) {
        let from = times.partition_point(|time| *time < self.from_ms);
        let to = times.partition_point(|time| *time <= self.to_ms);
        if from >= to {
            return;
        }
        let pairs = times[from..to].iter().zip(&column[from..to]);
        let mut present = pairs.filter(|(_, bits)| **bits != ABSENT).peekable();
        if present.peek().is_none() {
            return;
        }
        let samples = found.entry(shape).or_default();
        if self.with_samples {
            samples.extend(
                present.map(|(at_ms, bits)| Sample { at_ms: *at_ms, value: f64::from_bits(*bits) }),
            );
        }
    }
}
