//! Member isolated and link down: what the members say of their links to each other.
//!
//! A link between two members that answer us is down when the pages of either say so twice
//! (`etcd_network_active_peers`), or have nothing come in from the leader, or at the leader from the
//! other one (`etcd_network_peer_received_bytes_total`): a connection that leads nowhere counts as
//! active for minutes, but a leader is heard ten times a second and answered as often. Between two
//! followers nothing but elections is said, so that such a link is seen only once etcd gives up the
//! connection. A member to which nothing comes in at all, not even the signs of life of its
//! connections, is isolated.
//!
//! Links to a member that is down, was just started again, or is no member any more say nothing about
//! those that are well.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::reading::names;
use super::{Condition, Window};
use crate::chronicle::{LinkTrack, Received};
use crate::view::MemberView;

/// So long a member that began to answer has to be found again by its peers.
const SETTLES_IN: SignedDuration = SignedDuration::from_secs(3);

/// So long nothing comes in from a leader that was heard ten times a second before.
const SILENCE: SignedDuration = SignedDuration::from_millis(3_500);

/// Both kinds.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let members: Vec<&MemberView> = window.answering().map(|(member, _)| member).collect();
    let mut pairs = Vec::new();
    for (index, a) in members.iter().enumerate() {
        for b in &members[index + 1..] {
            pairs.push(Pair::of(window, a, b));
        }
    }
    let mut conditions = Vec::new();
    let mut isolated = Vec::new();
    for member in &members {
        let links: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.has(member)).collect();
        let has_lost_all = links.iter().all(|pair| pair.is_down() && !pair.is_one_way());
        let hears_nobody = hears_nobody(window, member)
            .filter(|_| knows_no_leader(window, member) || links.iter().any(|pair| pair.is_down()));
        // Of two members that have lost each other neither is the one that is cut off.
        if links.len() > 1 && (has_lost_all || hears_nobody.is_some()) {
            conditions.push(isolation(window, member, &links, hears_nobody));
            isolated.push(member.id);
        }
    }
    let others = pairs.iter().filter(|pair| {
        pair.is_down() && !isolated.contains(&pair.a.id) && !isolated.contains(&pair.b.id)
    });
    conditions.extend(others.map(|pair| broken(window, pair)));
    conditions
}

/// Two members and what each says of its link to the other.
struct Pair<'a> {
    a: &'a MemberView,
    b: &'a MemberView,
    /// What `a` says, and what `b` says.
    says: [Option<Said>; 2],
}

/// What one end says, as far as it counts.
#[derive(Clone, Copy)]
struct Said {
    link: LinkTrack,
    is_certain: bool,
    /// Whether it is down because nothing comes in, whatever the connection is said to be.
    is_silent: bool,
}

impl<'a> Pair<'a> {
    fn of(window: &Window<'_>, a: &'a MemberView, b: &'a MemberView) -> Self {
        let mut says = [said(window, a, b), said(window, b, a)];
        // An older page that has it up tells of the time before.
        for (one, other) in [(0, 1), (1, 0)] {
            if let (Some(up), Some(down)) = (says[one], says[other])
                && up.link.is_up
                && !down.link.is_up
                && up.link.read_at < down.link.since
            {
                says[one] = None;
            }
        }
        Self { a, b, says }
    }

    fn has(&self, member: &MemberView) -> bool {
        self.a.id == member.id || self.b.id == member.id
    }

    fn is_down(&self) -> bool {
        self.says.iter().flatten().any(|said| said.is_certain && !said.link.is_up)
    }

    /// Whether one end says that it is connected and the other that it is not.
    fn is_one_way(&self) -> bool {
        self.says.iter().flatten().any(|said| said.link.is_up)
    }

    /// The ends, first the one whose pages had the link down first: so the finding keeps its name
    /// when the other end follows.
    fn ends(&self) -> (&'a MemberView, &'a MemberView) {
        let since = |said: Option<Said>| {
            said.filter(|said| !said.link.is_up).map_or(Timestamp::MAX, |said| said.link.since)
        };
        if since(self.says[1]) < since(self.says[0]) { (self.b, self.a) } else { (self.a, self.b) }
    }
}

/// What `from` says of its link to `to`.
fn said(window: &Window<'_>, from: &MemberView, to: &MemberView) -> Option<Said> {
    let settled_at = settled_at(window, from)?.max(settled_at(window, to)?);
    if let Some(silence) = silence(window, from, to, settled_at) {
        let Received { since, read_at, .. } = silence;
        let link = LinkTrack { is_up: false, read_at, since, down_at: Some(read_at) };
        return Some(Said { link, is_certain: true, is_silent: true });
    }
    let link = *window.chronicle.member(from.id?)?.links.get(&to.id?)?;
    let counts = window.is_fresh(link.read_at) && link.read_at >= settled_at;
    let is_certain = link.is_down_for_certain(settled_at);
    counts.then_some(Said { link, is_certain, is_silent: false })
}

