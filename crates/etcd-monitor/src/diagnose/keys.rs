//! Has the keys of a cluster counted, on the member that minds it least.

use etcd::{Connector, Endpoint};
use model::clock::{Clock as _, SystemClock};
use monitor::config::ClusterConfig;
use monitor::keyspace::{Budget, KeySpace, least_busy, scan};
use monitor::view::ClusterView;

/// What is stored in the cluster, or why that cannot be told.
pub(super) async fn of(config: &ClusterConfig, view: &ClusterView) -> Result<KeySpace, String> {
    let endpoint = least_busy(view).and_then(|member| member.endpoint.as_deref());
    let endpoint = endpoint.ok_or("no member is healthy, and a scan is a load")?;
    let endpoint = Endpoint::parse(endpoint, config.default_scheme());
    let endpoint = endpoint.map_err(|error| error.to_string())?;
    let connector = Connector::new(config.client()).map_err(|error| error.to_string())?;
    let member = connector.member(endpoint);
    let found = scan(&member, &Budget::default(), SystemClock.now(), || None).await;
    found.map_err(|error| error.to_string())
}
