//! mirror: the operations that were recorded of another cluster, each as often as there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::mvccpb::Event;
use etcd::wire::rpc;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use pb::request_op::Request;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Client, Done, Ground};
use super::{lease, watch};
use crate::link::Seat;
use crate::pattern::Pattern;
use crate::record::{Fault, Method};

pub(super) struct Mirror {
    ground: Ground,
    pattern: Arc<Pattern>,
    seat: Seat,
    lease: Option<i64>,
}

impl Mirror {
    pub(super) fn new(ground: Ground, pattern: Arc<Pattern>, seat: Seat) -> Self {
        Self { ground, pattern, seat, lease: None }
    }

    async fn run(&mut self) -> Done {
        let kind = self.pick();
        let result = match kind {
            0 => self.read().await,
            1 => self.write().await,
            2 => self.delete().await,
            3 => self.transact().await,
            4 => self.grant().await,
            _ => self.keep_alive().await,
        };
        Done { kind, result }
    }

    /// Which operation comes next, as an index into their names.
    fn pick(&mut self) -> usize {
        let rates = self.pattern.rates.each();
        let mut chance = self.seat.random.f64() * self.pattern.rates.total();
        for (kind, rate) in rates.iter().enumerate() {
            if chance < *rate {
                return kind;
            }
            chance -= rate;
        }
        rates.iter().position(|rate| *rate > 0.0).unwrap_or(0)
    }

    /// A read of as many keys as reads returned on the average.
    fn range(&mut self) -> pb::RangeRequest {
        let count = self.ground.keys.count();
        let mean = self.pattern.keys_per_read.max(1.0);
        // The mean is kept where it is no whole number.
        let more = u64::from(self.seat.random.f64() < mean.fract());
        let length = (mean as u64 + more).clamp(1, count);
        let first = self.seat.random.u64(..=count - length);
        let key = self.ground.keys.name(first);
        let serializable = self.ground.spec.serializable;
        let range_end = if length > 1 {
            let last = self.ground.keys.name(first + length - 1);
            [&last[..], b"\0"].concat().into()
        } else {
            bytes::Bytes::new()
        };
        pb::RangeRequest { key, range_end, serializable, ..Default::default() }
    }

    fn put(&mut self) -> pb::PutRequest {
        let number = self.ground.keys.pick(&mut self.seat.random);
        pb::PutRequest {
            key: self.ground.keys.name(number),
            value: self.ground.values.make(&mut self.seat.random),
            ..Default::default()
        }
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let request = self.range();
        self.seat.call(Method::Range, &rpc::RANGE, request).await.map(drop)
    }

    /// Notes that watchers are to be told of a change of `key`.
    fn expect(&self, key: &[u8]) {
        let told = self.ground.audience.of_key(key);
        self.seat.shard.expected.fetch_add(told, Ordering::Relaxed);
    }

    async fn write(&mut self) -> Result<(), Fault> {
        let request = self.put();
        let key = request.key.clone();
        self.seat.call(Method::Put, &rpc::PUT, request).await?;
        self.expect(&key);
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Fault> {
        let key = self.put().key;
        let request = pb::DeleteRangeRequest { key: key.clone(), ..Default::default() };
        let answer = self.seat.call(Method::DeleteRange, &rpc::DELETE_RANGE, request).await?;
        // Nobody is told where there was nothing.
        if answer.deleted > 0 {
            self.expect(&key);
        }
        Ok(())
    }

    /// One operation under a condition that always holds, as most clients use transactions.
    async fn transact(&mut self) -> Result<(), Fault> {
        let writes = self.seat.random.f64() < self.pattern.txn_write_ratio;
        let (key, request) = if writes {
            let put = self.put();
            (put.key.clone(), Request::RequestPut(put))
        } else {
            let range = self.range();
            (range.key.clone(), Request::RequestRange(range))
        };
        let written = key.clone();
        let compare = pb::Compare {
            result: pb::compare::CompareResult::Greater.into(),
            target: pb::compare::CompareTarget::Mod.into(),
            key,
            target_union: Some(pb::compare::TargetUnion::ModRevision(-1)),
            ..Default::default()
        };
        let request = pb::TxnRequest {
            compare: vec![compare],
            success: vec![pb::RequestOp { request: Some(request) }],
            ..Default::default()
        };
        let answer = self.seat.call(Method::Txn, &rpc::TXN, request).await?;
        if writes && answer.succeeded {
            self.expect(&written);
        }
        Ok(())
    }

    async fn grant(&mut self) -> Result<(), Fault> {
        self.lease = Some(lease::grant(&self.seat).await?);
        Ok(())
    }

    /// Of its own lease, or a new one's.
    async fn keep_alive(&mut self) -> Result<(), Fault> {
        let id = match self.lease {
            Some(id) => id,
            None => lease::grant(&self.seat).await?,
        };
        self.lease = Some(id);
        self.seat.shard.note_sent(Method::LeaseKeepAlive);
        let kept = self.seat.link.cluster.keep_alive_once(id, self.seat.timeout).await;
        if !kept.is_ok_and(|answer| answer.ttl > 0) {
            self.lease = None;
            return Err(Fault::new("lease_gone", "the lease had ended"));
        }
        Ok(())
    }
}

/// Begins the watcher of a number; it goes on until `finish`.
pub(crate) async fn begin(
    ground: &Ground,
    seat: Seat,
    number: u64,
    finish: CancellationToken,
) -> Result<(), etcd::Error> {
    let receive: fn(&Seat, &Event, Instant) = |seat, _, _| {
        seat.shard.received.fetch_add(1, Ordering::Relaxed);
    };
    watch::follow(ground.audience.request(number), seat, receive, finish).await
}

impl Client for Mirror {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
