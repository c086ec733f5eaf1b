//! A run from its checks to its result: nothing is written before all is well, and nothing stays.

use std::sync::Arc;

use etcd::wire::{etcdserverpb as pb, rpc};
use etcd::{ClientConfig, Cluster, Connector, Endpoint};
use futures::{TryStreamExt as _, stream};
use jiff::Timestamp;
use pb::request_op::Request;
use tokio_util::sync::CancellationToken;

use crate::engine::{self, Job, Progress};
use crate::error::Error;
use crate::members::{self, Node};
use crate::objection::Objection;
use crate::outcome::{Environment, Outcome};
use crate::pattern::Pattern;
use crate::safety;
use crate::spec::{Kind, Length, Pace, Spec};
use crate::workload::Ground;

/// Transactions that fill the key space at the same time.
const FILLERS: usize = 16;
/// Most keys, and about the most bytes, in one of them.
const FILL_KEYS: u64 = 100;
const FILL_BYTES: usize = 256 << 10;

/// A run that was checked and may be made.
pub struct Run {
    spec: Spec,
    connector: Arc<Connector>,
    cluster: Cluster,
    nodes: Vec<Node>,
    targets: Vec<Endpoint>,
    /// Objections that were overruled.
    overruled: Vec<Objection>,
}

impl Run {
    /// Finds the members and checks that they may be given load; with `force`, objections are kept as
    /// remarks.
    ///
    /// # Errors
    /// [`Error::Unsafe`] with every objection, and whatever keeps members from answering.
    pub async fn check(
        spec: Spec,
        client: ClientConfig,
        endpoints: &[Endpoint],
        force: bool,
    ) -> Result<Self, Error> {
        let connector = Connector::new(client)?;
        let nodes = members::find(&connector, endpoints).await?;
        let targets = members::targets(&nodes, &spec.target)?;
        let all = nodes.iter().map(|node| node.member.endpoint().clone()).collect();
        let cluster = connector.cluster(all);
        let looked = safety::objections(&nodes, &cluster, &spec).await;
        let objections = looked.map_err(|error| error.about(&spec.prefix))?;
        if !objections.is_empty() && !force {
            return Err(Error::Unsafe(objections));
        }
        Ok(Self { spec, connector, cluster, nodes, targets, overruled: objections })
    }

    /// What is about to happen, for the user.
    pub fn announcement(&self) -> String {
        let Spec { kind, prefix, keys, clients, .. } = &self.spec;
        let pace = match &self.spec.pace {
            Pace::Closed => format!("{clients} clients in a closed loop"),
            Pace::Open { profile, .. } => {
                let rate = profile.told();
                format!("{rate} operations/s in an open loop, at most {clients} under way")
            }
        };
        let length = match self.spec.length {
            Length::Time(time) => format!("{time:?}"),
            Length::Operations(total) => format!("{total} operations"),
        };
        let megabytes = self.spec.key_space_bytes() as f64 / 1e6;
        format!(
            "{}: {pace}, {length} after a warm-up of {:?}, on {} of {} members; up to {keys} keys under \
             {prefix:?} ({megabytes:.1} MB) are written and removed again",
            kind.as_str(),
            self.spec.warm_up,
            self.targets.len(),
            self.nodes.len(),
        )
    }

    /// Makes the load, removes what it wrote, and tells what came of it.
    ///
    /// When `interrupt` is cancelled it ends early, with the results until then.
    pub async fn make(
        self,
        now: Timestamp,
        program: &str,
        interrupt: &CancellationToken,
        on_progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<Outcome, Error> {
        let id = format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), self.spec.kind.as_str());
        let environment = Environment::of_this_machine(program);
        let marker = format!("{program} bench {id}");
        let marked = safety::mark(&self.cluster, &self.spec.prefix, &marker).await;
        marked.map_err(|error| error.about(&self.spec.prefix))?;
        let made = self.load(interrupt, on_progress).await;
        let removed = safety::remove(&self.cluster, &self.spec.prefix).await;
        let (measured, members) = made?;
        let mut outcome = Outcome::new(id, now, &self.spec, measured, members, environment);
        outcome.cluster_id =
            self.nodes.first().map(|node| node.status.header.cluster_id.to_string());
        outcome.remarks = self.overruled.iter().map(|what| format!("forced: {what}")).collect();
        if self.spec.kind == Kind::Mirror {
            let unknown = self.spec.pattern.iter().flat_map(Pattern::unknown);
            outcome.remarks.extend(unknown);
        }
        if let Err(error) = removed {
            outcome.remarks.push(format!(
                "its keys could not be removed ({error}: {}); `etcd-monitor bench clean` does it later",
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
            ));
        }
        Ok(outcome)
    }

    async fn load(
        &self,
        interrupt: &CancellationToken,
        on_progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<(engine::Measured, Vec<members::MemberWindow>), Error> {
        let ground = Ground::new(&self.spec);
        if self.spec.kind.needs_keys() {
            tokio::select! {
                filled = self.fill(&ground) => filled?,
                () = interrupt.cancelled() => {}
            }
        }
        let (connector, targets) = (Arc::clone(&self.connector), self.targets.clone());
        let ready = engine::prepare(Job { ground, connector, targets }).await?;
        let before = members::look(&self.nodes, true).await;
        let measured = ready.drive(interrupt, on_progress).await;
        let after = members::look(&self.nodes, false).await;
        Ok((measured, members::between(&self.nodes, &before, &after)))
    }

    /// Writes every key of the key space once.
    async fn fill(&self, ground: &Ground) -> Result<(), Error> {
        let keys = ground.keys.count();
        let one = self.spec.key_bytes + self.spec.prefix.len() + self.spec.value_bytes.max_bytes;
        let step = FILL_KEYS.min((FILL_BYTES / one.max(1)).max(1) as u64);
        let chunks = (0..keys.div_ceil(step)).map(|chunk| {
            let first = chunk * step;
            let mut random = fastrand::Rng::with_seed(self.spec.seed ^ first);
            let put = |number| {
                let (key, value) = (ground.keys.name(number), ground.values.make(&mut random));
                let put = pb::PutRequest { key, value, ..pb::PutRequest::default() };
                pb::RequestOp { request: Some(Request::RequestPut(put)) }
            };
            let success = (first..(first + step).min(keys)).map(put).collect();
            let request = pb::TxnRequest { success, ..pb::TxnRequest::default() };
            Ok(self.cluster.change(&rpc::TXN, request, safety::PATIENCE))
        });
        let filling = stream::iter(chunks).try_buffer_unordered(FILLERS);
        filling.try_for_each(|_| async { Ok(()) }).await?;
        Ok(())
    }
}

/// Removes what a run left that could not end; answers how many keys there were, and how many others
/// are under the prefix.
pub async fn clean(
    client: ClientConfig,
    endpoints: Vec<Endpoint>,
    prefix: &str,
) -> Result<(u64, u64), Error> {
    let cluster = Connector::new(client)?.cluster(endpoints);
    safety::remove(&cluster, prefix).await
}
