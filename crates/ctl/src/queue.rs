//! Waiting in turn on a lease: the keys and the order that locks and elections of etcd's clients use.

use std::time::Duration;

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::mvccpb::event::EventType;
use etcd::wire::rpc;
use etcd::{LeaseKeeper, prefix_end};
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::range_request::{SortOrder, SortTarget};
use pb::request_op::Request;
use pb::response_op::Response;

use crate::failure::Failure;
use crate::session::Session;

/// A place in a queue: a key that lives as long as its lease.
///
/// The key is `<name>/<lease in hexadecimal>`; who was created first is first.
pub struct Place<'a> {
    session: &'a Session,
    prefix: Bytes,
    key: Bytes,
    lease: i64,
    /// When our key was created.
    created: i64,
    /// The newest revision that an answer was from.
    revision: i64,
}

/// A lease, and what keeps it alive.
pub struct Lease {
    /// The lease.
    pub id: i64,
    keeper: LeaseKeeper,
}

impl Lease {
    /// A new lease of `ttl_seconds`.
    pub async fn grant(session: &Session, ttl_seconds: i64) -> Result<Self, Failure> {
        let request = pb::LeaseGrantRequest { ttl: ttl_seconds, id: 0 };
        let granted = session.change(&rpc::LEASE_GRANT, request).await?;
        Ok(Self { id: granted.id, keeper: session.cluster().keep_alive(granted.id) })
    }

    /// Keeps it alive; returns when it is lost.
    pub async fn lost(&mut self) {
        while let Ok(Some(_)) = self.keeper.next().await {}
    }

    /// Ends it, and with it the key in a queue; that it cannot be ended is no failure, since it ends
    /// by itself.
    pub async fn revoke(&self, session: &Session) {
        let request = pb::LeaseRevokeRequest { id: self.id };
        let limit = session.timeout.min(Duration::from_secs(2));
        let _ = session.change_within(&rpc::LEASE_REVOKE, request, limit).await;
    }
}

impl<'a> Place<'a> {
    /// Joins the queue `name` with `value` at its end; where the lease has a place already, keeps it
    /// and changes its value.
    pub async fn join(
        session: &'a Session,
        name: &[u8],
        lease: i64,
        value: Bytes,
    ) -> Result<Self, Failure> {
        let prefix = prefix(name);
        let key: Bytes = [&prefix[..], format!("{lease:x}").as_bytes()].concat().into();
        let put = pb::PutRequest { key: key.clone(), value, lease, ..pb::PutRequest::default() };
        let own = pb::RangeRequest { key: key.clone(), ..pb::RangeRequest::default() };
        let request = pb::TxnRequest {
            compare: vec![created_at(&key, 0)],
            success: vec![op(Request::RequestPut(put))],
            failure: vec![op(Request::RequestRange(own))],
        };
        let answer = session.change(&rpc::TXN, request).await?;
        let revision = answer.header.map_or(0, |header| header.revision);
        let created = match answer.responses.into_iter().next().and_then(|one| one.response) {
            Some(Response::ResponseRange(range)) => {
                range.kvs.first().map_or(revision, |kv| kv.create_revision)
            }
            _ => revision,
        };
        Ok(Self { session, prefix, key, lease, created, revision })
    }

    /// Our key.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The newest revision that an answer was from.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Returns when all who came earlier are gone. Fails when our own key is gone by then, since the
    /// lease has ended.
    pub async fn first(&mut self) -> Result<(), Failure> {
        loop {
            let earlier = pb::RangeRequest {
                key: self.prefix.clone(),
                range_end: prefix_end(&self.prefix),
                limit: 1,
                keys_only: true,
                sort_order: SortOrder::Descend as i32,
                sort_target: SortTarget::Create as i32,
                max_create_revision: self.created - 1,
                ..pb::RangeRequest::default()
            };
            let found = self.session.read(&rpc::RANGE, earlier).await?;
            self.revision = found.header.map_or(0, |header| header.revision);
            let Some(before) = found.kvs.into_iter().next() else { break };
            gone(self.session, before.key, self.revision + 1).await?;
        }
        self.own().await?.map(|_| ()).ok_or_else(|| {
            Failure::error("mutex: session is expired")
                .with_detail(format!("lease {:016x} has ended while waiting", self.lease))
        })
    }

    /// Our key as it is now; `None` when it is gone.
    pub async fn own(&mut self) -> Result<Option<pb::RangeResponse>, Failure> {
        let request = pb::RangeRequest { key: self.key.clone(), ..pb::RangeRequest::default() };
        let found = self.session.read(&rpc::RANGE, request).await?;
        self.revision = found.header.map_or(0, |header| header.revision);
        let is_own = found.kvs.first().is_some_and(|kv| kv.create_revision == self.created);
        Ok(is_own.then_some(found))
    }

    /// Leaves the queue, unless the place is somebody else's by now.
    pub async fn leave(&self) -> Result<(), Failure> {
        let key = self.key.clone();
        let delete = pb::DeleteRangeRequest { key, ..pb::DeleteRangeRequest::default() };
        let request = pb::TxnRequest {
            compare: vec![created_at(&self.key, self.created)],
            success: vec![op(Request::RequestDeleteRange(delete))],
            failure: Vec::new(),
        };
        self.session.change(&rpc::TXN, request).await?;
        Ok(())
    }
}

/// What all keys of the queue `name` begin with.
pub fn prefix(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

/// The request for the first in the queue.
pub fn first_of(prefix: &Bytes) -> pb::RangeRequest {
    pb::RangeRequest {
        key: prefix.clone(),
        range_end: prefix_end(prefix),
        limit: 1,
        sort_order: SortOrder::Ascend as i32,
        sort_target: SortTarget::Create as i32,
        ..pb::RangeRequest::default()
    }
}

/// Returns when `key` is deleted at `revision` or later.
async fn gone(session: &Session, key: Bytes, revision: i64) -> Result<(), Failure> {
    let create = pb::WatchCreateRequest {
        key,
        start_revision: revision,
        ..pb::WatchCreateRequest::default()
    };
    let mut watch = session.cluster().watch(create);
    while let Some(answer) = watch.next().await? {
        if answer.canceled {
            return Err(cancelled(&answer));
        }
        if answer.events.iter().any(|event| event.r#type == EventType::Delete as i32) {
            return Ok(());
        }
    }
    Err(Failure::error("lost watcher waiting for delete"))
}

/// Why the server ended a watch.
pub fn cancelled(answer: &pb::WatchResponse) -> Failure {
    if answer.compact_revision > 0 {
        return Failure::error("etcdserver: mvcc: required revision has been compacted")
            .with_detail(format!("the oldest revision is {} now", answer.compact_revision));
    }
    Failure::error(format!("watch is canceled by the server ({})", answer.cancel_reason))
}

fn created_at(key: &Bytes, revision: i64) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Create as i32,
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        range_end: Bytes::new(),
    }
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}
