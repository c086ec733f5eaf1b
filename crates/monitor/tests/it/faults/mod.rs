//! Faults made for real on real clusters: each is found with the right member named, and is over when
//! it is repaired.

mod certificates;
mod clients;
mod clock;
mod copies;
mod data;
mod disk;
mod hours;
mod keys;
mod lag;
mod membership;
mod network;
mod outage;
mod raft;
mod settings;
mod space;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use model::clock::Clock as _;
use model::event::EventKind;
use model::finding::{Finding, FindingKind, FindingState};
use model::health::{ClusterState, Health};
use model::id::MemberId;
use model::severity::Severity;
use monitor::view::ClusterView;
use testbed::faults::{Part, lab};
use testbed::version::skip;
use testbed::{ClusterBuilder, Member};

use crate::watched::Watched;

/// How long a call may take that nothing hinders.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long it may take until a fault is seen, or is over, on a machine that has other work.
const SOON: Duration = Duration::from_secs(30);

/// Whether this machine can make faults that take `parts`; says why not.
fn can(parts: &[Part]) -> bool {
    lab(parts).inspect_err(|reason| skip(reason)).is_ok()
}

/// A cluster whose members are well, and its watcher.
async fn watched(builder: ClusterBuilder) -> Watched {
    let watched = Watched::start(builder).await;
    all_are_well(&watched).await;
    watched
}

/// Waits until every member is well, whatever is still told of the cluster.
async fn all_are_well(watched: &Watched) {
    let is_well = |view: &ClusterView| {
        view.state != ClusterState::Unknown
            && view.quorum.has_quorum == Some(true)
            && view.members.iter().all(|member| member.health == Health::Healthy)
    };
    watched.until("all members are well", SOON, is_well).await;
}

/// The findings of `kind` that are in `state`.
fn in_state(view: &ClusterView, kind: FindingKind, state: FindingState) -> Vec<Arc<Finding>> {
    let is_it = |finding: &&Arc<Finding>| finding.kind == kind && finding.state == state;
    view.findings.iter().filter(is_it).cloned().collect()
}

/// The member that a finding names.
fn named(finding: &Finding) -> Option<MemberId> {
    finding.member.as_ref().and_then(|member| member.id)
}

/// Waits until `kind` is open as bad as `severity`, about `member` alone (`None`: about the cluster).
async fn opens(
    watched: &Watched,
    kind: FindingKind,
    member: Option<&Member>,
    severity: Severity,
) -> Arc<Finding> {
    let id = member.map(Member::id);
    let is_open = |view: &ClusterView| {
        let open = in_state(view, kind, FindingState::Open);
        open.iter().any(|finding| named(finding) == id && finding.severity == severity)
    };
    let took = watched.until(&format!("{kind} is open"), SOON * 2, is_open).await;
    let view = watched.view();
    let open = in_state(&view, kind, FindingState::Open);
    let of = member.map_or("the cluster", Member::name);
    println!("etcd {}: {kind} of {of} open after {took:.1?}", watched.etcd.version());
    let as_bad: Vec<_> = open.into_iter().filter(|finding| finding.severity >= severity).collect();
    assert!(as_bad.iter().all(|finding| named(finding) == id), "others too: {as_bad:#?}");
    let finding = as_bad.into_iter().next().unwrap();
    assert!(!finding.evidence.is_empty(), "{finding:#?}");
    finding
}

/// Waits until no finding of `kind` is open any more.
async fn closes(watched: &Watched, kind: FindingKind) {
    closes_to(watched, kind, None, SOON * 2).await;
}

/// Waits until no finding of `kind` is open that is worse than `rest`, which a machine with other
/// work may leave.
async fn closes_to(
    watched: &Watched,
    kind: FindingKind,
    rest: Option<Severity>,
    deadline: Duration,
) {
    let is_over = |view: &ClusterView| {
        let of_kind = view.findings.iter().filter(|it| it.kind == kind && it.is_open());
        of_kind.map(|it| Some(it.severity)).all(|severity| severity <= rest)
    };
    let took = watched.until(&format!("{kind} is over"), deadline, is_over).await;
    println!("etcd {}: {kind} over after {took:.1?}", watched.etcd.version());
    // One that a busy machine leaves, less bad than before, is not closed.
    let view = watched.view();
    if !view.findings.iter().any(|it| it.kind == kind && it.is_open()) {
        assert!(watched.has_event(EventKind::FindingClosed), "{:?}", watched.events());
    }
}

/// Waits until `kind` is pending, about the member `id` alone.
async fn is_pending(watched: &Watched, kind: FindingKind, id: Option<MemberId>) -> Arc<Finding> {
    let is_seen = |view: &ClusterView| {
        let pending = in_state(view, kind, FindingState::Pending);
        pending.len() == 1 && named(&pending[0]) == id
    };
    let took = watched.until(&format!("{kind} is pending"), SOON, is_seen).await;
    println!("etcd {}: {kind} pending after {took:.1?}", watched.etcd.version());
    in_state(&watched.view(), kind, FindingState::Pending).remove(0)
}

/// Everything that was told so far.
fn told(watched: &Watched) -> Vec<String> {
    watched.events().into_iter().map(|(_, message)| message).collect()
}

/// Waits for `count` more sweeps.
async fn more_sweeps(watched: &Watched, count: u64) {
    let before = watched.view().sweeps;
    let are_done = |view: &ClusterView| view.sweeps >= before + count;
    watched.until("more sweeps", SOON, are_done).await;
}

/// Lets the fleet's clock run fast, but not so fast that pages of metrics get old, until `is_over`.
async fn pass(watched: &Watched, what: &str, is_over: impl Fn(&ClusterView) -> bool) {
    let start = tokio::time::Instant::now();
    while !is_over(&watched.view()) {
        assert!(start.elapsed() < SOON * 3, "{what}: {:#?}", watched.events());
        watched.clock.advance(Duration::from_secs(5));
        let since = watched.clock.now();
        let are_new = |_: &ClusterView| {
            let metrics = watched.handle().metrics();
            metrics.iter().all(|of| of.figures.as_ref().is_some_and(|figures| figures.at > since))
        };
        watched.until("new pages", SOON, are_new).await;
    }
}

/// Writes `count` small values of as many keys, many at a time, by the leader.
async fn put_many(watched: &Watched, prefix: &str, count: usize) {
    let client = watched.etcd.client_of(watched.etcd.leader().await.unwrap());
    for begin in (0..count).step_by(100) {
        let puts = (begin..count.min(begin + 100))
            .map(|number| client.put(format!("{prefix}{number}"), "value", None, SOON));
        futures::future::try_join_all(puts).await.unwrap();
    }
}
