//! The client against real members of every supported version.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod faults;
mod mistakes;
mod ready_made;
mod rotation;
mod watching;

use std::time::Duration;

use etcd::{ClientConfig, Connector, Endpoint, Member, Scheme};
use testbed::{Cluster, EtcdVersion, Security};

/// Long enough for anything that works, on a busy machine.
const AMPLE: Duration = Duration::from_secs(10);

/// A cluster of one member.
async fn single(version: EtcdVersion, security: Security) -> Cluster {
    Cluster::builder(version).members(1).security(security).start().await.unwrap()
}

/// The newest version at hand, if any is.
fn newest() -> Option<EtcdVersion> {
    EtcdVersion::available().pop()
}

fn endpoint(cluster: &Cluster, index: usize) -> Endpoint {
    Endpoint::parse(&cluster.member(index).client_url(), Scheme::Http).unwrap()
}

/// A client of the member at `index`, with a connection of its own.
fn member(cluster: &Cluster, index: usize, config: ClientConfig) -> Member {
    Connector::new(config).unwrap().member(endpoint(cluster, index))
}
