//! Leader flapping: leaders change too often, with the likely cause first. Specs call it D5.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use model::finding::{Evidence, FindingKind};
use model::id::MemberId;
use model::leader::LeaderChange;
use model::severity::Severity;

use super::{Condition, Window};
use crate::metrics::figures::Figures;
use crate::view::MemberView;

/// Changes of leader that are too many within [`WINDOW`] and, worse, within [`SHORT`].
const MANY: usize = 3;
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
const SHORT: SignedDuration = SignedDuration::from_mins(5);

/// A leader whose fsync takes longer than this misses its heartbeats, seconds: etcd's default
/// heartbeat interval.
const SLOW_FSYNC: f64 = 0.1;

/// Half of etcd's default election timeout, seconds.
const SLOW_ROUND_TRIP: f64 = 0.5;

/// A restart that is seen from this long before a change on explains it.
const RESTART_BEFORE: SignedDuration = SignedDuration::from_secs(30);

/// Elections are counted, not losses: each makes one leader. One that a restart explains is none, as
/// long as its member was started again only once: that is what a rolling restart looks like.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let now = window.newest().at();
    let mut explained = BTreeSet::new();
    let changes: Vec<&LeaderChange> = window
        .leader_changes
        .iter()
        .take_while(|change| now.duration_since(change.at) <= WINDOW)
        .filter(|change| change.to.is_some())
        .filter(|change| {
            let restarted = restarted_once(window, change);
            !restarted.is_some_and(|member| explained.insert(member))
        })
        .collect();
    let lately = changes.iter().filter(|change| now.duration_since(change.at) <= SHORT).count();
    let recent = changes.len();
    let severity = match (recent, lately) {
        (_, MANY..) => Severity::Critical,
        (MANY.., _) => Severity::Warning,
        _ => return Vec::new(),
    };
    vec![condition(window, severity, recent)]
}

/// The member that led before, if it was started again about then and not besides.
fn restarted_once(window: &Window<'_>, change: &LeaderChange) -> Option<MemberId> {
    let id = change.from.as_ref()?.id?;
    let since = window.newest().at() - WINDOW;
    let mut restarts = window.chronicle.member(id)?.restarts.iter().filter(|at| **at >= since);
    let restart = restarts.next().filter(|_| restarts.next().is_none())?;
    (*restart >= change.at - RESTART_BEFORE).then_some(id)
}

fn condition(window: &Window<'_>, severity: Severity, changes: usize) -> Condition {
    let now = window.newest().at();
    let recent: Vec<&LeaderChange> = window
        .leader_changes
        .iter()
        .take_while(|change| now.duration_since(change.at) <= WINDOW)
        .collect();
    let evidence = recent.iter().filter(|change| change.to.is_some()).map(|change| Evidence {
        at: change.at,
        source: "Status of the members".to_owned(),
        observed: format!(
            "{} leads after {}, raft term = {}",
            change.to.as_ref().map_or("nobody", |member| member.name.as_str()),
            change.from.as_ref().map_or("nobody", |member| member.name.as_str()),
            change.term
        ),
    });
    let causes = causes(window, &recent);
    let condition = Condition::new(
        FindingKind::LeaderFlapping,
        severity,
        format!("the leader changed {changes} times within 15 minutes"),
    )
    .explained(
        "While there is no leader no write is served, and each change costs about one election \
         timeout. Leases live longer than they should, since each new leader starts their time anew.",
    )
    .resting_on(evidence.take(6))
    .resting_on(causes.iter().map(|(_, evidence)| evidence.clone()));
    let known: BTreeSet<&str> = causes.iter().map(|(cause, _)| *cause).collect();
    let usual = [DISK, BUSY, NETWORK, RESTARTS, MOVED].into_iter();
    let usual = usual.filter(|cause| !known.contains(cause));
    let mut ranked: Vec<&str> = Vec::new();
    for (cause, _) in &causes {
        if !ranked.contains(cause) {
            ranked.push(cause);
        }
    }
    condition.caused_by(ranked.into_iter().chain(usual)).next([
        "etcdctl endpoint status --cluster --write-out=table: several times, watch IS LEADER and RAFT \
         TERM",
        "look at the disk of the members that lost the lead: etcd_disk_wal_fsync_duration_seconds in \
         /metrics, p99 should be below 10 ms",
        "look at the links between the members: etcd_network_peer_round_trip_time_seconds in /metrics, \
         p99 should be below 50 ms",
        "if the members are far apart, raise --heartbeat-interval and --election-timeout on all of them",
    ])
}

const RESTARTS: &str = "members were started again: look for crashes and for a lack of memory";
const DISK: &str = "the disk of a member that led is slow, so that its heartbeats come late";
const BUSY: &str = "the leader sends its heartbeats late: its CPU or its disk is overloaded";
const NETWORK: &str = "the network between the members is slow or loses messages";
const MOVED: &str = "somebody moves the leader: etcdctl move-leader, a rolling restart";

