//! Member down and member unreachable: a member does not answer us. Which of the two it is, its
//! peers tell: if they have lost it as well it is down, if they see it the trouble is between us
//! and it. A connection that stays open proves nothing: that of a frozen process does, too. What comes
//! in over it does.

use etcd::Status;
use jiff::SignedDuration;
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
    let links = member.id.map(|id| links_to(window, id)).unwrap_or_default();
    let is_seen = links.iter().any(|link| link.word == Word::Sees);
    // A leader hears from each member ten times a second; followers have little to say to each other.
    let is_lost_by_leader = links.iter().any(|link| link.leads && link.word != Word::Sees);
    let is_lost = |link: &Link| link.word == Word::Lost;
    let is_lost_by_peers =
        !links.is_empty() && !is_seen && (is_lost_by_leader || links.iter().all(is_lost));
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
        let of = |word| links.iter().filter(move |link| link.word == word);
        let seen_by: Vec<&str> = of(Word::Sees).map(|link| link.peer.as_str()).collect();
        let (summary, explanation) = if seen_by.is_empty() && of(Word::Silent).next().is_some() {
            (
                format!("{} does not answer, and its peers hear nothing from it", member.name),
                "Its connections are open and nothing comes through them: its process is most \
                 likely frozen (stopped, swapping, waiting for its disk), or its network swallows \
                 packets."
                    .to_owned(),
            )
        } else if seen_by.is_empty() {
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
                "its process is frozen, or it is down and its peers have not noticed yet",
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
    /// Whether the peer leads.
    leads: bool,
    word: Word,
    evidence: Evidence,
}

/// What a peer says of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It is not connected to it.
    Lost,
    /// It is connected to it, and nothing comes in.
    Silent,
    /// It is connected to it, and hears from it as far as can be told.
    Sees,
}

/// Any peer is heard at least every two seconds while all is well.
const SILENCE: SignedDuration = SignedDuration::from_secs(5);

/// The links to `id` of the peers that answer. Only pages that were read after the member was last
/// seen count: older ones tell of better times.
fn links_to(window: &Window<'_>, id: MemberId) -> Vec<Link> {
    let picture = window.newest();
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
        let track = peer.id.and_then(|peer| window.chronicle.member(peer));
        let received = track.and_then(|track| track.received.get(&id));
        let silent = received.filter(|received| {
            let since = last_seen.map_or(received.since, |seen| received.since.max(seen));
            received.read_at.duration_since(since) >= SILENCE
        });
        let (word, observed) = match (is_active, silent) {
            (false, _) => (Word::Lost, format!("etcd_network_active_peers{{Remote=\"{id}\"}} = 0")),
            (true, Some(received)) => (
                Word::Silent,
                format!(
                    "etcd_network_peer_received_bytes_total{{From=\"{id}\"}} ({}) stands still \
                     since {}",
                    received.bytes,
                    received.since.strftime("%H:%M:%SZ")
                ),
            ),
            (true, None) => {
                (Word::Sees, format!("etcd_network_active_peers{{Remote=\"{id}\"}} = 1"))
            }
        };
        let source = format!("{} /metrics", peer.endpoint.as_deref().unwrap_or_default());
        links.push(Link {
            peer: peer.name.clone(),
            leads: peer.role == Role::Leader,
            word,
            evidence: Evidence { at: page.at(), source, observed },
        });
    }
    links
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    /// m3 does not answer; its peers are connected to it, and m2 does or does not hear from it.
    fn frozen(scene: &mut Scene, leader_hears: bool) {
        let received = |id: u64| format!("etcd_network_peer_received_bytes_total{{From=\"{id}\"}}");
        for id in 1..=2 {
            scene.metric(id, "etcd_network_active_peers{Remote=\"3\"}", 1.0);
            scene.metric(id, &received(3), 100.0);
            scene.metric(id, &received(3 - id), 100.0);
        }
        scene.run(Duration::from_secs(30), |_, _| {});
        scene.member(3).answers = false;
        scene.run(Duration::from_secs(40), |scene, scrape| {
            let bytes = 200.0 + f64::from(scrape);
            for id in 1..=2 {
                scene.metric(id, &received(3 - id), bytes);
            }
            if leader_hears {
                scene.metric(1, &received(3), bytes);
            }
        });
    }

    #[test]
    fn a_member_of_which_the_leader_hears_nothing_is_down_though_its_connections_are_open() {
        let mut scene = Scene::new(3);
        frozen(&mut scene, false);
        let verdict = scene.sweep();
        assert!(open(&verdict).contains(&"member_down m3".to_owned()), "{:?}", open(&verdict));
        let evidence = &of_kind(&verdict, FindingKind::MemberDown)[0].evidence;
        assert!(evidence[1].observed.contains("stands still since"), "{evidence:#?}");
    }

    #[test]
    fn a_member_that_the_leader_hears_is_only_out_of_our_reach() {
        let mut scene = Scene::new(3);
        frozen(&mut scene, true);
        let verdict = scene.sweep();
        let found = &of_kind(&verdict, FindingKind::MemberUnreachable)[0];
        assert_eq!(found.summary, "m3 does not answer us, but its peers see it");
    }

    #[test]
    fn a_frozen_member_is_called_so_where_nobody_leads() {
        let mut scene = Scene::new(3);
        frozen(&mut scene, false);
        for id in 1..=2 {
            scene.member(id).status.leader = None;
            scene.member(id).reads = false;
        }
        let verdict = scene.sweeps(10);
        let found = &of_kind(&verdict, FindingKind::MemberUnreachable)[0];
        assert_eq!(found.summary, "m3 does not answer, and its peers hear nothing from it");
    }
}
