//! Reading for many conditions at once: each target's blocks and rows are decoded once for all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use model::series::{Ask, Asked, Labels, Matcher, Sample, Series, Source, SourceError, Want};
use model::together::one_by_one;

use crate::assemble::{self, Column, put_in_order};
use crate::chunk::Block;
use crate::error::Error;
use crate::level::Level;
use crate::select;
use crate::shard::{Kept, Names, Reader};
use crate::shards::{Part, Shards};
use crate::target::TargetState;

/// Stands for "none" among places.
const NONE: u32 = u32::MAX;

/// Hands over what all `asks` want, targets of one value of `label` in one go.
pub(crate) fn read_apart(
    shards: &Shards,
    asks: &[Ask],
    label: &str,
    take: &mut dyn FnMut(Vec<Asked>) -> ControlFlow<()>,
) -> Result<(), SourceError> {
    let from_ms = asks.iter().map(|ask| ask.want.from_ms).min();
    let to_ms = asks.iter().map(|ask| ask.want.to_ms).max();
    let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms) else { return Ok(()) };
    let parts = shards.plan(Want::all(from_ms, to_ms));
    if parts.iter().any(|part| part.level != Level::Raw) {
        // Each figure has coarser samples of its own.
        return one_by_one(&Single(shards), asks, label, take);
    }
    let readers: Result<Vec<Reader<'_>>, Error> =
        parts.iter().map(|part| part.shard.reader()).collect();
    let readers = readers?;
    let files = parts.iter().zip(&readers);
    let files = files.map(|(part, reader)| OpenFile { part, reader, places: HashMap::new() });
    let mut reading = Reading { shards, files: files.collect(), scratch: Scratch::default() };
    let (targets, shapes) = wishes(shards, asks);
    let mut by_value: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut rest: BTreeMap<String, Vec<Asked>> = BTreeMap::new();
    for (place, (target, wishes)) in targets.iter().enumerate() {
        if let Some(value) = target.labels.get(label) {
            by_value.entry(value).or_default().push(place);
            continue;
        }
        // Its series may have the label each for itself.
        let mut found = Vec::new();
        reading.target(target, wishes, asks, &shapes, &mut found)?;
        for asked in found {
            let value = asked.series.labels.get(label).unwrap_or_default().to_owned();
            rest.entry(value).or_default().push(asked);
        }
    }
    let values: BTreeSet<String> =
        by_value.keys().map(|value| (*value).to_owned()).chain(rest.keys().cloned()).collect();
    for value in values {
        let mut found = rest.remove(&value).unwrap_or_default();
        for place in by_value.get(value.as_str()).into_iter().flatten() {
            let (target, wishes) = &targets[*place];
            reading.target(target, wishes, asks, &shapes, &mut found)?;
        }
        if !found.is_empty() && take(found).is_break() {
            break;
        }
    }
    Ok(())
}

/// Read for one condition after the other.
struct Single<'a>(&'a Shards);

impl Source for Single<'_> {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        Ok(select::read(self.0, matchers, want, take)?)
    }
}

/// The place of an ask, and which shapes it accepts, by their numbers.
type Accepted = (usize, Arc<Vec<bool>>);

/// A target and what is wanted of it.
type Wanted = (Arc<TargetState>, Arc<Wishes>);

/// What is wanted of targets whose labels the conditions do not tell apart.
#[derive(Debug)]
struct Wishes {
    series: Vec<Wish>,
    /// Their places in that list by the number of the shape; [`NONE`] for others.
    places: Vec<u32>,
    from_ms: i64,
    to_ms: i64,
}

/// A series that is wanted.
#[derive(Debug)]
struct Wish {
    shape: u32,
    /// The places of the asks that want it.
    asks: Vec<usize>,
    from_ms: i64,
    to_ms: i64,
    /// Whether its last sample will do.
    is_last: bool,
}

impl Wishes {
    fn new(asks: &[Ask], accepted: &[Accepted]) -> Self {
        let shapes = accepted.iter().map(|(_, shapes)| shapes.len()).max().unwrap_or(0);
        let mut series = Vec::new();
        let mut places = vec![NONE; shapes];
        for (shape, place) in places.iter_mut().enumerate() {
            let wants = |(_, shapes): &&Accepted| shapes.get(shape) == Some(&true);
            let of: Vec<usize> = accepted.iter().filter(wants).map(|(ask, _)| *ask).collect();
            let wants = || of.iter().map(|ask| asks[*ask].want);
            let (Some(from_ms), Some(to_ms)) =
                (wants().map(|want| want.from_ms).min(), wants().map(|want| want.to_ms).max())
            else {
                continue;
            };
            let is_last = wants().all(|want| want.is_last && want.to_ms == to_ms);
            *place = series.len() as u32;
            series.push(Wish { shape: shape as u32, asks: of, from_ms, to_ms, is_last });
        }
        let from_ms = series.iter().map(|wish| wish.from_ms).min().unwrap_or(i64::MAX);
        let to_ms = series.iter().map(|wish| wish.to_ms).max().unwrap_or(i64::MIN);
        Self { series, places, from_ms, to_ms }
    }

