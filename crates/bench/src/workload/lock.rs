//! lock: takes a lock as etcd's own recipe does, and gives it back.
//!
//! Whoever wants the lock writes a key of its own below it; the oldest key holds it, and the others
//! each wait until the one before theirs is gone.

use std::time::Duration;

use bytes::Bytes;
use etcd::prefix_end;
use etcd::wire::{etcdserverpb as pb, rpc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use pb::range_request::{SortOrder, SortTarget};
use tokio::time::{Instant, timeout_at};

use super::lease::{TTL_SECONDS, grant};
use super::{Client, Done, Ground};
use crate::link::Seat;
use crate::record::{Fault, Method};

/// A lease is replaced when it is this old, long before it ends.
const RENEW_AFTER: Duration = Duration::from_secs(TTL_SECONDS as u64 / 2);

pub(super) struct Lock {
    ground: Ground,
    seat: Seat,
    lease: Option<(i64, Instant)>,
}

impl Lock {
    pub(super) fn new(ground: Ground, seat: Seat) -> Self {
        Self { ground, seat, lease: None }
    }

    async fn run(&mut self) -> Done {
        let number = self.ground.keys.pick(&mut self.seat.random);
        let name = self.ground.keys.name(number);
        let prefix = self.ground.spec.prefix.as_bytes();
        // Below the prefix, beside the keys of other workloads.
        let lock = [prefix, b"lock/", &name[prefix.len() + 1..], b"/"].concat();
        let taken = self.acquire(&lock).await;
        let (own, result) = match taken {
            Ok(own) => (Some(own), Ok(())),
            Err((own, fault)) => (own, Err(fault)),
        };
        if let Some(key) = own {
            // The caller's clock stops here, though this is still to be done.
            let start = Instant::now();
            let is_held = result.is_ok();
            let request = pb::DeleteRangeRequest { key, ..pb::DeleteRangeRequest::default() };
            let call = self.seat.call(Method::DeleteRange, &rpc::DELETE_RANGE, request);
            let released = call.await.map(drop);
            if is_held {
                self.seat.record(1, start, released);
            }
        }
        Done::new(0, result)
    }

    /// The key that holds the lock; on failure, that which still waits for it.
    async fn acquire(&mut self, lock: &[u8]) -> Result<Bytes, (Option<Bytes>, Fault)> {
        let end = Instant::now() + self.seat.timeout;
        let lease = match self.lease {
            Some((id, since)) if since.elapsed() < RENEW_AFTER => id,
            _ => {
                let id = grant(&self.seat).await.map_err(|fault| (None, fault))?;
                self.lease = Some((id, Instant::now()));
                id
            }
        };
        let own: Bytes = [lock, format!("{lease:x}").as_bytes()].concat().into();
        let put = pb::PutRequest { key: own.clone(), lease, ..pb::PutRequest::default() };
        let put = self.seat.call(Method::Put, &rpc::PUT, put).await;
        let revision = put.map_err(|fault| (Some(own.clone()), fault))?;
        let revision = revision.header.map_or(0, |header| header.revision);
        match timeout_at(end, self.wait_for_turn(lock, revision)).await {
            Ok(Ok(())) => Ok(own),
            Ok(Err(fault)) => Err((Some(own), fault)),
            Err(_) => Err((Some(own), Fault::new("deadline", "the lock was not free in time"))),
        }
    }

    async fn wait_for_turn(&self, lock: &[u8], revision: i64) -> Result<(), Fault> {
        loop {
            let before = pb::RangeRequest {
                key: Bytes::copy_from_slice(lock),
                range_end: prefix_end(lock),
                limit: 1,
                keys_only: true,
                sort_order: SortOrder::Descend as i32,
                sort_target: SortTarget::Create as i32,
                max_create_revision: revision - 1,
                ..pb::RangeRequest::default()
            };
            let answer = self.seat.call(Method::Range, &rpc::RANGE, before).await?;
            let Some(holder) = answer.kvs.into_iter().next() else { return Ok(()) };
            let mut watch = self.seat.link.cluster.watch(pb::WatchCreateRequest {
                key: holder.key,
                start_revision: answer.header.map_or(0, |header| header.revision) + 1,
                ..pb::WatchCreateRequest::default()
            });
            while let Some(answer) = watch.next().await? {
                if answer.events.iter().any(|event| event.r#type == DELETED) {
                    break;
                }
            }
        }
    }
}

const DELETED: i32 = etcd::wire::mvccpb::event::EventType::Delete as i32;

impl Client for Lock {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
