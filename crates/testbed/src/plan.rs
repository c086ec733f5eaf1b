//! How members are laid out and started: directories, ports, flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::certs::Certs;
use crate::faults::delay::{Delays, PeerProxy};
use crate::faults::network::Network;
use crate::identity::{Identity, Launch};
use crate::member::data_dir;
use crate::ports::{CLIENT_PORT, METRICS_PORT, PEER_PORT, Port};
use crate::version::Binary;
use crate::{Error, Security};

/// What one member takes in memory-backed storage: etcd reserves two 64 MB log segments.
const MEMBER_BYTES: u64 = 160 << 20;

/// What all members of a cluster have in common.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) binary: Binary,
    pub(crate) security: Security,
    pub(crate) certs: Option<Certs>,
    pub(crate) dir: PathBuf,
    /// The process group that the janitor ends.
    pub(crate) group: i32,
    pub(crate) quota_bytes: Option<u64>,
    pub(crate) metrics_urls: bool,
    pub(crate) durable: bool,
    /// Where each member has a namespace of its own, if they have.
    pub(crate) network: Option<Network>,
    /// Which links are slow, if members are behind proxies.
    pub(crate) delays: Option<Arc<Delays>>,
    /// Flags of the test's own, for each member's first start.
    pub(crate) flags: Vec<String>,
    /// How many members have been named so far; names are not used twice.
    pub(crate) named: usize,
}

impl Plan {
    /// A name, a directory and ports for one more member.
    pub(crate) fn next_identity(&mut self) -> Result<Identity, Error> {
        self.named += 1;
        let name = format!("m{}", self.named);
        let network = self.network.as_ref();
        let namespace = network.map(|network| network.add(self.named)).transpose()?;
        let port = |number| match namespace {
            Some(_) => Ok(Port::alone(number)),
            None => Port::reserve(),
        };
        let peer_port = port(PEER_PORT)?;
        let peer_proxy = match &self.delays {
            Some(delays) => Some(PeerProxy::start(&name, peer_port.number(), Arc::clone(delays))?),
            None => None,
        };
        Ok(Identity {
            scheme: if self.security == Security::Plain { "http" } else { "https" },
            client_port: port(CLIENT_PORT)?,
            peer_port,
            peer_proxy,
            metrics_port: if self.metrics_urls { Some(port(METRICS_PORT)?) } else { None },
            dir: self.dir.join(&name),
            name,
            namespace,
        })
    }

    /// How to start the member: as one of `initial_cluster` (`name=peer URL` each), which is `new`
    /// or `existing`.
    pub(crate) fn launch(
        &self,
        identity: &Identity,
        initial_cluster: &[String],
        state: &str,
    ) -> Launch {
        let client_url = identity.client_url();
        let peer_url = identity.peer_url();
        let mut flags = vec![
            format!("--name={}", identity.name),
            format!("--data-dir={}", data_dir(&identity.dir).display()),
            format!("--listen-client-urls={client_url}"),
            format!("--advertise-client-urls={client_url}"),
            format!("--listen-peer-urls={}", identity.peer_listen_url()),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster={}", initial_cluster.join(",")),
            format!("--initial-cluster-state={state}"),
            "--logger=zap".to_owned(),
            "--log-outputs=stderr".to_owned(),
        ];
        if let Some(url) = identity.metrics_url() {
            flags.push(format!("--listen-metrics-urls={url}"));
        }
        if let Some(bytes) = self.quota_bytes {
            flags.push(format!("--quota-backend-bytes={bytes}"));
        }
        if !self.durable && self.binary.is_at_least_3_5() {
            flags.push("--unsafe-no-fsync".to_owned());
        }
        if let Some(certs) = &self.certs {
            for prefix in ["", "peer-"] {
                flags.push(format!("--{prefix}cert-file={}", certs.server().cert_file.display()));
                flags.push(format!("--{prefix}key-file={}", certs.server().key_file.display()));
                flags.push(format!("--{prefix}trusted-ca-file={}", certs.ca_file().display()));
                flags.push(format!("--{prefix}client-cert-auth"));
            }
        }
        Launch { binary: self.binary.path.clone(), flags, group: self.group }
    }
}

/// Where to keep a cluster's files: in memory if it has room, since a shared disk makes etcd's own
/// timing swing; else, or for a test of durability, where temporary files go.
pub(crate) fn base_dir(members: usize, durable: bool) -> PathBuf {
    let memory = Path::new("/dev/shm");
    if !durable && free_bytes(memory) >= MEMBER_BYTES * members as u64 {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// How much can be written under `dir`; 0 when nothing can.
fn free_bytes(dir: &Path) -> u64 {
    let is_writable = fs::metadata(dir).is_ok_and(|metadata| !metadata.permissions().readonly());
    match rustix::fs::statvfs(dir) {
        Ok(stat) if is_writable => stat.f_bavail * stat.f_frsize,
        _ => 0,
    }
}
