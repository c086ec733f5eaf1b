//! The environment variables of one command line.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Environment variables, as a snapshot: commands read no others.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<Vec<u8>, Vec<u8>>);

impl Environment {
    /// From pairs such as those of [`std::env::vars_os`]; only those of etcdctl are kept.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let pairs = variables.into_iter();
        let ours = pairs.filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ETCDCTL_"));
        Self(ours.map(|(name, value)| (bytes(name), bytes(value))).collect())
    }

    /// The value of a variable; an empty one counts as absent, as in etcdctl.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// Whether the variable is there at all, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name.as_bytes())
    }

    /// The names of all variables, in order.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.0.keys().map(|name| String::from_utf8_lossy(name).into_owned())
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
