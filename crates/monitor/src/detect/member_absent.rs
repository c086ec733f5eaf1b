//! Member down and member unreachable: a member does not answer us. Which of the two it is, its
//! peers tell: if they have lost it as well it is down, if they see it the trouble is between us
//! and it.

use etcd::Status;
use model::finding::{Evidence, FindingKind};
use model::health::Role;
use model::id::MemberId;
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture::Picture;
use crate::sweep::Outcome;
use crate::view::MemberView;

/// Both kinds, for every member that does not answer.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    picture
        .members
        .iter()
        .filter(|member| member.is_reachable == Some(false) && member.role != Role::Unstarted)
        .map(|member| condition(window, picture, member))
        .collect()
}

fn condition(window: &Window<'_>, picture: &Picture, member: &MemberView) -> Condition {
    let links = member.id.map(|id| links_to(picture, id)).unwrap_or_default();
    let is_lost_by_peers = !links.is_empty() && links.iter().all(|link| !link.is_active);
    let endpoint = member.endpoint.as_deref().unwrap_or_default();
    let mut evidence = vec![Evidence {
        at: picture.at(),
        source: format!("{endpoint} Status"),
        observed: picture
            .sweep_of(member)
            .map_or_else(String::new, |said| describe(&said.status.outcome())),
    }];
    evidence.extend(links.iter().map(|link| link.evidence.clone()));

    if is_lost_by_peers {
        let is_last_margin = member.is_voter() && picture.quorum.margin <= 0;
        let severity = if is_last_margin { Severity::Critical } else { Severity::Warning };
        let summary = format!("{} is down: neither we nor its peers reach it", member.name);
        Condition::new(FindingKind::MemberDown, severity, summary)
            .of(Some(member.reference()))
            .explained(if is_last_margin {
                "The cluster has no margin left: one more lost voter and it stops serving writes."
            } else {
                "The cluster goes on without it, with less margin for the next failure."
            })
            .resting_on(evidence)
            .caused_by([
                "its process ended: out of memory, full disk, failed fsync, somebody stopped it",
                "its host is down or frozen",
                "its network is cut off from everybody",
            ])
            .next([
                format!(
                    "on the host of {}: systemctl status etcd; journalctl -u etcd",
                    member.name
                ),
                "start it again; if its data is lost, remove the member and add it anew".to_owned(),
            ])
    } else {
        let seen_by: Vec<&str> =
            links.iter().filter(|link| link.is_active).map(|link| link.peer.as_str()).collect();
        let (summary, explanation) = if seen_by.is_empty() {
            (
                format!("{} does not answer; its peers cannot tell more", member.name),
                "It may be down, or only unreachable from here: no peer that we can ask has told \
                 yet."
                    .to_owned(),
            )
        } else {
            (
                format!("{} does not answer us, but its peers see it", member.name),
                format!(
                    "{} still exchange messages with it, so it is most likely up: its client port, \
                     or the network between us and it, is the trouble.",
                    seen_by.join(" and ")
                ),
            )
        };
        Condition::new(FindingKind::MemberUnreachable, Severity::Warning, summary)
            .of(Some(member.reference()))
            .explained(explanation)
            .resting_on(evidence)
            .caused_by([
                "a firewall or a route between the monitor and its client port (2379)",
                "its client port is overloaded, or its certificate was refused",
                "it is down, and its peers have not noticed yet",
            ])
            .next([
                format!("etcdctl --endpoints={endpoint} endpoint health"),
                format!("from this host and from another one, try to connect to {endpoint}"),
                format!(
                    "if it has moved, correct the endpoints of cluster {} in the configuration",
                    window.cluster
                ),
            ])
    }
}

fn describe(outcome: &Outcome<'_, Status>) -> String {
    match outcome {
        Outcome::Failed(error) => error.message().to_owned(),
        Outcome::Late(waiting) => format!("no answer for {:.1} s", waiting.as_secs_f64()),
        Outcome::Answered(_) => "answered".to_owned(),
        Outcome::NotYet => "not asked yet".to_owned(),
    }
}

/// What one peer's metrics say of its link to a member.
struct Link {
    peer: String,
    is_active: bool,
    evidence: Evidence,
}

/// The links to `id` of the peers that answer. Only pages that were read after the member was last
/// seen count: older ones tell of better times.
fn links_to(picture: &Picture, id: MemberId) -> Vec<Link> {
    let last_seen = picture.member(id).and_then(|member| member.last_seen);
    let mut links = Vec::new();
    for peer in picture.members.iter().filter(|peer| peer.is_reachable == Some(true)) {
        let scrape = picture.sweep_of(peer).and_then(|said| said.scrape.as_ref());
        let Some(page) = scrape.and_then(|scrape| scrape.page.as_ref().ok()) else { continue };
        if last_seen.is_some_and(|seen| page.at() <= seen) {
            continue;
        }
        let Some((_, is_active)) = page.active_peers().find(|(remote, _)| *remote == id) else {
            continue;
        };
        links.push(Link {
            peer: peer.name.clone(),
            is_active,
            evidence: Evidence {
                at: page.at(),
                source: format!("{} /metrics", peer.endpoint.as_deref().unwrap_or_default()),
                observed: format!(
                    "etcd_network_active_peers{{Remote=\"{id}\"}} = {}",
                    u8::from(is_active)
                ),
            },
        });
    }
    links
}
