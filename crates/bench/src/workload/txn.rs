//! txn-put and txn-mixed: transactions without conditions, of several operations.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use pb::request_op::Request;

use super::{Client, Done, Ground};
use crate::link::Seat;
use crate::record::Method;
use crate::spec::Kind;

pub(super) struct Txn {
    ground: Ground,
    seat: Seat,
}

impl Txn {
    pub(super) fn new(ground: Ground, seat: Seat) -> Self {
        Self { ground, seat }
    }

    async fn run(&mut self) -> Done {
        let spec = &self.ground.spec;
        let is_mixed = spec.kind == Kind::TxnMixed;
        let reads = is_mixed && self.seat.random.f64() < spec.read_ratio;
        let first = self.ground.keys.pick(&mut self.seat.random);
        let mut success = Vec::with_capacity(spec.txn_operations);
        // Neighbours: etcd takes a key only once in a transaction.
        for step in 0..spec.txn_operations as u64 {
            let key = self.ground.keys.name((first + step) % self.ground.keys.count());
            let request = if reads {
                let serializable = spec.serializable;
                Request::RequestRange(pb::RangeRequest { key, serializable, ..Default::default() })
            } else {
                let value = self.ground.values.make(&mut self.seat.random);
                Request::RequestPut(pb::PutRequest { key, value, ..Default::default() })
            };
            success.push(pb::RequestOp { request: Some(request) });
        }
        let request = pb::TxnRequest { success, ..pb::TxnRequest::default() };
        let result = self.seat.call(Method::Txn, &rpc::TXN, request).await;
        Done::new(usize::from(is_mixed && !reads), result)
    }
}

impl Client for Txn {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
