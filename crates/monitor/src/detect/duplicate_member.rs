//! Duplicate member: two processes answer as the same member. Specs call it D1.5.
//!
//! One process may well be listed under two endpoints, such as an address and a name; both then tell
//! the same start time and the same raft index.

use std::collections::BTreeMap;

use etcd::Status;
use jiff::Timestamp;
use model::finding::{Evidence, FindingKind};
use model::id::{ClusterId, MemberId};
use model::severity::Severity;

use super::answers::{allowance, answers, commit_rate};
use super::{Condition, Window};
use crate::metrics::page::Page;
use crate::picture::Picture;
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// A start time is worked out from the clock of its machine and moves when that is set, seconds.
const START_JITTER: f64 = 1.0;

/// An endpoint that answered as a member, and what.
type Claim<'a> = (&'a MemberSweep, &'a Status);

/// One condition per member ID behind which there are two processes.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let mut claims: BTreeMap<(ClusterId, MemberId), Vec<Claim<'_>>> = BTreeMap::new();
    for said in &picture.sweep.members {
        let call = said.status.since(picture.sweep.started_at);
        if let Some(status) = call.and_then(|call| call.result.as_ref().ok())
            && status.header.member_id != MemberId(0)
        {
            let key = (status.header.cluster_id, status.header.member_id);
            claims.entry(key).or_default().push((said, status));
        }
    }
    let several = claims.into_iter().filter(|(_, claims)| claims.len() > 1);
    several
        .filter_map(|((_, id), claims)| {
            let pairs = pairs(&claims);
            let found = pairs.iter().find_map(|(a, b)| evidence(window, id, a, b));
            found.map(|(endpoints, evidence)| condition(picture, id, &endpoints, evidence))
        })
        .collect()
}

fn pairs<'a, 'b>(claims: &'b [Claim<'a>]) -> Vec<(&'b Claim<'a>, &'b Claim<'a>)> {
    let others = |(index, a)| claims[index + 1..].iter().map(move |b| (a, b));
    claims.iter().enumerate().flat_map(others).collect()
}

/// Why two endpoints can't be one process; `None` if they can.
fn evidence(
    window: &Window<'_>,
    id: MemberId,
    a: &Claim<'_>,
    b: &Claim<'_>,
) -> Option<([String; 2], Vec<Evidence>)> {
    let endpoints = [a.0.endpoint.to_string(), b.0.endpoint.to_string()];
    let starts = [a, b].map(|(said, _)| started_at(said, id));
    if let [Some(first), Some(second)] = starts
        && are_two_processes(first, second)
    {
        let seen =
            [(&endpoints[0], first), (&endpoints[1], second)].map(|(endpoint, start)| Evidence {
                at: start.page_at,
                source: format!("{endpoint} /metrics"),
                observed: format!("process_start_time_seconds = {:.2}", start.seconds),
            });
        return Some((endpoints, seen.to_vec()));
    }
    if let [Some(first), Some(second)] = starts
        && (first.seconds - second.seconds).abs() <= START_JITTER
    {
        return None;
    }
    let picture = window.newest();
    let rate = commit_rate(window.pictures)?;
    let apart = a.1.raft_index.abs_diff(b.1.raft_index);
    let is_other_version = a.1.version != b.1.version;
    if apart <= allowance(&answers(picture), rate) && !is_other_version {
        return None;
    }
    let seen = [a, b].map(|(said, status)| Evidence {
        at: said.status.last.as_ref().map_or(picture.at(), |call| call.received_at()),
        source: format!("{} Status", said.endpoint),
        observed: format!(
            "member_id = {id}, raft index = {}, etcd {}",
            status.raft_index, status.version
        ),
    });
    Some((endpoints, seen.to_vec()))
}

/// When a process started, and when its page said so.
#[derive(Debug, Clone, Copy)]
struct Start {
    seconds: f64,
    page_at: Timestamp,
}

/// When the process behind an endpoint started, by its page. Behind a balancer the page may be of
/// another member than the Status: one whose peers include `id` is.
fn started_at(said: &MemberSweep, id: MemberId) -> Option<Start> {
    let page: &Page = said.scrape.as_ref()?.page.as_ref().ok()?;
    let is_of_another = page.active_peers().any(|(remote, _)| remote == id);
    let seconds = page.process_start_time().filter(|_| !is_of_another)?;
    Some(Start { seconds, page_at: page.at() })
}

