//! What makes a member who it is: its name, its addresses, and how its process is started.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::faults::delay::PeerProxy;
use crate::faults::network::Namespace;
use crate::ports::Port;

/// What does not change over a member's life.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) scheme: &'static str,
    pub(crate) client_port: Port,
    pub(crate) peer_port: Port,
    /// What stands in front of that port, if anything does.
    pub(crate) peer_proxy: Option<PeerProxy>,
    pub(crate) metrics_port: Option<Port>,
    /// Where it runs, unless it shares the caller's network.
    pub(crate) namespace: Option<Namespace>,
    /// Holds the member's log and data.
    pub(crate) dir: PathBuf,
}

impl Identity {
    fn address(&self) -> Ipv4Addr {
        self.namespace.as_ref().map_or(Ipv4Addr::LOCALHOST, Namespace::address)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}:{}", self.address(), self.client_port.number())
    }

    pub(crate) fn client_url(&self) -> String {
        format!("{}://{}", self.scheme, self.endpoint())
    }

    /// Where its peers reach it.
    pub(crate) fn peer_url(&self) -> String {
        let port = self.peer_proxy.as_ref().map_or(self.peer_port.number(), PeerProxy::port);
        format!("{}://{}:{port}", self.scheme, self.address())
    }

    /// Where it listens for its peers.
    pub(crate) fn peer_listen_url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.address(), self.peer_port.number())
    }

    pub(crate) fn metrics_url(&self) -> Option<String> {
        let port = self.metrics_port.as_ref()?;
        Some(format!("http://{}:{}", self.address(), port.number()))
    }
}

/// How its process is started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) binary: PathBuf,
    /// The flags that make it this member of this cluster.
    pub(crate) flags: Vec<String>,
    /// The process group that the cluster's janitor ends.
    pub(crate) group: i32,
}