/// From when on pages count: what was read before a member was there says nothing of its links. One
/// that was there at our own start may have been there for long.
fn settled_at(window: &Window<'_>, member: &MemberView) -> Option<Timestamp> {
    let since = window.chronicle.member(member.id?)?.answers_since?;
    let is_from_the_start = since <= window.chronicle.since()? + SETTLES_IN;
    Some(if is_from_the_start { Timestamp::MIN } else { since + SETTLES_IN })
}

/// What `from` received of `to`, if one of them leads and nothing comes in any more.
fn silence(
    window: &Window<'_>,
    from: &MemberView,
    to: &MemberView,
    settled_at: Timestamp,
) -> Option<Received> {
    let (leader, leads_since) = window.chronicle.leader()?;
    if from.id != Some(leader) && to.id != Some(leader) {
        return None;
    }
    let received = *window.chronicle.member(from.id?)?.received.get(&to.id?)?;
    let since = received.since.max(leads_since + SETTLES_IN).max(settled_at);
    is_silent(window, received.read_at, since).then_some(received)
}

/// Since when nothing comes in to `member`, from nobody.
fn hears_nobody(window: &Window<'_>, member: &MemberView) -> Option<Received> {
    let received = &window.chronicle.member(member.id?)?.received;
    let last = received.values().max_by_key(|received| received.since)?;
    let since = last.since.max(settled_at(window, member)?);
    is_silent(window, last.read_at, since).then_some(*last)
}

fn is_silent(window: &Window<'_>, read_at: Timestamp, since: Timestamp) -> bool {
    window.is_fresh(read_at) && read_at.duration_since(since) >= SILENCE
}

fn knows_no_leader(window: &Window<'_>, member: &MemberView) -> bool {
    let status = window.newest().sweep_of(member).and_then(|said| said.status.answer());
    status.is_some_and(|status| status.leader.is_none())
}

fn isolation(
    window: &Window<'_>,
    member: &MemberView,
    links: &[&Pair<'_>],
    hears_nobody: Option<Received>,
) -> Condition {
    let quorum = window.newest().quorum;
    let is_last_margin = member.is_voter() && quorum.margin <= 0;
    let severity = if is_last_margin { Severity::Critical } else { Severity::Warning };
    let peers = links.iter().map(|pair| if pair.a.id == member.id { pair.b } else { pair.a });
    let summary = format!(
        "{} is isolated: we reach it, but it has lost all of its peers ({})",
        member.name,
        names(peers.map(|peer| peer.name.as_str()))
    );
    let mut evidence = vec![leader_evidence(window, member)];
    evidence.extend(hears_nobody.map(|last| Evidence {
        at: last.read_at,
        source: format!("{} /metrics", member.endpoint.as_deref().unwrap_or_default()),
        observed: format!(
            "etcd_network_peer_received_bytes_total stands still for every peer since {}",
            last.since
        ),
    }));
    evidence.extend(links.iter().flat_map(|pair| page_evidence(window, pair)));
    let endpoint = member.endpoint.as_deref().unwrap_or_default();
    Condition::new(FindingKind::MemberIsolated, severity, summary)
        .of(Some(member.reference()))
        .explained(if is_last_margin {
            "It takes part in no decision, and the cluster has no margin left: one more lost voter \
             and it stops serving writes. Clients of this member get errors, or old data from \
             serializable reads."
        } else {
            "It takes part in no decision while the others go on with less margin. Clients of this \
             member get errors, or old data from serializable reads."
        })
        .resting_on(evidence)
        .caused_by([
            "its peer port (2380) is cut off: a firewall rule, a security group, a network policy",
            "its host has lost the network that the members share, while the one to us works",
            "its peer certificate has expired or is refused by the others",
        ])
        .next([
            format!("on the host of {}: journalctl -u etcd | grep -i peer | tail", member.name),
            format!(
                "from that host, try to connect to the peer URLs of the others: {}",
                names(peer_urls(links, member))
            ),
            "compare the firewall rules for port 2380 in both directions: nft list ruleset"
                .to_owned(),
            format!("then: etcdctl --endpoints={endpoint} endpoint health"),
        ])
}

fn broken(window: &Window<'_>, pair: &Pair<'_>) -> Condition {
    let (from, to) = pair.ends();
    let is_told_by_both = pair.says.iter().flatten().all(|said| !said.link.is_up)
        && pair.says.iter().flatten().count() == 2;
    let (summary, explanation) = if pair.is_one_way() {
        (
            format!("the link from {} to {} is down in one direction", from.name, to.name),
            format!(
                "{} has no connection to {}, which says that it has one in the other direction. \
                 Elections and replication between the two are unreliable.",
                from.name, to.name
            ),
        )
    } else if is_told_by_both {
        (
            format!("the link between {} and {} is down, both ways", from.name, to.name),
            "The two members have lost each other while we reach both. If one of them leads, the \
             other falls behind or calls elections."
                .to_owned(),
        )
    } else {
        (
            format!("the link from {} to {} is down", from.name, to.name),
            format!(
                "{} has no connection to {}, and what {} says of it is not known. Elections and \
                 replication between the two are unreliable.",
                from.name, to.name, to.name
            ),
        )
    };
    let mut evidence = page_evidence(window, pair);
    evidence.extend([from, to].map(|member| leader_evidence(window, member)));
    Condition::new(FindingKind::LinkDown, Severity::Warning, summary)
        .of(Some(from.reference()))
        .about(to.name.as_str())
        .explained(explanation)
        .resting_on(evidence)
        .caused_by([
            "a firewall rule or a route between the two hosts, for port 2380",
            "a wrong or unresolvable peer URL of one of them",
            "a peer certificate that one of them refuses",
        ])
        .next([
            format!("from the host of {}: connect to {}", from.name, names(urls(to))),
            format!("from the host of {}: connect to {}", to.name, names(urls(from))),
            format!(
                "on the host of {}: journalctl -u etcd | grep {} | tail",
                from.name,
                to.id.map(|id| id.to_string()).unwrap_or_default()
            ),
            "etcdctl member list --write-out=table: are the peer URLs right?".to_owned(),
        ])
}

fn urls(member: &MemberView) -> impl Iterator<Item = &str> {
    member.peer_urls.iter().map(String::as_str)
}

fn peer_urls<'p>(links: &'p [&Pair<'_>], of: &'p MemberView) -> impl Iterator<Item = &'p str> {
    links.iter().flat_map(|pair| urls(if pair.a.id == of.id { pair.b } else { pair.a }))
}

