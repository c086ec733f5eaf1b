//! Copying the keys of one cluster to another, and following their changes.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::mvccpb::Event;
use etcd::wire::mvccpb::event::EventType;
use etcd::wire::{Message as _, rpc};
use etcd::{KeyValue, Pages, prefix_end};
use futures::stream::{FuturesUnordered, StreamExt as _};
use pb::request_op::Request;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::queue::cancelled;
use crate::session::Session;

/// Keys asked for at once.
const PAGE_KEYS: i64 = 1000;
/// Pages that wait to be written.
const PAGES_AHEAD: usize = 4;
/// Transactions on the way to the destination: it writes many with one commit of its disk.
const IN_FLIGHT: usize = 32;
/// Size at which a transaction is full; etcd takes 1.5 MiB.
const FULL_BYTES: usize = 1 << 20;
/// Longest time for one read or write, other members asked included.
const LIMIT: Duration = Duration::from_mins(1);

/// What to mirror, and under which name.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// What the keys begin with.
    pub prefix: Bytes,
    /// What takes its place at the destination.
    pub dest_prefix: Bytes,
    /// Most operations in one transaction.
    pub max_ops: usize,
}

/// How far a mirror has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Keys written or deleted so far.
    pub keys: AtomicU64,
    /// Up to which revision all changes have been made at the destination; 0 before the first.
    pub revision: AtomicI64,
}

impl Mirror {
    /// Copies all keys as they are at one revision, which is answered.
    pub async fn copy(
        &self,
        source: &Session,
        dest: &Session,
        progress: &Progress,
    ) -> Result<i64, Failure> {
        let (pages, written) = mpsc::channel(PAGES_AHEAD);
        let reading = self.read(source, pages);
        let writing = self.write(dest, written, progress);
        let (revision, ()) = tokio::try_join!(reading, writing)?;
        progress.revision.store(revision, Ordering::Relaxed);
        Ok(revision)
    }

    async fn read(
        &self,
        source: &Session,
        pages: mpsc::Sender<Vec<KeyValue>>,
    ) -> Result<i64, Failure> {
        let mut ranges = Pages::new(self.range());
        let mut revision = 0;
        while let Some(range) = ranges.next(PAGE_KEYS) {
            let (key, range_end) = range.clone();
            let request = pb::RangeRequest {
                key,
                range_end,
                limit: PAGE_KEYS,
                revision,
                ..pb::RangeRequest::default()
            };
            let page = source.insist(&rpc::RANGE, request, LIMIT).await?;
            if revision == 0 {
                revision = page.header.map_or(0, |header| header.revision);
            }
            ranges.learn(range, PAGE_KEYS, &page.kvs, page.more);
            // A writer that has failed tells so itself.
            if pages.send(page.kvs).await.is_err() {
                break;
            }
        }
        Ok(revision)
    }

    async fn write(
        &self,
        dest: &Session,
        mut pages: mpsc::Receiver<Vec<KeyValue>>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let mut under_way = FuturesUnordered::new();
        while let Some(page) = pages.recv().await {
            let mut batch = Batch::default();
            for kv in page {
                let op = self.put(kv);
                if batch.is_full(&op, self.max_ops) {
                    if under_way.len() >= IN_FLIGHT {
                        under_way.next().await.transpose()?;
                    }
                    under_way.push(std::mem::take(&mut batch).send(dest, progress));
                }
                batch.add(op);
            }
            under_way.push(batch.send(dest, progress));
        }
        while under_way.next().await.transpose()?.is_some() {}
        Ok(())
    }

    /// Makes all changes from `revision` on; ends only with an error.
    pub async fn follow(
        &self,
        source: &Session,
        dest: &Session,
        revision: i64,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let (key, range_end) = self.range();
        let create = pb::WatchCreateRequest {
            key,
            range_end,
            start_revision: revision,
            ..pb::WatchCreateRequest::default()
        };
        let mut watch = source.cluster().watch(create);
        while let Some(answer) = watch.next().await? {
            if answer.canceled {
                return Err(cancelled(&answer));
            }
            for batch in self.batches(answer.events) {
                let revision = batch.revision;
                // One after the other, or a later change might come before an earlier one.
                batch.send(dest, progress).await?;
                progress.revision.store(revision, Ordering::Relaxed);
            }
        }
        Err(Failure::error("the watch ended"))
    }

