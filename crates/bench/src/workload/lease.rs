//! lease: grants a lease, keeps it alive, revokes it, in turn.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Client, Done};
use crate::link::Seat;
use crate::record::{Fault, Method};

/// How long a lease lives that nobody revokes, seconds: those of a run that was killed are gone soon.
pub(super) const TTL_SECONDS: i64 = 60;

pub(super) struct Lease {
    seat: Seat,
    /// Its lease, and whether it was kept alive already.
    held: Option<(i64, bool)>,
}

impl Lease {
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat, held: None }
    }

    async fn run(&mut self) -> Done {
        match self.held {
            None => {
                let granted = grant(&self.seat).await;
                self.held = granted.as_ref().ok().map(|id| (*id, false));
                Done::new(0, granted)
            }
            Some((id, false)) => {
                self.held = Some((id, true));
                self.seat.shard.note_sent(Method::LeaseKeepAlive);
                let kept = self.seat.link.cluster.keep_alive_once(id, self.seat.timeout).await;
                let result = match kept {
                    Ok(answer) if answer.ttl > 0 => Ok(()),
                    Ok(_) => Err(Fault::new("lease_gone", "the lease had ended")),
                    Err(error) => Err(error.into()),
                };
                Done::new(1, result)
            }
            Some((id, true)) => {
                self.held = None;
                Done::new(2, revoke(&self.seat, id).await)
            }
        }
    }
}

/// A new lease.
pub(super) async fn grant(seat: &Seat) -> Result<i64, Fault> {
    let request = pb::LeaseGrantRequest { ttl: TTL_SECONDS, id: 0 };
    Ok(seat.call(Method::LeaseGrant, &rpc::LEASE_GRANT, request).await?.id)
}

pub(super) async fn revoke(seat: &Seat, id: i64) -> Result<(), Fault> {
    let request = pb::LeaseRevokeRequest { id };
    seat.call(Method::LeaseRevoke, &rpc::LEASE_REVOKE, request).await.map(drop)
}

impl Client for Lease {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
