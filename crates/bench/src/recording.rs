//! Recording what clients do to a cluster: the members' own counters over a while, a watch that is
//! bounded, and a look at some of the keys.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::mvccpb::event::EventType;
use etcd::{ClientConfig, Cluster, Connector, Endpoint, GetRequest, prefix_end};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::members::{self, MemberWindow};
use crate::pattern::{
    FORMAT, Look, MAX_RANKS, MAX_SHAPES, Pattern, Rank, Rates, Shape, Watchers, buckets,
};
use crate::safety::PATIENCE;

/// Most keys that are looked at.
const MAX_KEYS: usize = 20_000;
/// Keys whose values' sizes are asked for.
const VALUES: usize = 200;
/// Keys in one answer.
const PAGE: i64 = 1_000;
/// What the watch may bring before it is ended.
const MAX_EVENTS: usize = 200_000;
const MAX_EVENT_BYTES: usize = 256 << 20;

/// Records the keys under `prefix` (all of them, if it is empty) for `time`, or until `interrupt`.
///
/// # Errors
/// No member answers, or the keys may not be read.
pub async fn record(
    client: ClientConfig,
    endpoints: &[Endpoint],
    prefix: &str,
    time: Duration,
    now: Timestamp,
    interrupt: &CancellationToken,
) -> Result<Pattern, Error> {
    let connector = Connector::new(client)?;
    let nodes = members::find(&connector, endpoints).await?;
    let all = nodes.iter().map(|node| node.member.endpoint().clone()).collect();
    let cluster = connector.cluster(all);
    let salt = fastrand::u64(..);
    let mut remarks = Vec::new();
    let mut kept = keys(&cluster, prefix, salt, &mut remarks).await?;

    let (first, last) = range(prefix);
    let request = pb::WatchCreateRequest { key: first, range_end: last, ..Default::default() };
    let mut watch = cluster.watch(request);
    // What it answers first is that it has begun.
    if let Ok(begun) = tokio::time::timeout(PATIENCE, watch.next()).await {
        begun?;
    }
    let before = members::look(&nodes, true).await;
    let start = Instant::now();
    let end = start + time;
    let mut seen = Seen::default();
    loop {
        let answer = tokio::select! {
            biased;
            () = interrupt.cancelled() => break,
            answer = timeout_at(end, watch.next()) => answer,
        };
        match answer {
            Err(_) => break,
            Ok(Ok(Some(answer))) => seen.take(&answer, salt),
            Ok(Ok(None)) => {
                remarks
                    .push("the server ended the watch; writes after that are not seen".to_owned());
                break;
            }
            Ok(Err(error)) => return Err(error.into()),
        }
        if seen.events >= MAX_EVENTS || seen.bytes >= MAX_EVENT_BYTES {
            remarks.push(format!("recording ended after {} changes, which is enough", seen.events));
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    drop(watch);
    let after = members::look(&nodes, false).await;
    let windows = members::between(&nodes, &before, &after);
    if windows.iter().all(|window| window.counted.is_empty()) {
        remarks.push("no member's metrics could be read: only writes are known".to_owned());
    }
    let rate = |method: &str| {
        let counted = windows.iter().filter_map(|window| window.counted.get(method));
        counted.sum::<u64>() as f64 / seconds
    };
    let mut rates = Rates {
        range: rate("Range"),
        put: rate("Put"),
        delete: rate("DeleteRange"),
        txn: rate("Txn"),
        lease_grant: rate("LeaseGrant"),
        // A stream is opened once and kept: what is sent on it is not counted by metrics.
        lease_keep_alive: rate("LeaseKeepAlive"),
    };
    let (written, deleted) = (seen.puts as f64 / seconds, seen.deletes as f64 / seconds);
    if windows.iter().all(|window| window.counted.is_empty()) {
        (rates.put, rates.delete) = (written, deleted);
    }
    let by_txn = (written + deleted - rates.put - rates.delete).max(0.0);
    let txn_write_ratio = if rates.txn > 0.0 { (by_txn / rates.txn).min(1.0) } else { 0.0 };
    kept.sizes.extend(&seen.sizes);
    if kept.sizes.is_empty() {
        remarks.push("no value was seen; values of 256 bytes are assumed".to_owned());
        kept.sizes.push(256);
    }
    let value_bytes = buckets(&kept.sizes);
    let mean = |sizes: &[usize]| sizes.iter().sum::<usize>() as f64 / sizes.len().max(1) as f64;
    let mean_key = kept.looks.iter().map(|look| look.bytes).sum::<usize>() as f64
        / kept.looks.len().max(1) as f64;
    // What members sent, beyond the events of our own watch, is mostly what reads returned.
    let sent: u64 = windows.iter().filter_map(|window| window.client_sent_bytes).sum();
    let of_reads = (sent as f64 - seen.bytes as f64).max(0.0) / seconds;
    let reads = rates.range + rates.txn * (1.0 - txn_write_ratio);
    let one = mean(&kept.sizes) + mean_key + 64.0;
    let keys_per_read = if reads > 0.0 { (of_reads / reads / one).max(1.0) } else { 1.0 };
    Ok(Pattern {
        format: FORMAT,
        recorded_at: now,
        seconds,
        rates,
        keys: kept.count,
        shapes: shapes(&kept.looks, &seen.looks, &seen.distinct),
        value_bytes,
        keys_per_read,
        txn_write_ratio,
        distinct_ratio: seen.distinct.len() as f64 / (seen.events.max(1)) as f64,
        watchers: watchers(&windows, seen.events as f64, (rates.put + rates.delete) * seconds),
        remarks,
    })
}

/// Who watches besides us, who are told of the `seen` changes; there were `counted` at least.
fn watchers(windows: &[MemberWindow], seen: f64, counted: f64) -> Option<Watchers> {
    let sum = |of: fn(&MemberWindow) -> Option<u64>| -> Option<u64> {
        windows.iter().any(|w| of(w).is_some()).then(|| windows.iter().filter_map(of).sum())
    };
    let (count, events) = (sum(|w| w.watchers)?, sum(|w| w.watch_events)?);
    let events = (events as f64 - seen).max(0.0);
    let changes = seen.max(counted);
    let events_per_change = if changes > 0.0 { events / changes } else { 0.0 };
    Some(Watchers { count: count.saturating_sub(1), events_per_change })
}

/// How often keys are written that are written `counts` times.
fn ranks(mut counts: Vec<u64>) -> Vec<Rank> {
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let all: u64 = counts.iter().sum();
    let mut ranks = Vec::new();
    let mut first = 0;
    while first < counts.len() {
        let is_last = ranks.len() + 1 == MAX_RANKS;
        let end = if is_last { counts.len() } else { counts.len().min((first * 2).max(1)) };
        let share = counts[first..end].iter().sum::<u64>() as f64 / all.max(1) as f64;
        ranks.push(Rank { keys: (end - first) as u64, share });
        first = end;
    }
    ranks
}

/// The range of all keys under `prefix`.
fn range(prefix: &str) -> (Bytes, Bytes) {
    if prefix.is_empty() {
        (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"))
    } else {
        (Bytes::copy_from_slice(prefix.as_bytes()), prefix_end(prefix.as_bytes()))
    }
}

/// What was seen of keys that are there.
struct Kept {
    count: u64,
    looks: Vec<Look>,
    sizes: Vec<usize>,
}

async fn keys(
    cluster: &Cluster,
    prefix: &str,
    salt: u64,
    remarks: &mut Vec<String>,
) -> Result<Kept, Error> {
    let (mut first, last) = range(prefix);
    let mut names: Vec<Bytes> = Vec::new();
    let mut count = 0;
    while names.len() < MAX_KEYS {
        let request = GetRequest {
            key: first,
            range_end: last.clone(),
            limit: PAGE,
            keys_only: true,
            serializable: true,
            ..GetRequest::default()
        };
        let reply = cluster.get(request, PATIENCE).await?;
        count = names.len() as u64 + u64::try_from(reply.count).unwrap_or(0);
        let is_last = !reply.more;
        names.extend(reply.kvs.into_iter().map(|kv| kv.key));
        match names.last() {
            Some(name) if !is_last => first = [name, &b"\0"[..]].concat().into(),
            _ => break,
        }
    }
    if (names.len() as u64) < count {
        remarks.push(format!("the first {} of {count} keys were looked at", names.len()));
    }
    let mut random = fastrand::Rng::new();
    let mut sizes = Vec::new();
    for name in random.choose_multiple(names.iter(), VALUES) {
        let request = GetRequest { key: name.clone(), serializable: true, ..GetRequest::default() };
        let reply = cluster.get(request, PATIENCE).await?;
        sizes.extend(reply.kvs.first().map(|kv| kv.value.len()));
    }
    let looks = names.iter().map(|name| Look::of(name, salt)).collect();
    Ok(Kept { count, looks, sizes })
}

/// What the watch brought.
#[derive(Default)]
struct Seen {
    events: usize,
    bytes: usize,
    puts: u64,
    deletes: u64,
    looks: Vec<Look>,
    sizes: Vec<usize>,
    /// How often each key was changed: by the hashes of it and of its parent.
    distinct: HashMap<(u64, u64), u64>,
}

impl Seen {
    fn take(&mut self, answer: &pb::WatchResponse, salt: u64) {
        for event in &answer.events {
            let Some(kv) = &event.kv else { continue };
            self.events += 1;
            self.bytes += kv.key.len() + kv.value.len() + 64;
            let look = Look::of(&kv.key, salt);
            self.looks.push(look);
            // Of what would be its child the parent is the whole key.
            let key = Look::of(&[&kv.key[..], b"/"].concat(), salt).hash;
            *self.distinct.entry((look.hash, key)).or_default() += 1;
            if event.r#type == i32::from(EventType::Delete) {
                self.deletes += 1;
            } else {
                self.puts += 1;
                self.sizes.push(kv.value.len());
            }
        }
    }
}

/// What keys look like: those that are there, and those that were written, and how often each of them.
fn shapes(kept: &[Look], written: &[Look], distinct: &HashMap<(u64, u64), u64>) -> Vec<Shape> {
    #[derive(Default)]
    struct Group {
        depth: usize,
        bytes: usize,
        looks: usize,
        kept: usize,
        written: usize,
    }
    let mut groups: BTreeMap<u64, Group> = BTreeMap::new();
    let each = kept.iter().map(|look| (look, true)).chain(written.iter().map(|look| (look, false)));
    for (look, is_kept) in each {
        let group = groups.entry(look.hash).or_default();
        group.depth = group.depth.max(look.depth);
        group.bytes += look.bytes;
        group.looks += 1;
        *(if is_kept { &mut group.kept } else { &mut group.written }) += 1;
    }
    let mut counts: HashMap<u64, Vec<u64>> = HashMap::new();
    for ((parent, _), count) in distinct {
        counts.entry(*parent).or_default().push(*count);
    }
    let share = |part: usize, all: usize, none: f64| {
        if all == 0 { none } else { part as f64 / all as f64 }
    };
    let mut shape = |(hash, group): (u64, Group)| Shape {
        hash: format!("{hash:016x}"),
        depth: group.depth.min(256),
        bytes: (group.bytes / group.looks.max(1)).min(4_096),
        share: share(group.kept, kept.len(), 0.0),
        write_share: share(group.written, written.len(), share(group.kept, kept.len(), 1.0)),
        writes: ranks(counts.remove(&hash).unwrap_or_default()),
    };
    let mut shapes: Vec<Shape> = groups.into_iter().map(&mut shape).collect();
    let weight = |shape: &Shape| shape.share + shape.write_share;
    shapes.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.hash.cmp(&b.hash)));
    let rest = shapes.split_off(shapes.len().min(MAX_SHAPES));
    match shapes.first_mut() {
        Some(first) => {
            first.share += rest.iter().map(|shape| shape.share).sum::<f64>();
            first.write_share += rest.iter().map(|shape| shape.write_share).sum::<f64>();
            first.share = first.share.min(1.0);
            first.write_share = first.write_share.min(1.0);
        }
        None => shapes.push(Shape {
            hash: String::new(),
            depth: 1,
            bytes: 16,
            share: 1.0,
            write_share: 1.0,
            writes: Vec::new(),
        }),
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_keys_are_written_is_told_by_rank() {
        let told = ranks(vec![1, 60, 20, 10, 5, 3, 1]);
        let told: Vec<_> = told.iter().map(|rank| (rank.keys, rank.share)).collect();
        assert_eq!(told, [(1, 0.6), (1, 0.2), (2, 0.15), (3, 0.05)]);
        assert!(ranks(Vec::new()).is_empty());
        let many = ranks(vec![1; 100_000]);
        assert_eq!(many.iter().map(|rank| rank.keys).sum::<u64>(), 100_000);
        assert!(many.len() <= MAX_RANKS);
    }

    #[test]
    fn watchers_are_those_besides_us() {
        let window = |watchers, watch_events| MemberWindow {
            watchers: Some(watchers),
            watch_events: Some(watch_events),
            ..MemberWindow::default()
        };
        let told = watchers(&[window(4, 300), window(7, 0)], 100.0, 80.0);
        assert_eq!(told, Some(Watchers { count: 10, events_per_change: 2.0 }));
        assert_eq!(watchers(&[MemberWindow::default()], 100.0, 0.0), None);
    }

    #[test]
    fn shapes_tell_what_is_there_and_what_is_written() {
        let look = |key: &str| Look::of(key.as_bytes(), 7);
        let kept: Vec<_> = (0..90).map(|n| look(&format!("/a/b/{n:03}"))).collect();
        let written: Vec<_> = (0..10).map(|n| look(&format!("/c/{n:05}"))).collect();
        let found = shapes(&kept, &written, &HashMap::new());
        let told: Vec<_> =
            found.iter().map(|s| (s.depth, s.bytes, s.share, s.write_share)).collect();
        assert_eq!(told.len(), 2);
        assert!(told.contains(&(3, 8, 1.0, 0.0)) && told.contains(&(2, 8, 0.0, 1.0)), "{told:?}");
        assert_eq!(shapes(&[], &[], &HashMap::new())[0].share, 1.0);
        let many: Vec<_> = (0..500).map(|n| look(&format!("/{n}/x"))).collect();
        let found = shapes(&many, &[], &HashMap::new());
        assert_eq!(found.len(), MAX_SHAPES);
        assert!((found.iter().map(|shape| shape.share).sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
