//! A simulated fleet: many clusters of many members in one process, cheap enough for load tests.
//!
//! Each member listens on its own loopback port and, as etcd does, answers gRPC and HTTP/1.1
//! there: Status, Range, MemberList, Alarm, Put, DeleteRange, LeaseGrant and LeaseRevoke, `/metrics`
//! (the page of an etcd 3.6 member, with values that move), `/version` and `/health`. No key is stored:
//! every read finds nothing. What the fleet says follows from time and from what was done to it,
//! so that an idle fleet costs nothing.
//!
//! It shows load and the wiring of failures. Whether a verdict is right is shown by real clusters.

mod answer;
mod member;
mod page;
mod rpc;
mod state;

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use etcd::AlarmKind;
use etcd_proto::etcdserverpb::AlarmType;
use tokio::net::TcpSocket;

pub use self::member::SimulatedMember;
use self::page::Template;
use self::state::{ClusterState, Identity};

/// What a fleet is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetConfig {
    /// How many clusters.
    pub clusters: usize,
    /// How many members each of them has, all voters.
    pub members_per_cluster: usize,
    /// How fast the revision of each cluster grows.
    pub writes_per_second: f64,
    /// How long each member waits before it answers; can be changed later for each.
    pub latency: Duration,
}

impl Default for FleetConfig {
    /// One cluster of three that takes 20 writes a second and answers at once.
    fn default() -> Self {
        Self {
            clusters: 1,
            members_per_cluster: 3,
            writes_per_second: 20.0,
            latency: Duration::ZERO,
        }
    }
}

/// A running fleet. It ends when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    clusters: Vec<SimulatedCluster>,
}

impl Fleet {
    /// Starts every member on a free port of 127.0.0.1 and elects the first of each cluster.
    ///
    /// Fails when no port or file descriptor is left: a member needs one, and one for each
    /// connection. Must be called within a tokio runtime, which then serves the fleet.
    pub fn start(config: &FleetConfig) -> io::Result<Self> {
        let template = Arc::new(Template::new(config.members_per_cluster));
        let mut clusters = Vec::with_capacity(config.clusters);
        for number in 1..=config.clusters {
            clusters.push(SimulatedCluster::start(number, config, &template)?);
        }
        Ok(Self { clusters })
    }

    /// The clusters, `sim-0001` first.
    pub fn clusters(&self) -> &[SimulatedCluster] {
        &self.clusters
    }

    /// A configuration of etcd-monitor that names every cluster and member.
    pub fn config_yaml(&self) -> String {
        let mut yaml = "clusters:\n".to_owned();
        for cluster in &self.clusters {
            let endpoints = cluster.endpoints();
            writeln!(yaml, "  - {{name: {}, endpoints: {endpoints:?}}}", cluster.name())
                .expect("invariant: a string takes all text");
        }
        yaml
    }
}

/// One cluster of the fleet.
#[derive(Debug)]
pub struct SimulatedCluster {
    state: Arc<ClusterState>,
    members: Vec<SimulatedMember>,
}

impl SimulatedCluster {
    fn start(number: usize, config: &FleetConfig, template: &Arc<Template>) -> io::Result<Self> {
        let name = format!("sim-{number:04}");
        let mut identities = Vec::new();
        let mut sockets = Vec::new();
        for position in 1..=config.members_per_cluster {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            identities.push(Identity::new(&name, position, socket.local_addr()?));
            sockets.push(socket);
        }
        let state = Arc::new(ClusterState::new(name, identities, config.writes_per_second));
        let members = sockets
            .into_iter()
            .enumerate()
            .map(|(index, socket)| {
                let (state, template) = (Arc::clone(&state), Arc::clone(template));
                SimulatedMember::start(state, index, template, socket, config.latency)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { state, members })
    }

    /// The name, such as `sim-0001`.
    pub fn name(&self) -> &str {
        self.state.name()
    }

    /// The members, in the order of the member list.
    pub fn members(&self) -> &[SimulatedMember] {
        &self.members
    }

    /// The client endpoints, `host:port`, in the order of the members.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(SimulatedMember::endpoint).collect()
    }

    /// The position of the leader among the members, while there is one.
    ///
    /// A cluster elects its first living member at once when it has a quorum and no leader; a real
    /// one takes about a second.
    pub fn leader(&self) -> Option<usize> {
        self.state.leader()
    }

    /// Hands leadership over, in a new term. Nothing happens if that member does not run or the
    /// cluster has no quorum.
    pub fn set_leader(&self, index: usize) {
        self.state.set_leader(index);
    }

    /// Raises an alarm on a member; NOSPACE makes the cluster refuse writes.
    pub fn raise_alarm(&self, index: usize, alarm: AlarmKind) {
        let number = match alarm {
            AlarmKind::Nospace => AlarmType::Nospace.into(),
            AlarmKind::Corrupt => AlarmType::Corrupt.into(),
            AlarmKind::Other(number) => number,
        };
        self.state.raise_alarm(index, number);
    }

    /// Disarms every alarm.
    pub fn disarm_alarms(&self) {
        self.state.disarm_alarms(None, None);
    }
}

#[cfg(test)]
mod tests;
