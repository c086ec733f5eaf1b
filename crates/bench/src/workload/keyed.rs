//! put, get, range, mixed and delete: one call on one key or a run of keys.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Client, Done, Ground};
use crate::link::Seat;
use crate::record::Method;
use crate::spec::Kind;

pub(super) struct Keyed {
    ground: Ground,
    seat: Seat,
    /// The key that `delete` wrote and is to delete next.
    written: Option<u64>,
}

impl Keyed {
    pub(super) fn new(ground: Ground, seat: Seat) -> Self {
        Self { ground, seat, written: None }
    }

    async fn put(&mut self, key: u64, kind: usize) -> Done {
        let request = pb::PutRequest {
            key: self.ground.keys.name(key),
            value: self.ground.values.make(&mut self.seat.random),
            ..pb::PutRequest::default()
        };
        Done::new(kind, self.seat.call(Method::Put, &rpc::PUT, request).await)
    }

    async fn delete(&mut self, key: u64) -> Done {
        let key = self.ground.keys.name(key);
        let request = pb::DeleteRangeRequest { key, ..pb::DeleteRangeRequest::default() };
        Done::new(1, self.seat.call(Method::DeleteRange, &rpc::DELETE_RANGE, request).await)
    }

    async fn read(&mut self, key: u64) -> Done {
        let spec = &self.ground.spec;
        let mut request = pb::RangeRequest {
            key: self.ground.keys.name(key),
            serializable: spec.serializable,
            keys_only: spec.keys_only,
            count_only: spec.count_only,
            ..pb::RangeRequest::default()
        };
        if spec.kind == Kind::Range {
            // As many keys for each, wherever it begins.
            let first = key.min(self.ground.keys.count() - spec.range_keys);
            request.key = self.ground.keys.name(first);
            // The end is after the last key and before the next one.
            let last = self.ground.keys.name(first + spec.range_keys - 1);
            request.range_end = [&last[..], b"\0"].concat().into();
        }
        Done::new(0, self.seat.call(Method::Range, &rpc::RANGE, request).await)
    }
}

impl Client for Keyed {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        let key = self.ground.keys.pick(&mut self.seat.random);
        match self.ground.spec.kind {
            Kind::Put => self.put(key, 0).boxed(),
            Kind::Mixed if self.seat.random.f64() >= self.ground.spec.read_ratio => {
                self.put(key, 1).boxed()
            }
            Kind::Delete => {
                if let Some(written) = self.written.take() {
                    return self.delete(written).boxed();
                }
                self.written = Some(key);
                self.put(key, 0).boxed()
            }
            _ => self.read(key).boxed(),
        }
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