    fn place(&self, shape: u32) -> Option<u32> {
        self.places.get(shape as usize).copied().filter(|place| *place != NONE)
    }
}

/// Every target of which something is wanted, with what that is, and the labels of all shapes.
fn wishes(shards: &Shards, asks: &[Ask]) -> (Vec<Wanted>, Arc<Vec<Labels>>) {
    let known = shards.catalog.read();
    let mut accepted: BTreeMap<u32, Vec<Accepted>> = BTreeMap::new();
    for (place, ask) in asks.iter().enumerate() {
        for (target, shapes) in known.select(&ask.matchers).targets {
            accepted.entry(target.number).or_default().push((place, shapes));
        }
    }
    // By what identifies it: conditions that do not tell targets apart accept the same list.
    let mut same: HashMap<Vec<(usize, usize)>, Arc<Wishes>> = HashMap::new();
    let mut all = Vec::with_capacity(accepted.len());
    for (number, accepted) in accepted {
        let key = accepted.iter().map(|(ask, shapes)| (*ask, Arc::as_ptr(shapes) as usize));
        let wishes = same.entry(key.collect());
        let wishes = wishes.or_insert_with(|| Arc::new(Wishes::new(asks, &accepted)));
        all.push((Arc::clone(&known.targets[number as usize]), Arc::clone(wishes)));
    }
    (all, Arc::clone(&known.shapes))
}

/// A file that is read from.
struct OpenFile<'q> {
    part: &'q Part,
    reader: &'q Reader<'q>,
    /// By the address of what is wanted: the names it was worked out for, and the place of each
    /// wanted series by the file's number.
    places: HashMap<usize, (Arc<Names>, Vec<u32>)>,
}

impl OpenFile<'_> {
    fn places(&mut self, names: &Arc<Names>, wishes: &Arc<Wishes>) -> &[u32] {
        let key = Arc::as_ptr(wishes) as usize;
        if self.places.get(&key).is_some_and(|(known, _)| !Arc::ptr_eq(known, names)) {
            self.places.remove(&key);
        }
        let (_, places) = self.places.entry(key).or_insert_with(|| {
            let size = names.known.keys().max().map_or(0, |most| *most as usize + 1);
            let mut places = vec![NONE; size];
            for (theirs, ours) in &names.known {
                places[*theirs as usize] = wishes.place(*ours).unwrap_or(NONE);
            }
            (Arc::clone(names), places)
        });
        places
    }
}

struct Reading<'q> {
    shards: &'q Shards,
    files: Vec<OpenFile<'q>>,
    scratch: Scratch,
}

impl Reading<'_> {
    /// Adds what is wanted of a target to `found`.
    fn target(
        &mut self,
        target: &TargetState,
        wishes: &Arc<Wishes>,
        asks: &[Ask],
        shapes: &[Labels],
        found: &mut Vec<Asked>,
    ) -> Result<(), Error> {
        // Memory first: what becomes a block meanwhile is then seen twice and not missed.
        let rows = target.recent(wishes.from_ms);
        let span = wishes.from_ms..=wishes.to_ms;
        let recent = rows.into_iter().map(|rows| rows.block(&span, |shape| wishes.place(shape)));
        let recent: Vec<Block> = recent.collect();
        self.scratch.begin(wishes.series.len());
        for block in &recent {
            for (place, bits) in &block.columns {
                let wish = &wishes.series[*place as usize];
                if wish.is_last && last_of(&block.times, bits, wish).is_some() {
                    self.scratch.settle(*place);
                }
            }
        }
        for file in &mut self.files {
            let outcome = stored(self.shards, file, target, wishes, &mut self.scratch);
            let path = || file.part.shard.path.clone();
            match outcome.map_err(|source| Error::Sql { path: path(), source }) {
                Err(error) if error.is_damage() => self.shards.damaged(format!("{error}")),
                other => other?,
            }
        }
        for Block { times, columns } in recent {
            for (place, bits) in columns {
                self.scratch.add(place, &wishes.series[place as usize], &times, bits);
            }
        }
        self.scratch.end(|place, samples| {
            let wish = &wishes.series[place as usize];
            let labels = target.labels.and(&shapes[wish.shape as usize]);
            for ask in &wish.asks {
                let Want { from_ms, to_ms, is_last, .. } = asks[*ask].want;
                let to = samples.partition_point(|sample| sample.at_ms <= to_ms);
                let from = samples[..to].partition_point(|sample| sample.at_ms < from_ms);
                let from = if is_last { from.max(to.saturating_sub(1)) } else { from };
                if from < to {
                    let samples = samples[from..to].to_vec();
                    let series = Series { labels: labels.clone(), samples };
                    found.push(Asked { ask: *ask, series, spacing_ms: 0 });
                }
            }
        });
        Ok(())
    }
}

