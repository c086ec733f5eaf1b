//! What takes how much: by file, by metric, by cluster.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use model::series::{METRIC_NAME, Matcher};
use rusqlite::Connection;

use super::scan::{self, Wanted};
use super::{Progress, Report};
use crate::chunk::{Head, PREFIX};
use crate::error::Error;
use crate::level::{FileId, Level};
use crate::shard::{Kept, Shard};
use crate::view::View;
use crate::{ABSENT, bytes, column};

/// What takes how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of each file; of the finest level first, then the oldest.
    pub files: Vec<FileUsage>,
    /// Of each metric (the name of its series), by name.
    pub metrics: BTreeMap<String, Share>,
    /// Of each cluster, by name.
    pub clusters: BTreeMap<String, Share>,
    /// Of all series together.
    pub total: Share,
    /// First and last moment of samples, milliseconds since 1970 UTC; none without samples.
    pub span_ms: Option<(i64, i64)>,
}

/// What series take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many series.
    pub series: u64,
    /// How many samples, stale markers included; the figures beside coarser samples do not count.
    pub samples: u64,
    /// Bytes of their values. What a file has besides (times, names, index, free pages) is its own.
    pub bytes: u64,
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.series += other.series;
        self.samples += other.samples;
        self.bytes += other.bytes;
    }
}

/// What is in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUsage {
    /// Its name.
    pub name: String,
    /// How far apart its samples are.
    pub level: Level,
    /// On disk, with what SQLite keeps beside it.
    pub bytes: u64,
    /// Of its series.
    pub share: Share,
    /// First and last moment of samples, milliseconds since 1970 UTC; none without samples.
    pub span_ms: Option<(i64, i64)>,
}

/// By our numbers of target and shape.
type BySeries = HashMap<(u32, u32), Share>;

/// Counts what the series that any of `selectors` accepts take. What is damaged is not counted.
pub fn usage(view: &View, selectors: &[Vec<Matcher>], report: Report<'_>) -> Result<Usage, Error> {
    let shards = &view.shards;
    let wanted = Wanted::new(shards, selectors);
    let sizes = shards.sizes();
    let total = sizes.values().sum();
    let (mut usage, mut all, mut done) = (Usage::default(), BySeries::new(), 0);
    for (file, shard) in shards.all() {
        let (name, bytes) = (file.name(), sizes.get(&file).copied().unwrap_or_default());
        report(Progress { file: &name, done, total });
        done += bytes;
        let (series, span_ms) = match of_file(view, file, &shard, &wanted) {
            Err(error) if error.is_damage() => {
                shards.damaged(error.to_string());
                continue;
            }
            other => other?,
        };
        let mut share = Share::default();
        for (key, one) in series {
            share += one;
            let known = all.entry(key).or_default();
            *known += Share { series: 0, ..one };
            known.series = 1;
        }
        usage.span_ms = join(usage.span_ms, span_ms);
        usage.files.push(FileUsage { name, level: file.level, bytes, share, span_ms });
    }
    let known = shards.catalog.read();
    for ((target, shape), share) in all {
        let metric = known.shapes.get(shape as usize).and_then(|labels| labels.get(METRIC_NAME));
        let target = known.targets.get(target as usize);
        let cluster = target.and_then(|target| target.labels.get("cluster"));
        *usage.metrics.entry(metric.unwrap_or_default().to_owned()).or_default() += share;
        *usage.clusters.entry(cluster.unwrap_or_default().to_owned()).or_default() += share;
        usage.total += share;
    }
    Ok(usage)
}

fn join(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

fn of_file(
    view: &View,
    file: FileId,
    shard: &Shard,
    wanted: &Wanted,
) -> Result<(BySeries, Option<(i64, i64)>), Error> {
    let (mut series, mut span_ms) = (BySeries::new(), None);
    let reader = shard.reader()?;
    let sql = |source| Error::Sql { path: shard.path.clone(), source };
    let snapshot = reader.snapshot().map_err(sql)?;
    let names = shard.names();
    let targets = scan::targets(&names);
    for number in scan::all(&snapshot).map_err(sql)? {
        let Some(record) = scan::record(&snapshot, number).map_err(sql)? else { continue };
        let Some(target) = targets.get(&record.target) else { continue };
        let Some(head) = Head::read(&record.data) else { continue };
        let is_counted = record.figure == Kept::Last as i64;
        for (shape, place) in &head.columns {
            let Some(shape) = names.known.get(shape) else { continue };
            let sealed = record.data.get(place.clone()).and_then(bytes::unseal);
            let samples = sealed.and_then(|column| column::count(column, head.times.len()));
            let (Some(samples), true) = (samples, wanted.has(*target, *shape)) else { continue };
            let samples = if is_counted { samples as u64 } else { 0 };
            let bytes = place.len() as u64;
            add(&mut series, (*target, *shape), samples, bytes);
            span_ms = join(span_ms, Some((record.from_ms, record.to_ms)));
        }
    }
    let row_bytes = row_bytes(&snapshot).map_err(sql)?;
    drop(snapshot);
    drop(reader);
    for (target, segment) in shard.replay(file.first_day, &view.shards.catalog)?.segments {
        let bytes = row_bytes.get(&(segment.number as i64)).copied().unwrap_or_default();
        let block = segment.all().block(&(i64::MIN..=i64::MAX), Some);
        let share = bytes / block.columns.len().max(1) as u64;
        for (shape, column) in &block.columns {
            if wanted.has(target, *shape) {
                let samples = column.iter().filter(|bits| **bits != ABSENT).count() as u64;
                add(&mut series, (target, *shape), samples, share);
                span_ms =
                    join(span_ms, block.times.first().copied().zip(block.times.last().copied()));
            }
        }
    }
    Ok((series, span_ms))
}

fn add(series: &mut BySeries, key: (u32, u32), samples: u64, bytes: u64) {
    let known = series.entry(key).or_default();
    *known = Share { series: 1, samples: known.samples + samples, bytes: known.bytes + bytes };
}

/// Bytes of each segment's rows.
fn row_bytes(connection: &Connection) -> rusqlite::Result<HashMap<i64, u64>> {
    let mut query =
        connection.prepare("SELECT segment, sum(length(row)) FROM head GROUP BY segment")?;
    query.query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?.collect()
}

impl Head {
    /// Reads the head at the front of a whole block.
    fn read(block: &[u8]) -> Option<Self> {
        let (length, rest) = block.split_first_chunk::<PREFIX>()?;
        Self::decode(rest.get(..u32::from_le_bytes(*length) as usize)?)
    }
}