    /// Events in transactions: what changed at one revision stays together where that is possible,
    /// and a key is not written twice in one.
    fn batches(&self, events: Vec<Event>) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut batch = Batch::default();
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let revision = revision_of(&event);
            let mut group = vec![event];
            while let Some(event) = events.next_if(|event| revision_of(event) == revision) {
                group.push(event);
            }
            let ops: Vec<_> = group.into_iter().map(|event| self.op(event)).collect();
            let size: usize = ops.iter().map(pb::RequestOp::encoded_len).sum();
            let fits = batch.ops.len() + ops.len() <= self.max_ops
                && batch.bytes + size <= FULL_BYTES
                && !ops.iter().any(|op| batch.has(op));
            if !fits && !batch.ops.is_empty() {
                batches.push(std::mem::take(&mut batch));
            }
            for op in ops {
                if batch.is_full(&op, self.max_ops) {
                    batches.push(std::mem::take(&mut batch));
                }
                batch.add(op);
                batch.revision = revision;
            }
        }
        if !batch.ops.is_empty() {
            batches.push(batch);
        }
        batches
    }

    fn op(&self, event: Event) -> pb::RequestOp {
        let kv = event.kv.unwrap_or_default();
        if event.r#type == EventType::Delete as i32 {
            let key = self.renamed(&kv.key);
            let delete = pb::DeleteRangeRequest { key, ..pb::DeleteRangeRequest::default() };
            return pb::RequestOp { request: Some(Request::RequestDeleteRange(delete)) };
        }
        self.put(kv)
    }

    fn put(&self, kv: KeyValue) -> pb::RequestOp {
        let key = self.renamed(&kv.key);
        let put = pb::PutRequest { key, value: kv.value, ..pb::PutRequest::default() };
        pb::RequestOp { request: Some(Request::RequestPut(put)) }
    }

    fn renamed(&self, key: &Bytes) -> Bytes {
        match key.strip_prefix(&self.prefix[..]) {
            Some(rest) if self.prefix != self.dest_prefix => {
                [&self.dest_prefix[..], rest].concat().into()
            }
            _ => key.clone(),
        }
    }

    fn range(&self) -> (Bytes, Bytes) {
        prefix_range(&self.prefix)
    }
}

/// The first key that begins with `prefix`, and the end of all that do.
pub fn prefix_range(prefix: &Bytes) -> (Bytes, Bytes) {
    let key = if prefix.is_empty() { Bytes::from_static(b"\0") } else { prefix.clone() };
    (key, prefix_end(prefix))
}

fn revision_of(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

/// One transaction in the making.
#[derive(Debug, Default, PartialEq)]
struct Batch {
    ops: Vec<pb::RequestOp>,
    bytes: usize,
    /// Of the last event in it.
    revision: i64,
}

impl Batch {
    /// Whether `op` must go into the next one.
    fn is_full(&self, op: &pb::RequestOp, max_ops: usize) -> bool {
        let is_large = self.bytes + op.encoded_len() > FULL_BYTES;
        !self.ops.is_empty() && (self.ops.len() >= max_ops || is_large)
    }

    fn add(&mut self, op: pb::RequestOp) {
        self.bytes += op.encoded_len();
        self.ops.push(op);
    }

    fn has(&self, op: &pb::RequestOp) -> bool {
        self.ops.iter().any(|one| key_of(one) == key_of(op))
    }

    async fn send(self, dest: &Session, progress: &Progress) -> Result<(), Failure> {
        let count = self.ops.len() as u64;
        if count == 0 {
            return Ok(());
        }
        let request = pb::TxnRequest { success: self.ops, ..pb::TxnRequest::default() };
        // Writing the same once more does no harm, so it is repeated like a read.
        dest.insist(&rpc::TXN, request, LIMIT).await?;
        progress.keys.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

fn key_of(op: &pb::RequestOp) -> Option<&Bytes> {
    match op.request.as_ref()? {
        Request::RequestPut(put) => Some(&put.key),
        Request::RequestDeleteRange(delete) => Some(&delete.key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(key: &'static str, revision: i64, size: usize) -> Event {
        let kv = KeyValue {
            key: key.into(),
            value: vec![b'x'; size].into(),
            mod_revision: revision,
            ..KeyValue::default()
        };
        Event { kv: Some(kv), ..Event::default() }
    }

    fn keys(mirror: &Mirror, events: Vec<Event>) -> Vec<(i64, Vec<String>)> {
        let name = |op: &pb::RequestOp| String::from_utf8_lossy(key_of(op).unwrap()).into_owned();
        let batches = mirror.batches(events);
        batches.iter().map(|batch| (batch.revision, batch.ops.iter().map(name).collect())).collect()
    }

    fn mirror(max_ops: usize) -> Mirror {
        Mirror { prefix: "a/".into(), dest_prefix: "b/".into(), max_ops }
    }

    #[test]
    fn changes_go_together_but_a_key_never_twice_and_a_revision_never_in_parts() {
        let events = vec![event("a/1", 2, 1), event("a/2", 3, 1), event("a/1", 4, 1)];
        let expected = vec![(3, vec!["b/1".into(), "b/2".into()]), (4, vec!["b/1".into()])];
        assert_eq!(keys(&mirror(9), events), expected);
        let events =
            vec![event("a/1", 2, 1), event("a/2", 2, 1), event("a/3", 3, 1), event("a/4", 3, 1)];
        let expected =
            vec![(2, vec!["b/1".into(), "b/2".into()]), (3, vec!["b/3".into(), "b/4".into()])];
        assert_eq!(keys(&mirror(3), events), expected);
    }

    #[test]
    fn a_revision_with_more_than_one_transaction_holds_is_cut_and_large_values_go_alone() {
        let events = (0..5).map(|_| event("a/1", 2, 1)).collect();
        let sizes: Vec<usize> = mirror(2).batches(events).iter().map(|one| one.ops.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
        let events = vec![event("a/1", 2, FULL_BYTES), event("a/2", 3, FULL_BYTES)];
        assert_eq!(mirror(9).batches(events).len(), 2);
    }
}