/// What the figures of the window show, the most certain first.
fn causes(window: &Window<'_>, recent: &[&LeaderChange]) -> Vec<(&'static str, Evidence)> {
    let deposed: BTreeSet<MemberId> =
        recent.iter().filter_map(|change| change.from.as_ref()?.id).collect();
    let since =
        recent.last().map_or(Timestamp::MAX, |change| change.at - SignedDuration::from_mins(1));
    let restarted = |member: &MemberView| {
        let track = member.id.and_then(|id| window.chronicle.member(id));
        track.and_then(|track| track.restarts.back().copied()).filter(|at| *at >= since)
    };
    let mut causes = Vec::new();
    for member in &window.newest().members {
        if let Some(at) = restarted(member) {
            causes.push((RESTARTS, seen(member, at, "process_start_time_seconds changed".into())));
        }
    }
    let figures = |name: &'static str, cause, limit: f64, of_deposed: bool| {
        let members = window.members().filter(move |(member, _)| {
            !of_deposed || member.id.is_some_and(|id| deposed.contains(&id))
        });
        let over = move |figures: &Figures| figures.get(name).filter(|value| *value > limit);
        members
            .filter_map(|(member, said)| {
                let figures = said.figures.as_deref()?;
                let value = over(figures)?;
                Some((cause, seen(member, figures.at, format!("{name} = {value:.3}"))))
            })
            .collect::<Vec<_>>()
    };
    causes.extend(figures.clone()("wal_fsync_p99_seconds", DISK, SLOW_FSYNC, true));
    causes.extend(figures.clone()("heartbeat_send_failures_per_second", BUSY, 0.0, false));
    causes.extend(figures.clone()("peer_round_trip_p99_seconds", NETWORK, SLOW_ROUND_TRIP, false));
    causes.extend(figures("peer_send_failures_per_second", NETWORK, 0.0, false));
    causes
}

fn seen(member: &MemberView, at: Timestamp, observed: String) -> Evidence {
    let source = format!("{} /metrics", member.endpoint.as_deref().unwrap_or_default());
    Evidence { at, source, observed }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use model::finding::Finding;

    use super::*;
    use crate::scene::{Scene, of_kind};

    /// Has `leader` elected, with a new term.
    fn elect(scene: &mut Scene, leader: u64) {
        for says in &mut scene.says {
            says.status.leader = Some(MemberId(leader));
            says.status.raft_term += 1;
            says.status.header.raft_term += 1;
        }
    }

    fn flapping(scene: &mut Scene, every: Duration, leaders: &[u64]) -> Vec<Arc<Finding>> {
        scene.run(Duration::from_secs(30), |_, _| {});
        let mut verdict = None;
        for leader in leaders {
            elect(scene, *leader);
            verdict = Some(scene.run(every, |_, _| {}));
        }
        of_kind(&verdict.unwrap(), FindingKind::LeaderFlapping)
    }

    #[test]
    fn three_changes_in_a_quarter_of_an_hour_are_told_and_in_five_minutes_page() {
        let mut scene = Scene::new(3);
        let found = flapping(&mut scene, Duration::from_mins(4), &[2, 3, 1]);
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(found[0].is_open());
        assert_eq!(found[0].summary, "the leader changed 3 times within 15 minutes");
        let newest = &found[0].evidence[0].observed;
        assert!(newest.starts_with("m1 leads after m3"), "{newest}");

        let mut scene = Scene::new(3);
        let found = flapping(&mut scene, Duration::from_mins(1), &[2, 3, 1]);
        assert_eq!(found[0].severity, Severity::Critical);
        // It is over when the changes are a quarter of an hour ago.
        let verdict = scene.run(Duration::from_mins(17), |_, _| {});
        assert!(of_kind(&verdict, FindingKind::LeaderFlapping).is_empty());
    }

    #[test]
    fn two_changes_such_as_a_rolling_restart_makes_are_none() {
        let mut scene = Scene::new(3);
        assert!(flapping(&mut scene, Duration::from_mins(1), &[2, 3]).is_empty());
    }

    #[test]
    fn the_cause_that_the_figures_show_stands_first() {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.metric(id, "etcd_server_has_leader", 1.0);
            scene.metric(id, "etcd_server_heartbeat_send_failures_total", 4.0);
        }
        let found = flapping(&mut scene, Duration::from_mins(1), &[2, 3, 1]);
        assert_eq!(found[0].causes[0], DISK, "the usual order");

        scene.run(Duration::from_mins(1), |scene, scrapes| {
            scene.metric(2, "etcd_server_heartbeat_send_failures_total", f64::from(5 + scrapes));
        });
        let verdict = scene.sweep();
        let found = of_kind(&verdict, FindingKind::LeaderFlapping);
        assert_eq!(found[0].causes[0], BUSY);
        let last = found[0].evidence.last().unwrap();
        assert_eq!(last.source, "m2:2379 /metrics");
        assert!(last.observed.starts_with("heartbeat_send_failures_per_second = "));
    }

    #[test]
    fn restarts_are_the_first_cause() {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.metric(id, "etcd_server_has_leader", 1.0);
            scene.metric(id, "process_start_time_seconds", 1_700_000_000.0);
        }
        let restart = |scene: &mut Scene, id| {
            let started = scene.now.as_second() as f64;
            scene.metric(id, "process_start_time_seconds", started);
            scene.run(Duration::from_secs(15), |_, _| {});
        };
        scene.run(Duration::from_secs(30), |_, _| {});
        restart(&mut scene, 1);
        restart(&mut scene, 1);
        let found = flapping(&mut scene, Duration::from_mins(1), &[2, 1, 3]);
        assert_eq!(found[0].causes[0], RESTARTS);
    }

    #[test]
    fn a_rolling_restart_that_hits_each_leader_is_none() {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.metric(id, "etcd_server_has_leader", 1.0);
            scene.metric(id, "process_start_time_seconds", 1_700_000_000.0);
        }
        scene.run(Duration::from_secs(30), |_, _| {});
        for (stopped, next) in [(1, 2), (2, 3), (3, 1)] {
            elect(&mut scene, next);
            scene.sweeps(2);
            let started = scene.now.as_second() as f64;
            scene.metric(stopped, "process_start_time_seconds", started);
            let verdict = scene.run(Duration::from_secs(20), |_, _| {});
            assert!(of_kind(&verdict, FindingKind::LeaderFlapping).is_empty());
        }
    }
}
