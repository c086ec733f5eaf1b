//! Which faults can be made on this machine, and why not the others.

use std::fmt;
use std::process::Command;
use std::sync::OnceLock;

use super::command::run;

/// What a fault may need beyond a user's rights and etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Network namespaces, a bridge, packet filters and shapers: root, `ip`, `tc` and `nft`.
    Network,
    /// Changing a running process's system calls: `strace`, and the right to attach.
    Tracing,
    /// A small disk: root, who may mount.
    Mounting,
}

/// A part that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {part} for faults here: {reason}")]
pub struct NotHere {
    part: Part,
    reason: String,
}

/// Tries each thing that a cluster's network and its faults take, in a namespace that ends with it.
const NETWORK: &str = "ip link add name probe0 type bridge
ip link add name probe1 type veth peer name probe2
tc qdisc add dev probe1 root tbf rate 1mbit burst 32kbit latency 100ms
nft add table inet probe
nft add chain inet probe input '{ type filter hook input priority 0; }'
nft add rule inet probe input numgen random mod 100 '<' 20 drop
";

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Network, Self::Tracing, Self::Mounting];

    /// Whether this machine has it; found out once.
    ///
    /// # Errors
    /// [`NotHere`] with the reason, fit for [`skip`](crate::version::skip).
    pub fn check(self) -> Result<(), NotHere> {
        static FOUND: [OnceLock<Result<(), NotHere>>; 3] = [const { OnceLock::new() }; 3];
        FOUND[self as usize].get_or_init(|| self.probe()).clone()
    }

    fn probe(self) -> Result<(), NotHere> {
        let mut command = match self {
            Self::Network => {
                let mut command = Command::new("unshare");
                command.args(["--net", "sh", "-ec", NETWORK]);
                command
            }
            Self::Tracing => {
                let mut command = Command::new("strace");
                command.args(["-qq", "-f", "-o", "/dev/null", "-e", "trace=fsync", "true"]);
                command
            }
            Self::Mounting => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
                command
            }
        };
        run(&mut command, "").map_err(|error| NotHere { part: self, reason: error.to_string() })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network namespaces",
            Self::Tracing => "strace",
            Self::Mounting => "mounts",
        })
    }
}

/// Whether this machine has all `parts`.
///
/// # Errors
/// The first that it does not have, and why.
pub fn lab(parts: &[Part]) -> Result<(), NotHere> {
    parts.iter().try_for_each(|part| part.check())
}
