//! Writing keys of a file to a cluster, so that the same may be done again at any time: what is there
//! already is not written twice, and nothing that changed meanwhile is lost.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use backup::keyfile::KeyLine;
use bytes::Bytes;
use etcd::KeyValue;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use futures::stream::{FuturesUnordered, StreamExt as _};
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;

use crate::failure::Failure;
use crate::go;
use crate::session::Session;

/// Size at which a transaction is full; etcd takes 1.5 MiB.
const FULL_BYTES: usize = 1 << 20;
/// Transactions on the way at once.
const IN_FLIGHT: usize = 8;
/// Longest time for one transaction, other members asked included.
const LIMIT: Duration = Duration::from_mins(1);
/// How often a transaction is made anew as others write the same keys.
const ATTEMPTS: usize = 20;

/// What to do with a key that is there with another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// End with an error.
    Refuse,
    /// Leave it.
    IfAbsent,
    /// Write the file's value.
    Overwrite,
}

/// How to write.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to do with keys that differ.
    pub policy: Policy,
    /// Whether leases are granted anew, under their numbers, instead of keys without one.
    pub with_leases: bool,
    /// Whether nothing is written.
    pub is_dry: bool,
    /// Most operations in one transaction.
    pub max_ops: usize,
}

/// What became of keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Keys that were not there.
    pub created: u64,
    /// Keys that had another value.
    pub overwritten: u64,
    /// Keys that were as in the file.
    pub same: u64,
    /// Keys that had another value and keep it.
    pub kept: u64,
    /// Keys whose lease had ended.
    pub expired: u64,
    /// Keys that are in the way; only when nothing is written.
    pub conflicts: u64,
}

impl Tally {
    /// All keys that were looked at.
    pub fn keys(&self) -> u64 {
        self.there() + self.expired + self.conflicts
    }

    /// Keys that are there now.
    pub fn there(&self) -> u64 {
        self.created + self.overwritten + self.same + self.kept
    }

    fn add(&mut self, other: Self) {
        self.created += other.created;
        self.overwritten += other.overwritten;
        self.same += other.same;
        self.kept += other.kept;
        self.expired += other.expired;
        self.conflicts += other.conflicts;
    }
}

/// Leases that are there, so that each is granted once.
type Granted = Rc<RefCell<HashSet<i64>>>;

/// Keys on their way to a cluster.
pub struct Transfer<'a> {
    session: &'a Session,
    options: Options,
    /// Leases that were granted.
    granted: Granted,
    batch: Vec<KeyLine>,
    batch_bytes: usize,
    under_way: FuturesUnordered<futures::future::LocalBoxFuture<'a, Result<Tally, Failure>>>,
    /// What has become of keys so far.
    pub tally: Tally,
}

impl<'a> Transfer<'a> {
    /// To a cluster.
    pub fn new(session: &'a Session, options: Options) -> Self {
        Self {
            session,
            options,
            granted: Granted::default(),
            batch: Vec::new(),
            batch_bytes: 0,
            under_way: FuturesUnordered::new(),
            tally: Tally::default(),
        }
    }

    /// Takes a key; each comes once.
    pub async fn add(&mut self, line: KeyLine) -> Result<(), Failure> {
        if self.options.with_leases && line.lease != 0 && line.lease_ttl_seconds <= 0 {
            self.tally.expired += 1;
            return Ok(());
        }
        // The key stands in the comparison and in the operation.
        let size = line.key.len() * 3 + line.value.len() + 64;
        if !self.batch.is_empty()
            && (self.batch.len() >= self.options.max_ops || self.batch_bytes + size > FULL_BYTES)
        {
            self.send();
        }
        self.batch_bytes += size;
        self.batch.push(line);
        while self.under_way.len() >= IN_FLIGHT {
            self.finish_one().await?;
        }
        Ok(())
    }

    /// Waits until all keys are there.
    pub async fn finish(&mut self) -> Result<(), Failure> {
        self.send();
        while !self.under_way.is_empty() {
            self.finish_one().await?;
        }
        Ok(())
    }

    fn send(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if !batch.is_empty() {
            let (session, options) = (self.session, self.options.clone());
            let granted = self.granted.clone();
            let work = async move { write(session, &options, &granted, batch).await };
            self.under_way.push(Box::pin(work));
        }
    }

    async fn finish_one(&mut self) -> Result<(), Failure> {
        if let Some(done) = self.under_way.next().await {
            self.tally.add(done?);
        }
        Ok(())
    }
}

/// Writes some keys at once: first as if none were there, then what the answer leaves to do.
async fn write(
    session: &Session,
    options: &Options,
    granted: &Granted,
    batch: Vec<KeyLine>,
) -> Result<Tally, Failure> {
    if options.with_leases && !options.is_dry {
        grant(session, granted, &batch).await?;
    }
    // What is there, as far as it is known; at first nothing is.
    let mut there: Vec<Option<KeyValue>> = vec![None; batch.len()];
    let mut is_known = !options.is_dry;
    for _ in 0..ATTEMPTS {
        let (tally, puts) = decide(options, &batch, &there)?;
        if is_known && (puts.is_empty() || options.is_dry) {
            return Ok(tally);
        }
        let request = transaction(options, &batch, &there, &puts, is_known);
        let reply = match session.insist(&rpc::TXN, request, LIMIT).await {
            Ok(reply) => reply,
            Err(error) if is_lost_lease(&error) && options.with_leases => {
                for line in &batch {
                    granted.borrow_mut().remove(&line.lease);
                }
                grant(session, granted, &batch).await?;
                continue;
            }
            Err(error) => return Err(explained(error.into(), &batch)),
        };
        if reply.succeeded && is_known {
            return Ok(tally);
        }
        there = found(&reply);
        is_known = true;
    }
    let first = go::quote(&batch[0].key);
    Err(Failure::error(format!(
        "others write the same keys all the time, {first} or others near it"
    )))
}