fn leader_evidence(window: &Window<'_>, member: &MemberView) -> Evidence {
    let picture = window.newest();
    let status = picture.sweep_of(member).and_then(|said| said.status.answer());
    Evidence {
        at: picture.at(),
        source: format!("{} Status", member.endpoint.as_deref().unwrap_or_default()),
        observed: match status.map(|status| status.leader) {
            Some(Some(leader)) => format!("leader = {leader}"),
            Some(None) => "leader = 0: it knows none".to_owned(),
            None => "no answer".to_owned(),
        },
    }
}

fn page_evidence(window: &Window<'_>, pair: &Pair<'_>) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    for (from, to, said) in [(pair.a, pair.b, pair.says[0]), (pair.b, pair.a, pair.says[1])] {
        let (Some(said), Some(id)) = (said, to.id) else { continue };
        let endpoint = from.endpoint.as_deref().unwrap_or_default();
        let (mut failing, mut lasting) = (String::new(), String::new());
        let observed = format!(
            "etcd_network_active_peers{{Remote=\"{id}\"}} = {} ({})",
            u8::from(said.link.is_up),
            to.name
        );
        let figures = window.newest().sweep_of(from).and_then(|said| said.figures.as_ref());
        let failures = figures
            .and_then(|figures| figures.peers.iter().find(|peer| peer.remote == id))
            .and_then(|peer| peer.send_failures_per_second)
            .filter(|rate| *rate > 0.0);
        if let Some(rate) = failures {
            failing = format!(
                "; etcd_network_peer_sent_failures_total{{To=\"{id}\"}} grows by {rate:.1} per second"
            );
        }
        if said.is_silent {
            evidence.push(Evidence {
                at: said.link.read_at,
                source: format!("{endpoint} /metrics"),
                observed: format!(
                    "etcd_network_peer_received_bytes_total{{From=\"{id}\"}} ({}) stands still \
                     since {}",
                    to.name, said.link.since
                ),
            });
            continue;
        }
        if !said.link.is_up {
            let lasts = said.link.read_at.duration_since(said.link.since).unsigned_abs();
            lasting = format!("; so for {:.0?}", Duration::from_secs(lasts.as_secs()));
        }
        evidence.push(Evidence {
            at: said.link.read_at,
            source: format!("{endpoint} /metrics"),
            observed: observed + &failing + &lasting,
        });
    }
    evidence
}

#[cfg(test)]
mod tests;
