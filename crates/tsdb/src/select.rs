//! Reading: which series, and their samples from files and memory.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use model::series::{Labels, Matcher, Sample, Series, Want};
use rusqlite::Transaction;

use crate::assemble::{self, Column};
use crate::catalog::Selection;
use crate::chunk::Block;
use crate::error::Error;
use crate::level::Level;
use crate::segment::Rows;
use crate::shard::{Kept, Names, Reader, StoredBlock};
use crate::shards::{Part, Shards};
use crate::target::TargetState;

/// Hands every series that `matchers` accept to `take`, target by target.
pub(crate) fn read(
    shards: &Shards,
    matchers: &[Matcher],
    want: Want,
    take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
) -> Result<(), Error> {
    each(shards, matchers, want, |shapes, found| {
        for (shape, places) in &found.places {
            let samples = found.samples(places)?;
            if samples.is_empty() {
                continue;
            }
            let labels = found.target.labels.and(&shapes[*shape as usize]);
            if take(Series { labels, samples }, found.spacing_ms).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// The labels of every series that `matchers` accept and that blocks of a range hold.
pub(crate) fn series(
    shards: &Shards,
    matchers: &[Matcher],
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Labels>, Error> {
    let mut all = Vec::new();
    // Names are the same at all levels, and the coarsest are the fewest.
    let spacing_ms = Some(Level::Hour.spacing_ms());
    let want = Want { spacing_ms, ..Want::all(from_ms, to_ms) };
    each(shards, matchers, want, |shapes, found| {
        let labels = &found.target.labels;
        all.extend(found.places.keys().map(|shape| labels.and(&shapes[*shape as usize])));
        Ok(ControlFlow::Continue(()))
    })?;
    all.sort();
    Ok(all)
}

/// Calls `visit` with each target that has anything of what is wanted.
fn each(
    shards: &Shards,
    matchers: &[Matcher],
    want: Want,
    mut visit: impl FnMut(&[Labels], &Found<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    if want.from_ms > want.to_ms {
        return Ok(());
    }
    let Selection { targets, shapes } = shards.catalog.read().select(matchers);
    let parts = shards.plan(want);
    // How old the newest sample at a moment may be depends on how coarse any of them are.
    let is_raw = parts.iter().all(|part| matches!(part.level, Level::Raw));
    let want = Want { windows: want.windows.filter(|_| is_raw), ..want };
    let readers: Result<Vec<Reader<'_>>, Error> =
        parts.iter().map(|part| part.shard.reader()).collect();
    let readers = readers?;
    let mut files: Vec<OpenPart<'_>> = (parts.iter().zip(&readers))
        .map(|(part, reader)| OpenPart { part, reader, wanted: None })
        .collect();
    for batch in targets.chunks(BATCH) {
        // Memory first: what becomes a block meanwhile is then seen twice and not missed.
        let recent: Vec<_> = batch.iter().map(|(target, _)| target.recent(want.from_ms)).collect();
        // One state of the files: blocks must not be merged between being listed and being read.
        let snapshots: Result<Vec<_>, Error> = files.iter().map(OpenPart::snapshot).collect();
        let snapshots = snapshots?;
        for ((target, wanted), recent) in batch.iter().zip(recent) {
            let found = Found::of(shards, &mut files, target, recent, wanted, want)?;
            if !found.places.is_empty() && visit(&shapes, &found)?.is_break() {
                return Ok(());
            }
        }
        drop(snapshots);
    }
    Ok(())
}

/// Targets that are read from one state of the files: to take one costs as much as to read a short column.
const BATCH: usize = 16;

/// A file that a query reads from.
struct OpenPart<'q> {
    part: &'q Part,
    reader: &'q Reader<'q>,
    wanted: Option<Wanted>,
}

/// The series of a file that a query wants.
struct Wanted {
    /// By our numbers: which.
    is_wanted: Arc<Vec<bool>>,
    /// Our numbers by the file's.
    ours: BTreeMap<u32, u32>,
}

impl<'q> OpenPart<'q> {
    /// One state of the file for all that is read until it is dropped.
    fn snapshot(&self) -> Result<Transaction<'q>, Error> {
        let path = || self.part.shard.path.clone();
        self.reader.snapshot().map_err(|source| Error::Sql { path: path(), source })
    }

    /// Our number of each wanted series by the file's; worked out once for all targets of which the
    /// same is wanted.
    fn ours(&mut self, names: &Names, is_wanted: &Arc<Vec<bool>>) -> &BTreeMap<u32, u32> {
        if let Some(wanted) = &self.wanted
            && !Arc::ptr_eq(&wanted.is_wanted, is_wanted)
        {
            self.wanted = None;
        }
        let wanted = self.wanted.get_or_insert_with(|| {
            let pairs = names.known.iter().map(|(theirs, ours)| (*theirs, *ours));
            let wanted = pairs.filter(|(_, ours)| is_wanted.get(*ours as usize) == Some(&true));
            Wanted { is_wanted: Arc::clone(is_wanted), ours: wanted.collect() }
        });
        &wanted.ours
    }
}

/// What there is of one target.
struct Found<'q> {
    shards: &'q Shards,
    target: &'q TargetState,
    blocks: Vec<FoundBlock<'q>>,
    /// The wanted series, and where their samples are, file by file and oldest first.
    places: BTreeMap<u32, Vec<Place>>,
    want: Want,
    /// The time between samples that is due to coarser data.
    spacing_ms: i64,
}

/// A column of a block, by their numbers.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: usize,
    column: usize,
}

struct FoundBlock<'q> {
    part: &'q Part,
    kept: Kept,
    /// The places of the times that are wanted.
    wanted: Vec<Range<usize>>,
    content: Content<'q>,
}

enum Content<'q> {
    Stored(StoredBlock<'q>),
    Memory(Block),
}

impl<'q> Found<'q> {
    fn of(
        shards: &'q Shards,
        files: &mut [OpenPart<'q>],
        target: &'q TargetState,
        mut recent: Vec<Rows>,
        wanted: &Arc<Vec<bool>>,
        want: Want,
    ) -> Result<Self, Error> {
        let (blocks, places) = (Vec::new(), BTreeMap::new());
        let mut found = Self { shards, target, blocks, places, want, spacing_ms: 0 };
        for file in files {
            let part = file.part;
            let outcome = found.of_file(file, wanted);
            match outcome.map_err(|source| Error::Sql { path: part.shard.path.clone(), source }) {
                Err(error) if error.is_damage() => shards.damaged(format!("{error}")),
                other => other?,
            }
            let is_wanted = |shape: u32| wanted.get(shape as usize) == Some(&true);
            let is_of_file = |rows: &mut Rows| part.holds_rows_of(rows.day);
            for rows in recent.extract_if(.., is_of_file) {
                let span = part.from_ms..=part.to_ms;
                let block = rows.block(&span, |shape| is_wanted(shape).then_some(shape));
                let columns: Vec<_> = block
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(place, (shape, _))| (place, *shape))
                    .collect();
                found.add(part, Kept::Last, Content::Memory(block), columns);
            }
        }
        Ok(found)
    }

    fn of_file(
        &mut self,
        file: &mut OpenPart<'q>,
        wanted: &Arc<Vec<bool>>,
    ) -> rusqlite::Result<()> {
        let (part, reader) = (file.part, file.reader);
        let names = part.shard.names();
        let Some(target) = names.targets.get(&self.target.number) else { return Ok(()) };
        let ours = file.ours(&names, wanted);
        let all_kept = match part.level {
            Level::Raw => &[Kept::Last],
            _ => assemble::kept_for(self.want.figure),
        };
        for kept in all_kept {
            for number in reader.blocks(*target, *kept, part.from_ms, part.to_ms)? {
                let Some(block) = reader.block(number)? else {
                    let path = part.shard.path.display();
                    self.shards.damaged(format!("block {number} of {path}"));
                    continue;
                };
                let columns = &block.head.columns;
                let place = |theirs: u32| columns.binary_search_by_key(&theirs, |column| column.0);
                // Of a thousand columns a query wants a few.
                let wanted =
                    ours.iter().filter_map(|(theirs, ours)| Some((place(*theirs).ok()?, *ours)));
                let wanted: Vec<_> = wanted.collect();
                if !wanted.is_empty() {
                    self.spacing_ms = self.spacing_ms.max(part.level.spacing_ms());
                    self.add(part, *kept, Content::Stored(block), wanted);
                }
            }
        }
        Ok(())
    }

    /// Takes a block with the places of its wanted columns and our numbers of their series.
    fn add(
        &mut self,
        part: &'q Part,
        kept: Kept,
        content: Content<'q>,
        columns: Vec<(usize, u32)>,
    ) {
        let block = self.blocks.len();
        let times = match &content {
            Content::Stored(block) => &block.head.times,
            Content::Memory(block) => &block.times,
        };
        let span = part.from_ms..=part.to_ms;
        let wanted = match self.want.windows {
            Some(windows) => assemble::within_windows(times, &span, windows, self.want.to_ms),
            None => vec![assemble::within(times, &span)],
        };
        self.blocks.push(FoundBlock { part, kept, wanted, content });
        for (column, shape) in columns {
            self.places.entry(shape).or_default().push(Place { block, column });
        }
    }

    /// The samples of a series. A damaged part is noted, and the rest is read.
    fn samples(&self, places: &[Place]) -> Result<Vec<Sample>, Error> {
        let mut samples = Vec::new();
        let part_of = |place: &Place| self.blocks[place.block].part;
        for of_part in places.chunk_by(|a, b| std::ptr::eq(part_of(a), part_of(b))) {
            let part = part_of(&of_part[0]);
            let mut columns = Vec::with_capacity(of_part.len());
            for Place { block, column } in of_part {
                let FoundBlock { kept, wanted, content, .. } = &self.blocks[*block];
                let (times, bits) = match content {
                    Content::Memory(block) => {
                        (&block.times, Some(block.columns[*column].1.clone()))
                    }
                    Content::Stored(block) => {
                        let path = || part.shard.path.clone();
                        let bits = block.column(*column);
                        let bits = bits.map_err(|source| Error::Sql { path: path(), source })?;
                        (&block.head.times, bits)
                    }
                };
                if let Some(bits) = bits {
                    columns.push(Column { kept: *kept, times, bits, wanted });
                } else {
                    let path = part.shard.path.display();
                    self.shards.damaged(format!("a series in a block of {path}"));
                }
            }
            assemble::append(&mut samples, &columns, self.want.figure);
        }
        assemble::put_in_order(&mut samples);
        Ok(samples)
    }
}
