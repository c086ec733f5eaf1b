//! `elect`: takes part in an election, or watches who is elected.

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::mvccpb::event::EventType;
use etcd::wire::rpc;
use etcd::{KeyValue, prefix_end};

use super::Command;
use crate::answer::Got;
use crate::call::Call;
use crate::failure::Failure;
use crate::parse::Flag;
use crate::queue::{self, Lease, Place};
use crate::session::Session;
use crate::signal::interrupted;

/// `elect`.
pub(super) const ELECT: Command = Command::new(
    "elect",
    "elect <election-name> [proposal]",
    "Observes and participates in leader election",
    |call| Box::pin(run(call)),
)
.long(
    "\
With a proposal, waits until elected, prints the key and the proposal, and leads until interrupted.
With -l, prints who leads, at each change.",
)
.flags(&[Flag::bool("listen", "watch only").short('l')]);

/// Seconds after which one who led and vanished leads no more.
const TTL_SECONDS: i64 = 60;

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let listens = call.flags.bool("listen");
    let (name, proposal) = match (&call.args[..], listens) {
        ([name], true) => (name.clone(), None),
        ([name, proposal], false) => (name.clone(), Some(Bytes::from(proposal.clone()))),
        ([_], false) => return Err(Failure::bad_args("no proposal argument but -l not set")),
        ([_, _], true) => return Err(Failure::bad_args("proposal given but -l is set")),
        _ => {
            let text = "elect takes one election name argument and an optional proposal argument";
            return Err(Failure::bad_args(text));
        }
    };
    let session = call.session().await?;
    let Some(proposal) = proposal else { return observe(call, &session, &name).await };
    let mut lease = Lease::grant(&session, TTL_SECONDS).await?;
    let outcome = campaign(call, &session, &mut lease, &name, proposal).await;
    lease.revoke(&session).await;
    outcome
}

async fn campaign(
    call: &mut Call<'_>,
    session: &Session,
    lease: &mut Lease,
    name: &[u8],
    proposal: Bytes,
) -> Result<(), Failure> {
    let expired = || Failure::error("elect: session expired");
    let mut place = Place::join(session, name, lease.id, proposal).await?;
    tokio::select! {
        first = place.first() => first?,
        () = lease.lost() => return Err(expired()),
        () = interrupted() => {
            let left = place.leave().await;
            return left.and(Err(Failure::error("context canceled")));
        }
    }
    let own = place.own().await?.ok_or_else(expired)?;
    call.print(&Got(&own))?;
    call.flush()?;
    tokio::select! {
        () = interrupted() => place.leave().await,
        () = lease.lost() => Err(expired()),
    }
}

async fn observe(call: &mut Call<'_>, session: &Session, name: &[u8]) -> Result<(), Failure> {
    tokio::select! {
        outcome = follow(call, session, queue::prefix(name)) => outcome,
        () = interrupted() => Ok(()),
    }
}

/// Prints each leader and each of its proposals, without an end.
async fn follow(call: &mut Call<'_>, session: &Session, prefix: Bytes) -> Result<(), Failure> {
    loop {
        let found = session.read(&rpc::RANGE, queue::first_of(&prefix)).await?;
        let header = found.header.unwrap_or_default();
        let (header, leader) = match found.kvs.into_iter().next() {
            Some(leader) => (header, leader),
            None => first_put(session, &prefix, header.revision + 1).await?,
        };
        let key = leader.key.clone();
        show(call, header, leader)?;
        let create = pb::WatchCreateRequest {
            key,
            start_revision: header.revision + 1,
            ..pb::WatchCreateRequest::default()
        };
        let mut watch = session.cluster().watch(create);
        'reign: while let Some(answer) = watch.next().await? {
            if answer.canceled {
                return Err(queue::cancelled(&answer));
            }
            let header = answer.header.unwrap_or_default();
            for event in answer.events {
                if event.r#type == EventType::Delete as i32 {
                    break 'reign;
                }
                show(call, header, event.kv.unwrap_or_default())?;
            }
        }
    }
}

/// The first key that is written under `prefix`.
async fn first_put(
    session: &Session,
    prefix: &Bytes,
    revision: i64,
) -> Result<(pb::ResponseHeader, KeyValue), Failure> {
    let create = pb::WatchCreateRequest {
        key: prefix.clone(),
        range_end: prefix_end(prefix),
        start_revision: revision,
        filters: vec![pb::watch_create_request::FilterType::Nodelete as i32],
        ..pb::WatchCreateRequest::default()
    };
    let mut watch = session.cluster().watch(create);
    while let Some(answer) = watch.next().await? {
        if answer.canceled {
            return Err(queue::cancelled(&answer));
        }
        let header = answer.header.unwrap_or_default();
        if let Some(kv) = answer.events.into_iter().find_map(|event| event.kv) {
            return Ok((header, kv));
        }
    }
    Err(Failure::error("elect: observer lost"))
}

fn show(call: &mut Call<'_>, header: pb::ResponseHeader, leader: KeyValue) -> Result<(), Failure> {
    let kvs = vec![leader];
    let answer = pb::RangeResponse { header: Some(header), kvs, ..pb::RangeResponse::default() };
    call.print(&Got(&answer))?;
    call.flush()
}