/// The samples of one target by the places of wishes; kept for the next target, since most have
/// few of many.
#[derive(Debug, Default)]
struct Scratch {
    samples: Vec<Vec<Sample>>,
    /// Whose last sample was found.
    is_settled: Vec<bool>,
    /// Places that have samples.
    used: Vec<u32>,
    settled: Vec<u32>,
}

impl Scratch {
    fn begin(&mut self, places: usize) {
        let places = places.max(self.samples.len());
        self.samples.resize(places, Vec::new());
        self.is_settled.resize(places, false);
    }

    fn settle(&mut self, place: u32) {
        self.is_settled[place as usize] = true;
        self.settled.push(place);
    }

    /// Adds the samples of a column that a wish asks for.
    fn add(&mut self, place: u32, wish: &Wish, times: &[i64], bits: Vec<u64>) {
        let samples = &mut self.samples[place as usize];
        let was_empty = samples.is_empty();
        if wish.is_last {
            samples.extend(last_of(times, &bits, wish));
        } else {
            let wanted = [assemble::within(times, &(wish.from_ms..=wish.to_ms))];
            let column = Column { kept: Kept::Last, times, bits, wanted: &wanted };
            samples.extend(column.samples());
        }
        if was_empty && !samples.is_empty() {
            self.used.push(place);
        }
    }

    /// Gives the samples of each place, in order of time, and forgets them.
    fn end(&mut self, mut take: impl FnMut(u32, &[Sample])) {
        for place in self.used.drain(..) {
            let samples = &mut self.samples[place as usize];
            put_in_order(samples);
            take(place, samples);
            samples.clear();
        }
        for place in self.settled.drain(..) {
            self.is_settled[place as usize] = false;
        }
    }
}

/// Adds what the blocks of a file have; of series that are settled nothing.
fn stored(
    shards: &Shards,
    file: &mut OpenFile<'_>,
    target: &TargetState,
    wishes: &Arc<Wishes>,
    scratch: &mut Scratch,
) -> rusqlite::Result<()> {
    let (part, reader) = (file.part, file.reader);
    let names = part.shard.names();
    let Some(number) = names.targets.get(&target.number) else { return Ok(()) };
    let places = file.places(&names, wishes);
    let (from_ms, to_ms) = (part.from_ms.max(wishes.from_ms), part.to_ms.min(wishes.to_ms));
    // One state of the file: blocks must not be merged between being listed and being opened.
    let snapshot = reader.snapshot()?;
    for number in reader.blocks(*number, Kept::Last, from_ms, to_ms)? {
        let damaged = |what: &str| {
            shards.damaged(format!("{what}block {number} of {}", part.shard.path.display()));
        };
        let Some(block) = reader.block(number)? else {
            damaged("");
            continue;
        };
        let Some((first, last)) = block.head.times.first().zip(block.head.times.last()) else {
            continue;
        };
        for (column, (theirs, _)) in block.head.columns.iter().enumerate() {
            let place = places.get(*theirs as usize).copied().unwrap_or(NONE);
            let Some(wish) = wishes.series.get(place as usize) else { continue };
            if scratch.is_settled[place as usize] || *last < wish.from_ms || *first > wish.to_ms {
                continue;
            }
            match block.column(column)? {
                Some(bits) => scratch.add(place, wish, &block.head.times, bits),
                None => damaged("a series in "),
            }
        }
    }
    snapshot.commit()
}

/// The last sample of a column within a wish.
fn last_of(times: &[i64], bits: &[u64], wish: &Wish) -> Option<Sample> {
    let mut pairs = times.iter().zip(bits).rev();
    let (at_ms, bits) = pairs.find(|(time, bits)| {
        **bits != crate::ABSENT && (wish.from_ms..=wish.to_ms).contains(*time)
    })?;
    Some(Sample { at_ms: *at_ms, value: f64::from_bits(*bits) })
}
