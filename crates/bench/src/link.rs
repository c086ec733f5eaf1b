//! One connection to one member, shared by many clients, and a client's seat on it.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use etcd::wire::Message;
use etcd::wire::rpc::Rpc;
use etcd::{Cluster, Connector, Endpoint, Member};
use tokio::time::Instant;

use crate::record::{Fault, Method, Shard, Timing};

/// A connection.
pub(crate) struct Link {
    /// With this one member, for streams that go on over lost connections.
    pub(crate) cluster: Cluster,
    pub(crate) member: Member,
}

impl Link {
    pub(crate) fn new(connector: &Arc<Connector>, endpoint: Endpoint) -> Option<Arc<Self>> {
        let cluster = connector.cluster(vec![endpoint]);
        let member = cluster.each().first()?.clone();
        Some(Arc::new(Self { cluster, member }))
    }
}

/// What one client works with.
pub(crate) struct Seat {
    pub(crate) connector: Arc<Connector>,
    pub(crate) link: Arc<Link>,
    pub(crate) shard: Arc<Shard>,
    pub(crate) timing: Arc<OnceLock<Timing>>,
    pub(crate) timeout: Duration,
    pub(crate) random: fastrand::Rng,
}

impl Seat {
    /// Makes a call and counts it.
    pub(crate) async fn call<Req, Res>(
        &self,
        method: Method,
        rpc: &Rpc<Req, Res>,
        request: Req,
    ) -> Result<Res, Fault>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        self.shard.note_sent(method);
        match self.link.member.call(rpc, request, self.timeout).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                if error.is_unsent() {
                    self.shard.note_unsent(method);
                }
                Err(error.into())
            }
        }
    }

    /// Counts an operation of `kind` that began at `start` and ended just now.
    pub(crate) fn record(&self, kind: usize, start: Instant, result: Result<(), Fault>) {
        if let Some(timing) = self.timing.get() {
            self.shard.record(timing, kind, start, Instant::now(), result);
        }
    }
}
