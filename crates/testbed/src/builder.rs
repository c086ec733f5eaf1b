//! Choosing what a cluster is like, and starting it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::certs::Certs;
use crate::faults::full_disk;
use crate::faults::network::Network;
use crate::janitor::Janitor;
use crate::member::{Member, data_dir};
use crate::plan::{Plan, base_dir};
use crate::version::Binary;
use crate::{Cluster, Error, EtcdVersion};

/// How often a start is tried when a port turns out to be taken.
const START_ATTEMPTS: usize = 3;

/// How a cluster is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// HTTP, and everybody may do everything.
    Plain,
    /// TLS, with client certificates required.
    Tls,
    /// TLS with client certificates required, and users with passwords: see
    /// [`Login`](crate::Login).
    TlsAuth,
}

impl Security {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Tls, Self::TlsAuth];
}

/// What a cluster will be like.
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    program: Program,
    members: usize,
    security: Security,
    quota_bytes: Option<u64>,
    metrics_urls: bool,
    durable: bool,
    in_namespaces: bool,
    peer_proxies: bool,
    /// A member's index, and the size of its disk.
    disks: Vec<(usize, u64)>,
    flags: Vec<String>,
}

#[derive(Debug, Clone)]
enum Program {
    Cached(EtcdVersion),
    At(PathBuf),
}

impl ClusterBuilder {
    pub(crate) fn with_version(version: EtcdVersion) -> Self {
        Self::new(Program::Cached(version))
    }

    pub(crate) fn with_binary(path: PathBuf) -> Self {
        Self::new(Program::At(path))
    }

    fn new(program: Program) -> Self {
        Self {
            program,
            members: 3,
            security: Security::Plain,
            quota_bytes: None,
            metrics_urls: false,
            durable: false,
            in_namespaces: false,
            peer_proxies: false,
            disks: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// How many members it starts with. Default: 3.
    #[must_use]
    pub fn members(mut self, count: usize) -> Self {
        self.members = count;
        self
    }

    /// How it is protected. Default: not at all.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Database size at which it refuses writes. Default: etcd's (2 GB).
    #[must_use]
    pub fn quota_bytes(mut self, bytes: u64) -> Self {
        self.quota_bytes = Some(bytes);
        self
    }

    /// Serves metrics in plain HTTP on a port of their own too. Default: no.
    #[must_use]
    pub fn metrics_urls(mut self, wanted: bool) -> Self {
        self.metrics_urls = wanted;
        self
    }

    /// Writes to disk as in production, instead of to memory and without fsync. Default: no.
    #[must_use]
    pub fn durable(mut self, wanted: bool) -> Self {
        self.durable = wanted;
        self
    }

    /// Gives each member a network namespace of its own, so that it can be
    /// [cut off](Member::cut_off). Needs root, and [`Part::Network`](crate::faults::Part) of the
    /// machine; starting fails without. Default: no, all are on 127.0.0.1.
    #[must_use]
    pub fn in_namespaces(mut self, wanted: bool) -> Self {
        self.in_namespaces = wanted;
        self
    }

    /// Puts a proxy in front of each member's peer port, so that links can be
    /// [slow](Member::delay_peers). Not together with [`Self::in_namespaces`]. Default: no.
    #[must_use]
    pub fn with_peer_proxies(mut self, wanted: bool) -> Self {
        self.peer_proxies = wanted;
        self
    }

    /// Gives the member at `index` a disk of its own, of `bytes` in memory, which can be
    /// [filled](Member::fill_disk). etcd reserves 128 MB for its log at once. Needs
    /// [`Part::Mounting`](crate::faults::Part) of the machine; starting fails without. Default:
    /// none has.
    #[must_use]
    pub fn disk_bytes(mut self, index: usize, bytes: u64) -> Self {
        self.disks.push((index, bytes));
        self
    }

    /// One more flag for every member, such as `--snapshot-count=100`.
    #[must_use]
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Starts the cluster and waits until all members agree on a leader.
    pub async fn start(&self) -> Result<Cluster, Error> {
        let path = match &self.program {
            Program::Cached(version) => version.binary()?,
            Program::At(path) => path.clone(),
        };
        let binary = Binary::inspect(&path)?;
        let mut attempt = 1;
        loop {
            match self.try_start(binary.clone()).await {
                Err(error) if error.is_port_taken() && attempt < START_ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn try_start(&self, binary: Binary) -> Result<Cluster, Error> {
        if self.in_namespaces && self.peer_proxies {
            let reason = "members are either in namespaces or behind proxies".to_owned();
            return Err(Error::Fault { what: "start a cluster".to_owned(), reason });
        }
        let base = base_dir(self.members, self.durable);
        let dir = tempfile::Builder::new()
            .prefix("etcd-monitor-testbed-")
            .tempdir_in(&base)
            .map_err(|source| Error::Io {
                what: format!("cannot create a directory in {}", base.display()),
                source,
            })?;
        let network = self.in_namespaces.then(Network::create).transpose()?;
        let name = network.as_ref().map(Network::name);
        let janitor = Janitor::start(dir.path(), name.as_deref())
            .inspect_err(|_| drop(network.as_ref().map(Network::remove)))?;
        // From here on the janitor removes both.
        let dir = dir.keep();
        let certs = match self.security {
            Security::Plain => None,
            Security::Tls | Security::TlsAuth => {
                let names = network.as_ref().map(Network::member_addresses).unwrap_or_default();
                Some(Certs::create_for(&dir.join("certs"), &names)?)
            }
        };
        let mut plan = Plan {
            binary,
            security: self.security,
            certs,
            dir,
            group: janitor.group(),
            quota_bytes: self.quota_bytes,
            metrics_urls: self.metrics_urls,
            durable: self.durable,
            network,
            delays: self.peer_proxies.then(Arc::default),
            flags: self.flags.clone(),
            named: 0,
        };
        let identities: Vec<_> =
            (0..self.members).map(|_| plan.next_identity()).collect::<Result<_, _>>()?;
        for (index, bytes) in &self.disks {
            if let Some(identity) = identities.get(*index) {
                full_disk::mount(&data_dir(&identity.dir), *bytes)?;
            }
        }
        let initial: Vec<_> = identities
            .iter()
            .map(|identity| format!("{}={}", identity.name, identity.peer_url()))
            .collect();
        let members = identities
            .into_iter()
            .map(|identity| {
                let launch = plan.launch(&identity, &initial, "new");
                Member::spawn(identity, launch, self.flags.clone())
            })
            .collect::<Result<_, _>>()?;
        Cluster::bootstrap(members, plan, janitor).await
    }
}
