//! Which etcd versions are tested against, and where their binaries are.
//!
//! `scripts/etcd/get.sh` puts them into the cache directory; this module only looks there.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// A minor version of etcd that etcd-monitor supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EtcdVersion {
    /// The last version before the modular source tree; Debian 12 ships it.
    V3_4,
    /// The version with downgrade support in preparation and gRPC gateway at `/v3`.
    V3_5,
    /// The version that dropped the v2 store.
    V3_6,
    /// The newest one.
    V3_7,
}

/// A binary that has not been fetched yet.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no program of etcd {version} at {}; run scripts/etcd/get.sh {version}", path.display())]
pub struct Missing {
    /// The version that was asked for.
    pub version: EtcdVersion,
    /// Where it was looked for.
    pub path: PathBuf,
}

impl EtcdVersion {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::V3_4, Self::V3_5, Self::V3_6, Self::V3_7];

    /// The version as etcd's releases write it, such as `3.6`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3_4 => "3.4",
            Self::V3_5 => "3.5",
            Self::V3_6 => "3.6",
            Self::V3_7 => "3.7",
        }
    }

    /// The `etcd` binary of this version in the cache.
    pub fn binary(self) -> Result<PathBuf, Missing> {
        self.cached("etcd")
    }

    /// The `etcdctl` binary of this version in the cache.
    pub fn etcdctl(self) -> Result<PathBuf, Missing> {
        self.cached("etcdctl")
    }

    /// The `etcdutl` binary of this version in the cache; 3.4 has none.
    pub fn etcdutl(self) -> Result<PathBuf, Missing> {
        self.cached("etcdutl")
    }

    /// Those that are in the cache, oldest first; the others are reported by [`skip`].
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        for version in Self::ALL {
            match version.binary() {
                Ok(_) => found.push(version),
                Err(missing) => skip(&missing),
            }
        }
        found
    }

    fn cached(self, program: &str) -> Result<PathBuf, Missing> {
        let path = cache_dir().join("etcd").join(self.as_str()).join(program);
        if path.is_file() { Ok(path) } else { Err(Missing { version: self, path }) }
    }
}

impl fmt::Display for EtcdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says on standard error that something was not tested, and why.
///
/// # Panics
/// When the environment has `CI=true`: there, nothing may be left out in silence.
pub fn skip(reason: &dyn fmt::Display) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED, but CI=true: {reason}");
    // Not by eprintln, which the test harness keeps to itself when the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// The directory that scripts put fetched programs into.
pub(crate) fn cache_dir() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ETCD_MONITOR_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("etcd-monitor")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/etcd-monitor")))
        .unwrap_or_else(|| PathBuf::from(".cache/etcd-monitor"))
}

/// An etcd program and what it says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    /// The full version, such as `3.5.35`.
    pub(crate) version: String,
}

impl Binary {
    /// Asks the program at `path` for its version.
    pub(crate) fn inspect(path: &Path) -> Result<Self, Error> {
        let what = || format!("cannot run {}", path.display());
        let output = Command::new(path)
            .arg("--version")
            .env_clear()
            .output()
            .map_err(|source| Error::Io { what: what(), source })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: "));
        let version = version.ok_or_else(|| Error::NotEtcd { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), version: version.trim().to_owned() })
    }

    /// Whether it takes the flags that came with 3.5.
    pub(crate) fn is_at_least_3_5(&self) -> bool {
        let mut numbers = self.version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        (numbers.next(), numbers.next()) >= (Some(3), Some(5))
    }
}
