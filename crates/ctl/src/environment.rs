//! The environment of one command line: variables, and where clusters have names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::Path;

use crate::context::Context;

/// Reads the clusters that a configuration file of the monitor describes; the error says what is
/// wrong with the file, without its name.
pub type ClustersOf = fn(&Path) -> Result<Vec<Context>, String>;

/// Environment variables, as a snapshot: commands read no others; and what the program knows that a
/// command line does not say.
#[derive(Clone, Default)]
pub struct Environment {
    /// Those of etcdctl.
    etcdctl: BTreeMap<Vec<u8>, Vec<u8>>,
    others: BTreeMap<OsString, OsString>,
    clusters_of: Option<ClustersOf>,
    dns_server: Option<SocketAddr>,
}

impl Environment {
    /// From pairs such as those of [`std::env::vars_os`].
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let pairs = variables.into_iter();
        let (etcdctl, others): (Vec<_>, Vec<_>) =
            pairs.partition(|(name, _)| name.as_encoded_bytes().starts_with(b"ETCDCTL_"));
        let etcdctl = etcdctl.into_iter().map(|(name, value)| (bytes(name), bytes(value)));
        let others = others.into_iter().collect();
        Self { etcdctl: etcdctl.collect(), others, ..Self::default() }
    }

    /// With the means to read the clusters of the monitor's configuration.
    #[must_use]
    pub fn with_clusters_of(mut self, clusters_of: ClustersOf) -> Self {
        self.clusters_of = Some(clusters_of);
        self
    }

    /// With a DNS server to ask in place of this machine's.
    #[must_use]
    pub fn with_dns_server(mut self, server: SocketAddr) -> Self {
        self.dns_server = Some(server);
        self
    }

    /// The DNS server to ask; `None` for this machine's.
    pub(crate) fn dns_server(&self) -> Option<SocketAddr> {
        self.dns_server
    }

    /// Reads the clusters that the monitor's configuration at `path` describes.
    pub(crate) fn clusters_of(&self, path: &Path) -> Result<Vec<Context>, String> {
        self.clusters_of.map_or(Ok(Vec::new()), |read| read(path))
    }

    /// The value of a variable of etcdctl; an empty one counts as absent, as in etcdctl.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.etcdctl.get(name.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// Whether the variable of etcdctl is there at all, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.etcdctl.contains_key(name.as_bytes())
    }

    /// The names of all variables of etcdctl, in order.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.etcdctl.keys().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// The value of a variable that is not etcdctl's, if it is not empty.
    pub(crate) fn other(&self, name: &str) -> Option<&OsStr> {
        self.others.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The value of any variable, as text.
    pub(crate) fn any(&self, name: &str) -> Option<String> {
        let etcdctl = self.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        etcdctl.or_else(|| self.other(name).map(|value| value.to_string_lossy().into_owned()))
    }
}

/// The bytes of an argument or a variable; on Unix exactly those that were given.
pub(crate) fn bytes(text: OsString) -> Vec<u8> {
    text.into_encoded_bytes()
}

/// The variable that sets a flag, such as `ETCDCTL_WRITE_OUT`.
pub(crate) fn variable(flag: &str) -> String {
    format!("ETCDCTL_{}", flag.to_ascii_uppercase().replace('-', "_"))
}