/// Whether two start times are of two processes, and not of one before and after a restart: then the
/// later one had started before the page of the earlier one was read.
fn are_two_processes(a: Start, b: Start) -> bool {
    let (earlier, later) = if a.seconds <= b.seconds { (a, b) } else { (b, a) };
    let read_at = earlier.page_at.as_duration().as_secs_f64();
    later.seconds - earlier.seconds > START_JITTER && later.seconds + START_JITTER < read_at
}

fn condition(
    picture: &Picture,
    id: MemberId,
    endpoints: &[String; 2],
    evidence: Vec<Evidence>,
) -> Condition {
    let member = picture.member(id);
    let name = member.map_or_else(|| id.to_string(), |member| member.name.clone());
    let [first, second] = endpoints;
    Condition::new(
        FindingKind::DuplicateMember,
        Severity::Critical,
        format!("two processes answer as {name}: {first} and {second}"),
    )
    .of(member.map(MemberView::reference))
    .explained(
        "A member that runs twice votes twice and forgets what it promised, so that two leaders, lost \
         writes and diverging data are possible. One of the two has to stop.",
    )
    .resting_on(evidence)
    .caused_by([
        "its data directory was copied, or its machine cloned or restored, while the old one runs",
        "its volume is mounted in two places",
        "one of the endpoints is a balancer over several members: name the members themselves",
    ])
    .next([
        format!("etcdctl --endpoints={first},{second} endpoint status --write-out=table"),
        "find the host that should not run it, and stop etcd there".to_owned(),
        format!(
            "then compare the data: etcdctl --endpoints={first} endpoint hashkv --cluster \
             --write-out=table"
        ),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{SCRAPES, Scene, of_kind, open};

    const START: &str = "process_start_time_seconds";
    const HAS_LEADER: &str = "etcd_server_has_leader";

    /// m2 also answers at m9:2379, by a process that started at this time.
    fn scene(started_at: f64) -> Scene {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.metric(id, START, 1_700_000_000.0);
            scene.metric(id, HAS_LEADER, 1.0);
        }
        let also = scene.also_says(2, "m9:2379");
        also.page.insert(START.to_owned(), started_at);
        also.page.insert(HAS_LEADER.to_owned(), 1.0);
        scene
    }

    #[test]
    fn a_second_process_is_told_with_both_start_times_until_it_stops() {
        let mut scene = scene(1_700_000_500.0);
        let verdict = scene.run(2 * SCRAPES, |_, _| {});
        assert_eq!(open(&verdict), ["duplicate_member m2"]);
        let finding = &of_kind(&verdict, FindingKind::DuplicateMember)[0];
        assert_eq!(finding.summary, "two processes answer as m2: m2:2379 and m9:2379");
        assert_eq!(finding.evidence[1].observed, "process_start_time_seconds = 1700000500.00");
        scene.says.pop();
        assert!(of_kind(&scene.sweeps(4), FindingKind::DuplicateMember).is_empty());
    }

    #[test]
    fn one_process_under_two_endpoints_is_none_even_when_it_restarts() {
        let mut scene = scene(1_700_000_000.4);
        scene.run(3 * SCRAPES, |_, _| {});
        // Only one of the pages is from after the restart.
        let started = scene.now.as_second() as f64;
        scene.metric(2, START, started);
        let verdict = scene.run(SCRAPES, |_, _| {});
        assert!(of_kind(&verdict, FindingKind::DuplicateMember).is_empty());
    }

    #[test]
    fn a_page_of_another_member_behind_a_balancer_proves_nothing() {
        let mut scene = scene(1_700_000_500.0);
        let balancer = scene.says.last_mut().unwrap();
        balancer.page.insert("etcd_network_active_peers{Local=\"3\",Remote=\"2\"}".into(), 1.0);
        let verdict = scene.run(3 * SCRAPES, |_, _| {});
        assert!(of_kind(&verdict, FindingKind::DuplicateMember).is_empty());
    }

    #[test]
    fn raft_indexes_too_far_apart_are_of_two_processes_without_any_metrics() {
        let mut scene = Scene::new(3);
        scene.also_says(2, "m9:2379").status.raft_index = 9_000;
        let verdict = scene.run(Duration::from_secs(30), |_, _| {});
        assert_eq!(open(&verdict), ["duplicate_member m2"]);
        scene.says.last_mut().unwrap().status.raft_index = 92;
        assert!(of_kind(&scene.sweeps(4), FindingKind::DuplicateMember).is_empty());
    }
}
