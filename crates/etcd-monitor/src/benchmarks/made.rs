//! Making one run: how the cluster is reached, and what becomes of the result.

use ::bench::outcome::{Ended, Origin};
use ::bench::{Error, Outcome, Run, Spec};
use etcd::{ClientConfig, Endpoint};
use jiff::Timestamp;
use monitor::fleet::ClusterHandle;
use server::Benchmarks;
use server::benchmarks::Running;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::version::VERSION;

/// A run that is to be made.
pub(super) struct Order {
    pub(super) cluster: String,
    pub(super) client: ClientConfig,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) spec: Spec,
    pub(super) origin: Origin,
    pub(super) now: Timestamp,
    /// What a run that could not end left is removed first.
    pub(super) clean: bool,
    pub(super) stop: CancellationToken,
}

/// How to reach the members of a cluster that answer.
pub(super) fn reach(cluster: &ClusterHandle) -> (ClientConfig, Vec<Endpoint>) {
    let config = cluster.config();
    let scheme = if config.tls.is_some() { etcd::Scheme::Https } else { etcd::Scheme::Http };
    let view = cluster.view();
    let members = view.members.iter().filter(|member| member.is_listed);
    let reached = members.filter_map(|m| m.endpoint.as_deref());
    // Those of the configuration say http or https themselves.
    let configured = config.parsed_endpoints();
    let scheme = configured.first().map_or(scheme, Endpoint::scheme);
    let mut endpoints: Vec<_> =
        reached.filter_map(|text| Endpoint::parse(text, scheme).ok()).collect();
    if endpoints.is_empty() {
        endpoints = configured;
    }
    (config.client(), endpoints)
}

/// Checks and makes it, and says meanwhile how it goes; `begun` hears when it was checked, or why not.
/// The result is not kept yet.
pub(super) async fn make(
    order: Order,
    benchmarks: Benchmarks,
    begun: oneshot::Sender<Result<(), String>>,
) -> Result<Outcome, Error> {
    let Order { cluster, client, endpoints, spec, origin, now, clean, stop } = order;
    let checked = async {
        if clean {
            ::bench::clean(client.clone(), endpoints.clone(), &spec.prefix).await?;
        }
        Run::check(spec, client, &endpoints, false).await
    };
    let run = match checked.await {
        Ok(run) => run,
        Err(error) => {
            let _ = begun.send(Err(error.line()));
            return Err(error);
        }
    };
    let _ = begun.send(Ok(()));
    let program = format!("etcd-monitor {}", *VERSION);
    let mut outcome =
        run.make(now, &program, &stop, &mut |progress| benchmarks.show_progress(progress)).await?;
    outcome.cluster = Some(cluster);
    outcome.origin = origin;
    Ok(outcome)
}

/// Says in a result that the monitor ended it, and why.
pub(super) fn mark(outcome: &mut Outcome, why: Option<String>) {
    if let (Ended::Interrupted, Some(why)) = (&outcome.ended, why) {
        outcome.ended = Ended::Stopped(why);
    }
}

/// The run as it is shown while it is under way.
pub(super) fn shown(order: &Order, operations: u64, rate: f64) -> Running {
    Running {
        cluster: order.cluster.clone(),
        kind: order.spec.kind,
        origin: order.origin,
        started_at: order.now,
        operations,
        rate,
        is_measured: false,
        share: 0.0,
        points: Vec::new(),
        stop: order.stop.clone(),
    }
}
