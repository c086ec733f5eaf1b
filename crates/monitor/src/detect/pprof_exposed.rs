//! pprof exposed: a member serves its profiler to whoever reaches its client port.

use std::net::IpAddr;

use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.answering().filter_map(|(member, said)| condition(member, said)).collect()
}

fn condition(member: &MemberView, said: &MemberSweep) -> Option<Condition> {
    let answer = said.scrape.as_ref()?.profiler.filter(|answer| answer.is_served)?;
    let is_public = is_public(said.endpoint.host());
    let severity = if is_public { Severity::Warning } else { Severity::Info };
    let name = &member.name;
    let summary = if is_public {
        format!("{name} serves its profiler on a public address")
    } else {
        format!("{name} serves its profiler on its client port")
    };
    Some(
        Condition::new(FindingKind::PprofExposed, severity, summary)
            .of(Some(member.reference()))
            .explained(
                "Whoever reaches the port, and has a client certificate where one is asked for, can \
                 read the command line and memory profiles, and slow the member down with CPU \
                 profiles. A password of etcd does not protect it.",
            )
            .seen(
                answer.at,
                format!("{} GET /debug/pprof/cmdline", said.endpoint),
                "HTTP status 200, text/plain",
            )
            .caused_by(["the member was started with --enable-pprof, perhaps for an investigation"])
            .next([
                format!("curl -si {}/debug/pprof/cmdline | head -1", said.endpoint.url()),
                format!("restart {name} without --enable-pprof"),
                "if it is needed: let a firewall admit only those to port 2379 who need it".to_owned(),
            ]),
    )
}

/// Whether an address is one that the whole Internet may reach. A name is taken for a private one:
/// what it stands for depends on who asks.
fn is_public(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            let is_shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_documentation()
                || is_shared)
        }
        Ok(IpAddr::V6(address)) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some_and(|v4| !is_public(&v4.to_string())))
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    #[test]
    fn a_profiler_is_told_until_it_is_gone() {
        let mut scene = Scene::new(3);
        scene.metric(2, "etcd_server_has_leader", 1.0);
        scene.member(2).profiler = true;
        let verdict = scene.run(Duration::from_mins(1), |_, _| {});
        assert_eq!(open(&verdict), ["pprof_exposed m2"]);
        assert_eq!(of_kind(&verdict, FindingKind::PprofExposed)[0].severity, Severity::Info);
        scene.member(2).profiler = false;
        assert_eq!(open(&scene.run(Duration::from_mins(1), |_, _| {})), [""; 0]);
    }

    #[test]
    fn public_is_what_the_internet_reaches() {
        for private in [
            "10.1.2.3",
            "192.168.0.1",
            "172.20.0.1",
            "127.0.0.1",
            "100.64.0.9",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "etcd-0.etcd",
        ] {
            assert!(!is_public(private), "{private}");
        }
        for public in ["8.8.8.8", "172.40.0.1", "100.128.0.1", "2001:4860:4860::8888"] {
            assert!(is_public(public), "{public}");
        }
    }
}