/// What becomes of each key, and which are to be written.
fn decide(
    options: &Options,
    batch: &[KeyLine],
    there: &[Option<KeyValue>],
) -> Result<(Tally, Vec<usize>), Failure> {
    let (mut tally, mut puts) = (Tally::default(), Vec::new());
    for (index, (line, there)) in batch.iter().zip(there).enumerate() {
        let Some(there) = there else {
            tally.created += 1;
            puts.push(index);
            continue;
        };
        let has_lease = !options.with_leases || there.lease == line.lease;
        if there.value == line.value && has_lease {
            tally.same += 1;
            continue;
        }
        match options.policy {
            Policy::IfAbsent => tally.kept += 1,
            Policy::Overwrite => {
                tally.overwritten += 1;
                puts.push(index);
            }
            Policy::Refuse if options.is_dry => tally.conflicts += 1,
            Policy::Refuse => {
                let (key, revision) = (go::quote(&line.key), there.mod_revision);
                let text = format!(
                    "{key} is there with another value or lease, written at revision {revision}"
                );
                return Err(Failure::error(text)
                    .with_detail("give --if-absent to leave such keys, or --overwrite"));
            }
        }
    }
    Ok((tally, puts))
}

/// Writes the keys at `puts` if all are as they were; else, and when nothing is known, reads all.
fn transaction(
    options: &Options,
    batch: &[KeyLine],
    there: &[Option<KeyValue>],
    puts: &[usize],
    is_known: bool,
) -> pb::TxnRequest {
    let reads = || {
        let read = |line: &KeyLine| {
            let key = line.key.clone().into();
            Request::RequestRange(pb::RangeRequest { key, ..pb::RangeRequest::default() })
        };
        batch.iter().map(read).map(op).collect()
    };
    if !is_known {
        return pb::TxnRequest { success: reads(), ..pb::TxnRequest::default() };
    }
    let unchanged = |index: &usize| pb::Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Mod as i32,
        key: batch[*index].key.clone().into(),
        // 0: it is not there.
        target_union: Some(TargetUnion::ModRevision(
            there[*index].as_ref().map_or(0, |there| there.mod_revision),
        )),
        range_end: Bytes::new(),
    };
    let put = |index: &usize| {
        let line = &batch[*index];
        op(Request::RequestPut(pb::PutRequest {
            key: line.key.clone().into(),
            value: line.value.clone().into(),
            lease: if options.with_leases { line.lease } else { 0 },
            ..pb::PutRequest::default()
        }))
    };
    pb::TxnRequest {
        compare: puts.iter().map(unchanged).collect(),
        success: puts.iter().map(put).collect(),
        failure: reads(),
    }
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

/// What the reads of a transaction found.
fn found(reply: &pb::TxnResponse) -> Vec<Option<KeyValue>> {
    let one = |op: &pb::ResponseOp| match &op.response {
        Some(Response::ResponseRange(range)) => range.kvs.first().cloned(),
        _ => None,
    };
    reply.responses.iter().map(one).collect()
}

/// Grants the leases of some keys; one that is there already is taken as it is.
async fn grant(session: &Session, granted: &Granted, batch: &[KeyLine]) -> Result<(), Failure> {
    let leases: BTreeMap<i64, i64> = batch
        .iter()
        .filter(|line| line.lease != 0 && !granted.borrow().contains(&line.lease))
        .map(|line| (line.lease, line.lease_ttl_seconds))
        .collect();
    for (id, ttl) in leases {
        let request = pb::LeaseGrantRequest { ttl, id };
        match session.insist(&rpc::LEASE_GRANT, request, LIMIT).await {
            Err(error) if !error.message().contains("lease already exists") => {
                return Err(Failure::from(error).with_detail(format!("lease {id:x}")));
            }
            _ => {}
        }
        granted.borrow_mut().insert(id);
    }
    Ok(())
}

fn is_lost_lease(error: &etcd::Error) -> bool {
    error.server_said().is_some_and(|(_, text)| text.contains("requested lease not found"))
}

/// The failure with what helps.
fn explained(failure: Failure, batch: &[KeyLine]) -> Failure {
    let largest = batch.iter().max_by_key(|line| line.value.len());
    if failure.message.contains("too many operations") {
        return failure.with_detail("give a smaller --max-txn-ops, as the server has it");
    }
    if failure.message.contains("request is too large")
        && let Some(largest) = largest
    {
        let (key, size) = (go::quote(&largest.key), largest.value.len());
        let text = format!("{key} has {size} bytes: raise --max-request-bytes of the server");
        return failure.with_detail(text);
    }
    failure
}
