//! Watches a busy, healthy cluster for an hour in which leaders are moved, members restarted one
//! after the other, and the version is raised; every finding that is told meanwhile is listed.
//!
//! usage: soak [MINUTES]   60 when not given
//!
//! Exits with 1 when any finding of two leaders or two clusters was told, or a critical one, unless it
//! is that a member is down or leaders change while members are restarted: that is true then.
#![expect(clippy::print_stdout, reason = "it prints what it sees")]

mod load;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use model::clock::SystemClock;
use model::finding::{Finding, FindingKind};
use model::severity::Severity;
use monitor::config::ClusterConfig;
use monitor::fleet::Fleet;
use testbed::{Cluster, EtcdVersion};
use tokio::time::{Instant, sleep, sleep_until};

use crate::load::Load;

/// Work on the cluster, in the order in which it is done.
const WORK: [Work; 13] = {
    use Work::{MoveLeader, RollingRestart, RollingUpgrade};
    [
        MoveLeader,
        MoveLeader,
        RollingRestart,
        MoveLeader,
        MoveLeader,
        MoveLeader,
        RollingRestart,
        MoveLeader,
        MoveLeader,
        RollingUpgrade,
        MoveLeader,
        MoveLeader,
        MoveLeader,
    ]
};

/// What must never be told of a cluster with one leader.
const SPLIT_BRAIN: [FindingKind; 4] = [
    FindingKind::StaleLeader,
    FindingKind::LeaderUniquenessViolated,
    FindingKind::DividedCluster,
    FindingKind::DuplicateMember,
];

/// What is true, and may be critical, while members are restarted.
const OF_RESTARTS: [FindingKind; 2] = [FindingKind::MemberDown, FindingKind::LeaderFlapping];

/// What a restart brings about is told within this time after it.
const AFTERMATH: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum Work {
    MoveLeader,
    RollingRestart,
    RollingUpgrade,
}

#[tokio::main]
async fn main() -> ExitCode {
    let minutes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let length = Duration::from_mins(minutes);
    let etcd = Cluster::builder(EtcdVersion::V3_5).members(3).start().await.expect("it starts");
    let load = Load::start(&etcd).await;
    let fleet = Fleet::new(Arc::new(SystemClock));
    fleet.apply(vec![ClusterConfig {
        name: "soak".to_owned(),
        endpoints: etcd.endpoints(),
        ..ClusterConfig::default()
    }]);
    let start = Instant::now();
    let seen = tokio::spawn(note(fleet.clone(), start, length));
    let mut rolling = Vec::new();
    for (number, work) in (1..).zip(WORK) {
        sleep_until(start + length * number / (WORK.len() as u32 + 1)).await;
        println!("{:>6.0} s  {work:?}", start.elapsed().as_secs_f64());
        let begun = start.elapsed();
        work.on(&etcd).await;
        if !matches!(work, Work::MoveLeader) {
            rolling.push((begun.as_secs_f64(), (start.elapsed() + AFTERMATH).as_secs_f64()));
        }
    }
    let seen = seen.await.expect("it ends");
    let (operations, failed) = load.end();
    fleet.shutdown().await;

    let mut wrong = 0;
    for (at, finding) in &seen {
        let is_explained = OF_RESTARTS.contains(&finding.kind)
            && rolling.iter().any(|(from, to)| from <= at && at <= to);
        let is_wrong = SPLIT_BRAIN.contains(&finding.kind)
            || (finding.severity == Severity::Critical && !is_explained);
        wrong += usize::from(is_wrong);
        println!(
            "{at:>6.0} s  {:<8} {}: {}{}",
            finding.severity.as_str(),
            finding.kind,
            finding.summary,
            if is_wrong { "   <-- WRONG" } else { "" }
        );
    }
    let rate = operations as f64 / start.elapsed().as_secs_f64();
    println!("{minutes} min, {rate:.0} operations/s, {failed} failed while members were restarted");
    println!("{} findings were told, {wrong} of them wrong", seen.len());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All findings that are open at some time, each with its worst severity, by when they opened.
async fn note(fleet: Fleet, start: Instant, length: Duration) -> Vec<(f64, Finding)> {
    let mut seen: Vec<(f64, Finding)> = Vec::new();
    while start.elapsed() < length {
        sleep(Duration::from_millis(50)).await;
        let view = fleet.cluster("soak").expect("it is watched").view();
        for finding in view.findings.iter().filter(|finding| finding.is_open()) {
            let is_same = |known: &Finding| {
                known.kind == finding.kind
                    && known.since == finding.since
                    && known.about == finding.about
                    && known.member.as_ref().map(|m| m.id) == finding.member.as_ref().map(|m| m.id)
            };
            match seen.iter_mut().find(|(_, known)| is_same(known)) {
                Some((_, known)) if known.severity >= finding.severity => {}
                Some((_, known)) => *known = (**finding).clone(),
                None => seen.push((start.elapsed().as_secs_f64(), (**finding).clone())),
            }
        }
    }
    seen
}

impl Work {
    async fn on(self, etcd: &Cluster) {
        match self {
            Self::MoveLeader => {
                let target = etcd.follower().await.expect("there is one");
                etcd.move_leader_to(target).await.expect("it is moved");
            }
            Self::RollingRestart => {
                for member in etcd.members() {
                    member.restart().await.expect("it is started again");
                    etcd.wait_ready().await.expect("it is back");
                    sleep(Duration::from_secs(5)).await;
                }
            }
            Self::RollingUpgrade => {
                for member in etcd.members() {
                    let upgraded = member.restart_with_version(EtcdVersion::V3_6).await;
                    upgraded.expect("it is started again");
                    etcd.wait_ready().await.expect("it is back");
                    sleep(Duration::from_secs(5)).await;
                }
            }
        }
    }
}
