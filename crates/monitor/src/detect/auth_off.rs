//! Auth off: anybody who reaches a member may read and write. Specs call it D16.

use model::finding::FindingKind;
use model::severity::Severity;

use super::addresses::is_public;
use super::{Condition, Window};
use crate::sweep::{Call, MemberSweep};

/// Only where we present neither user, token nor client certificate, and only for addresses that are
/// public: of a host name, and of the firewall before it, nothing is known here.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    if !window.is_anonymous {
        return Vec::new();
    }
    let open = window.members().filter_map(|(member, said)| {
        let address = Some(said.endpoint.host()).filter(|host| is_public(host))?;
        let read = served(said)?;
        let endpoint = &said.endpoint;
        let condition = Condition::new(
            FindingKind::AuthOff,
            Severity::Warning,
            format!("{} serves anybody at the public address {address}", member.name),
        )
        .of(Some(member.reference()))
        .explained(
            "It answered a read that came without user, token and client certificate. Whoever reaches \
             this address may read and change all data, unless a firewall stands in between.",
        )
        .seen(
            read.received_at(),
            format!("{endpoint} serializable read"),
            "answered without credentials",
        )
        .caused_by([
            "authentication was never switched on, and clients need no certificate",
            "etcd listens on all addresses (--listen-client-urls), this one among them",
        ])
        .next([
            "let no one but your clients reach the port: a firewall, or --listen-client-urls with a \
             private address"
                .to_owned(),
            "ask clients for certificates: --client-cert-auth --trusted-ca-file=FILE".to_owned(),
            format!(
                "or users: etcdctl --endpoints={endpoint} user add root; etcdctl \
                 --endpoints={endpoint} auth enable"
            ),
        ]);
        Some(condition)
    });
    open.collect()
}

/// The last read that a member served by itself: with authentication on it asks who reads.
fn served(said: &MemberSweep) -> Option<&Call<etcd::Header>> {
    said.serializable_read.answer()?;
    said.serializable_read.last.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn check(host: &str, expected: bool) {
        let mut scene = Scene::new(3);
        scene.also_says(3, host);
        scene.says.remove(2);
        let verdict = scene.sweeps(3);
        let found = open(&verdict);
        assert_eq!(found.contains(&"auth_off m3".to_owned()), expected, "{host}: {found:?}");
    }

    #[test]
    fn only_public_addresses_are_told() {
        for public in ["203.0.113.7:2379", "8.8.8.8:2379", "[2a00:1450::5]:2379"] {
            check(public, true);
        }
        for private in [
            "10.1.2.3:2379",
            "192.168.1.1:2379",
            "172.16.0.1:2379",
            "127.0.0.1:2379",
            "169.254.1.1:2379",
            "100.64.0.1:2379",
            "[fd00::1]:2379",
            "[fe80::1]:2379",
            "[::1]:2379",
            "etcd.example.com:2379",
        ] {
            check(private, false);
        }
    }

    #[test]
    fn it_is_over_when_the_member_asks_who_reads() {
        let mut scene = Scene::new(3);
        scene.also_says(3, "203.0.113.7:2379");
        scene.says.remove(2);
        assert_eq!(of_kind(&scene.sweeps(3), FindingKind::AuthOff).len(), 1);
        scene.says[2].serves_reads = false;
        assert!(of_kind(&scene.sweeps(3), FindingKind::AuthOff).is_empty());
    }

    #[test]
    fn where_we_say_who_we_are_nothing_is_known() {
        let mut scene = Scene::new(3);
        scene.present_credentials();
        scene.also_says(3, "203.0.113.7:2379");
        scene.says.remove(2);
        assert!(of_kind(&scene.sweeps(3), FindingKind::AuthOff).is_empty());
    }
}
