//! What is told of links that are up, down, broken one way, and of pages that lie.

use model::finding::FindingState;

use super::*;
use crate::judge::Verdict;
use crate::scene::{Scene, of_kind, open};

const A_WHILE: Duration = Duration::from_secs(40);

fn link(scene: &mut Scene, from: u64, to: u64, is_up: bool) {
    let series = format!("etcd_network_active_peers{{Local=\"{from}\",Remote=\"{to}\"}}");
    scene.metric(from, &series, f64::from(u8::from(is_up)));
}

fn cluster(size: u64) -> Scene {
    let mut scene = Scene::new(size);
    for (from, to) in (1..=size).flat_map(|from| (1..=size).map(move |to| (from, to))) {
        if from != to {
            link(&mut scene, from, to, true);
        }
    }
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert_eq!(open(&verdict), [""; 0]);
    scene
}

fn both_ways(scene: &mut Scene, a: u64, b: u64, is_up: bool) {
    link(scene, a, b, is_up);
    link(scene, b, a, is_up);
}

/// Scrapes every two seconds, as the task does while something is undecided.
fn eagerly(scene: &mut Scene, times: u32) -> Verdict {
    (1..times).for_each(|_| {
        scene.scrape();
        scene.sweep();
    });
    scene.scrape();
    scene.sweep()
}

#[test]
fn a_member_that_has_lost_all_its_peers_is_isolated_and_its_links_are_no_findings() {
    let mut scene = cluster(3);
    both_ways(&mut scene, 1, 3, false);
    both_ways(&mut scene, 2, 3, false);
    scene.member(3).status.leader = None;
    let verdict = eagerly(&mut scene, 1);
    assert!(of_kind(&verdict, FindingKind::MemberIsolated).is_empty(), "seen on one page only");
    let verdict = eagerly(&mut scene, 2);
    let found = of_kind(&verdict, FindingKind::MemberIsolated);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.member.as_ref().unwrap().name, "m3");
    assert_eq!((finding.state, finding.severity), (FindingState::Open, Severity::Critical));
    assert!(of_kind(&verdict, FindingKind::LinkDown).is_empty());
    assert!(finding.evidence[0].observed.contains("knows none"), "{finding:#?}");
    assert!(finding.evidence.iter().any(|it| it.source == "m1:2379 /metrics"));

    scene.member(3).status.leader = Some(model::id::MemberId(1));
    both_ways(&mut scene, 1, 3, true);
    both_ways(&mut scene, 2, 3, true);
    let verdict = scene.run(Duration::from_mins(1), |_, _| {});
    assert_eq!(open(&verdict), [""; 0]);
    assert!(verdict.view.findings.is_empty(), "{:?}", verdict.view.findings);
}

#[test]
fn with_margin_left_an_isolated_member_is_a_warning() {
    let mut scene = cluster(5);
    for other in [1, 2, 4, 5] {
        both_ways(&mut scene, other, 3, false);
    }
    let verdict = eagerly(&mut scene, 3);
    assert_eq!(open(&verdict), ["member_isolated m3"]);
    let found = of_kind(&verdict, FindingKind::MemberIsolated);
    assert_eq!(found[0].severity, Severity::Warning);
}

#[test]
fn one_pair_is_a_link_that_is_down_both_ways() {
    let mut scene = cluster(3);
    both_ways(&mut scene, 2, 3, false);
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert_eq!(open(&verdict), ["link_down m2/m3"]);
    let found = of_kind(&verdict, FindingKind::LinkDown);
    assert!(found[0].summary.contains("both ways"), "{}", found[0].summary);
    both_ways(&mut scene, 2, 3, true);
    assert!(scene.run(Duration::from_mins(1), |_, _| {}).view.findings.is_empty());
}

#[test]
fn one_direction_is_told_of_the_member_that_cannot() {
    let mut scene = cluster(3);
    link(&mut scene, 3, 1, false);
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert_eq!(open(&verdict), ["link_down m3/m1"]);
    let found = of_kind(&verdict, FindingKind::LinkDown);
    assert!(found[0].summary.contains("in one direction"), "{}", found[0].summary);
    // The other end follows: the finding keeps its name.
    link(&mut scene, 1, 3, false);
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert_eq!(open(&verdict), ["link_down m3/m1"]);
}

#[test]
fn links_to_a_member_that_is_down_or_was_removed_are_no_findings() {
    let mut scene = cluster(3);
    scene.member(3).answers = false;
    link(&mut scene, 1, 3, false);
    link(&mut scene, 2, 3, false);
    link(&mut scene, 1, 9, false);
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert_eq!(open(&verdict), ["member_down m3", "quorum_at_risk"]);
    // It comes back; the pages of its peers are older than that and still have it down.
    scene.member(3).answers = true;
    for _ in 0..6 {
        let verdict = scene.sweep();
        assert!(of_kind(&verdict, FindingKind::LinkDown).is_empty());
        assert!(of_kind(&verdict, FindingKind::MemberIsolated).is_empty());
    }
    both_ways(&mut scene, 1, 3, true);
    both_ways(&mut scene, 2, 3, true);
    assert_eq!(open(&scene.run(A_WHILE, |_, _| {})), [""; 0]);
}

