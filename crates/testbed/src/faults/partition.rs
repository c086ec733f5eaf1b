//! Members that are cut off: from peers, from clients, from everybody, from one other, one way.
//!
//! Packets are dropped, not refused, inside the member's own namespace. Connections stay open and
//! nothing comes through them, as when a switch fails. Each fault is a table of `nft` of its own,
//! so faults add up and heal one by one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Fault;
use super::network::{INTERFACE, Namespace};
use crate::ports::{CLIENT_PORT, METRICS_PORT, PEER_PORT};
use crate::{Error, Member};

/// From whom a member is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOff {
    /// From all other members; clients still reach it.
    Peers,
    /// From all clients, and from whoever reads its metrics; it still takes part in the cluster.
    Clients,
    /// From everybody.
    Everybody,
}

impl Member {
    /// Drops all packets that it exchanges with some or with all.
    ///
    /// # Errors
    /// [`Error::Fault`] unless the cluster was built
    /// [`in_namespaces`](crate::ClusterBuilder::in_namespaces).
    pub fn cut_off(&self, from: CutOff) -> Result<Fault, Error> {
        let (ingoing, outgoing) = match from {
            // Either of two members may have opened their connection.
            CutOff::Peers => {
                let both = vec![format!("tcp dport {PEER_PORT}"), format!("tcp sport {PEER_PORT}")];
                (both.clone(), both)
            }
            CutOff::Clients => (
                vec![format!("tcp dport {{ {CLIENT_PORT}, {METRICS_PORT} }}")],
                vec![format!("tcp sport {{ {CLIENT_PORT}, {METRICS_PORT} }}")],
            ),
            CutOff::Everybody => (vec![String::new()], vec![String::new()]),
        };
        let what = format!("{} is cut off from {from:?}", self.name());
        drop_packets(self.namespace()?, what, &ingoing, &outgoing)
    }

    /// Drops all packets between it and `other`, in both directions.
    ///
    /// # Errors
    /// As [`Self::cut_off`].
    pub fn cut_off_from(&self, other: &Member) -> Result<Fault, Error> {
        let address = other.namespace()?.address();
        let what = format!("{} is cut off from {}", self.name(), other.name());
        let (ingoing, outgoing) = (format!("ip saddr {address}"), format!("ip daddr {address}"));
        drop_packets(self.namespace()?, what, &[ingoing], &[outgoing])
    }

    /// Drops all packets from `other` to it; its own reach `other`, answers to them do not come.
    ///
    /// # Errors
    /// As [`Self::cut_off`].
    pub fn deafen_to(&self, other: &Member) -> Result<Fault, Error> {
        let what = format!("{} does not hear {}", self.name(), other.name());
        let ingoing = format!("ip saddr {}", other.namespace()?.address());
        drop_packets(self.namespace()?, what, &[ingoing], &[])
    }
}

/// Drops packets that match one of the conditions, until healed. What a member sends to itself is
/// never dropped.
pub(super) fn drop_packets(
    namespace: &Namespace,
    what: String,
    ingoing: &[String],
    outgoing: &[String],
) -> Result<Fault, Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let table = format!("fault{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let chain = |hook: &str, interface: &str, conditions: &[String]| {
        let rule = |condition| format!("    {interface} \"{INTERFACE}\" {condition} drop\n");
        let rules = conditions.iter().map(rule).collect::<Vec<_>>().concat();
        format!("  chain {hook} {{\n    type filter hook {hook} priority 0;\n{rules}  }}\n")
    };
    let script = format!(
        "table inet {table} {{\n{}{}}}\n",
        chain("input", "iifname", ingoing),
        chain("output", "oifname", outgoing),
    );
    namespace.run("nft", &["-f", "-"], &script)?;
    let namespace = namespace.clone();
    Ok(Fault::new(what, move || {
        if namespace.exists() {
            namespace.run("nft", &["delete", "table", "inet", &table], "")?;
        }
        Ok(())
    }))
}
