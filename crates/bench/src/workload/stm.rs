//! stm: reads a key and writes it if nobody else did meanwhile, again until it works.

use std::sync::atomic::Ordering;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request;
use tokio::time::Instant;

use super::{Client, Done, Ground};
use crate::link::Seat;
use crate::record::{Fault, Method};

pub(super) struct Stm {
    ground: Ground,
    seat: Seat,
}

impl Stm {
    pub(super) fn new(ground: Ground, seat: Seat) -> Self {
        Self { ground, seat }
    }

    async fn run(&mut self) -> Done {
        let end = Instant::now() + self.seat.timeout;
        let key = self.ground.keys.pick(&mut self.seat.random);
        loop {
            match self.attempt(key).await {
                Ok(true) => return Done::new(0, Ok(())),
                Ok(false) if Instant::now() < end => {
                    self.seat.shard.conflicts.fetch_add(1, Ordering::Relaxed);
                }
                Ok(false) => {
                    let text = "others were faster until the timeout; use more --keys";
                    return Done::new(0, Err::<(), _>(Fault::new("conflict", text)));
                }
                Err(fault) => return Done::new(0, Err::<(), _>(fault)),
            }
        }
    }

    /// Whether it was made.
    async fn attempt(&mut self, key: u64) -> Result<bool, Fault> {
        let key = self.ground.keys.name(key);
        let serializable = self.ground.spec.serializable;
        let read = pb::RangeRequest { key: key.clone(), serializable, ..Default::default() };
        let answer = self.seat.call(Method::Range, &rpc::RANGE, read).await?;
        let revision = answer.kvs.first().map_or(0, |kv| kv.mod_revision);
        let unchanged = pb::Compare {
            result: CompareResult::Equal as i32,
            target: CompareTarget::Mod as i32,
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(revision)),
            ..pb::Compare::default()
        };
        let value = self.ground.values.make(&mut self.seat.random);
        let put = pb::PutRequest { key, value, ..pb::PutRequest::default() };
        let request = pb::TxnRequest {
            compare: vec![unchanged],
            success: vec![pb::RequestOp { request: Some(Request::RequestPut(put)) }],
            failure: Vec::new(),
        };
        Ok(self.seat.call(Method::Txn, &rpc::TXN, request).await?.succeeded)
    }
}

impl Client for Stm {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