#[test]
fn a_page_that_met_a_restart_alone_is_no_link_down() {
    let mut scene = cluster(3);
    link(&mut scene, 1, 3, false);
    eagerly(&mut scene, 1);
    link(&mut scene, 1, 3, true);
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert!(verdict.view.findings.is_empty(), "{:?}", verdict.view.findings);
}

#[test]
fn old_pages_say_nothing() {
    let mut scene = cluster(3);
    both_ways(&mut scene, 2, 3, false);
    eagerly(&mut scene, 2);
    // No page comes any more: after a while nobody knows.
    assert_eq!(open(&scene.sweeps(10)), ["link_down m2/m3"]);
    assert_eq!(open(&scene.sweeps(60)), [""; 0]);
}

#[test]
fn a_page_full_of_nonsense_names_only_the_member_that_served_it() {
    let mut scene = cluster(3);
    for (remote, value) in [("1", -1.0), ("2", f64::NAN), ("ffffffffffffffff", 0.0), ("0", 0.0)] {
        let series = format!("etcd_network_active_peers{{Local=\"3\",Remote=\"{remote}\"}}");
        scene.metric(3, &series, value);
    }
    let verdict = scene.run(A_WHILE, |_, _| {});
    assert_eq!(open(&verdict), ["link_down m3/m1", "link_down m3/m2"]);
}

#[test]
fn peers_that_a_page_makes_up_are_forgotten_with_it() {
    let mut scene = cluster(3);
    scene.run(Duration::from_hours(1), |scene, scrapes| {
        scene.member(3).page.clear();
        for remote in 0..60 {
            let id = u64::from(scrapes) << 32 | remote;
            let series = format!("etcd_network_active_peers{{Local=\"3\",Remote=\"{id:x}\"}}");
            scene.metric(3, &series, 0.0);
        }
    });
    let track = scene.chronicle().member(model::id::MemberId(3)).unwrap();
    assert_eq!(track.links.len(), 60);
}

/// As many bytes more, from each to each; a leader is heard and answered, followers only keep their
/// connections alive.
fn messages(scene: &mut Scene, cut: &[u64], pair: Option<(u64, u64)>) {
    for (to, from) in [(1, 2), (1, 3), (2, 1), (3, 1), (2, 0), (3, 0), (1, 0)] {
        let is_cut = cut.contains(&to) || cut.contains(&from);
        if is_cut || pair == Some((to, from)) || pair == Some((from, to)) {
            continue;
        }
        let series = format!("etcd_network_peer_received_bytes_total{{From=\"{from}\"}}");
        let last = scene.member(to).page.get(&series).copied().unwrap_or(0.0);
        scene.metric(to, &series, last + 100.0);
    }
}

/// A while of messages, scraped eagerly.
fn talking(scene: &mut Scene, times: u32, cut: &[u64], pair: Option<(u64, u64)>) -> Verdict {
    (1..times).for_each(|_| {
        messages(scene, cut, pair);
        eagerly(scene, 1);
    });
    messages(scene, cut, pair);
    eagerly(scene, 1)
}

#[test]
fn a_member_to_which_nothing_comes_in_is_isolated_whatever_its_connections_are_said_to_be() {
    let mut scene = cluster(3);
    assert_eq!(open(&talking(&mut scene, 10, &[], None)), [""; 0]);
    scene.member(3).status.leader = None;
    let verdict = talking(&mut scene, 3, &[3], None);
    assert_eq!(open(&verdict), ["member_isolated m3", "no_leader m3", "quorum_at_risk"]);
    let found = of_kind(&verdict, FindingKind::MemberIsolated);
    assert!(found[0].evidence[1].observed.contains("every peer"), "{:#?}", found[0].evidence);
    scene.member(3).status.leader = Some(model::id::MemberId(1));
    assert_eq!(open(&talking(&mut scene, 30, &[], None)), [""; 0]);
}

#[test]
fn a_leader_that_a_follower_does_not_hear_has_lost_the_link_to_it() {
    let mut scene = cluster(3);
    talking(&mut scene, 10, &[], None);
    let verdict = talking(&mut scene, 4, &[], Some((3, 1)));
    assert_eq!(open(&verdict), ["link_down m1/m3"]);
    let found = of_kind(&verdict, FindingKind::LinkDown);
    assert!(found[0].summary.contains("both ways"), "{}", found[0].summary);
    assert_eq!(open(&talking(&mut scene, 30, &[], None)), [""; 0]);
}

#[test]
fn followers_have_nothing_to_say_to_each_other() {
    let mut scene = cluster(3);
    for (to, from) in [(2, 3), (3, 2)] {
        let series = format!("etcd_network_peer_received_bytes_total{{From=\"{from}\"}}");
        scene.metric(to, &series, 7.0);
    }
    assert_eq!(open(&talking(&mut scene, 20, &[], None)), [""; 0]);
    // A leader of a moment was not heard before.
    for id in 1..=3 {
        scene.member(id).status.leader = Some(model::id::MemberId(2));
    }
    assert_eq!(open(&talking(&mut scene, 1, &[], None)), [""; 0]);
}
