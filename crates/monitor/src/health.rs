//! From what a member said to whether it does its work; and the same for a whole cluster.

use std::time::Duration;

use etcd::{AlarmKind, Error, ErrorClass, MemberInfo, Status};
use jiff::Timestamp;
use model::finding::{Finding, FindingKind, FindingState};
use model::health::{ClusterState, Health, Role};
use model::id::MemberId;
use model::severity::Severity;

use crate::config::Thresholds;
use crate::membership::display_name;
use crate::picture::{self, QuorumRead};
use crate::sweep::{Call, MemberSweep, Observed, Outcome, Sweep};
use crate::view::{MemberStatus, MemberView, ProbeTimes, Quorum};

/// What is remembered of a member between sweeps, so that one that stops answering keeps its face.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// When it last answered a Status call.
    pub last_seen: Option<Timestamp>,
    /// What it said then.
    pub status: Option<MemberStatus>,
}

/// What is known of a member besides the sweep.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its ID, now or when it last answered.
    pub id: Option<MemberId>,
    /// Its entry in the member list.
    pub listed: Option<&'a MemberInfo>,
    /// Alarms that any member reports of it.
    pub alarms: &'a [AlarmKind],
    /// The leader of the sweep.
    pub leader: Option<MemberId>,
}

/// A member as it is in `sweep`; `said` is what its endpoint said, `None` when it has none.
pub fn member_view(
    sweep: &Sweep,
    said: Option<&MemberSweep>,
    known: Known<'_>,
    memory: &mut Memory,
) -> MemberView {
    let endpoint = said.map(|member| member.endpoint.to_string());
    let name = match known.listed {
        Some(member) => display_name(member),
        None => endpoint.clone().unwrap_or_default(),
    };
    if let Some(call) = said.and_then(|member| member.status.last.as_deref())
        && let Ok(status) = &call.result
    {
        memory.last_seen = Some(call.received_at());
        let quota_of_metrics = said.and_then(quota_of_metrics);
        memory.status = Some(member_status(status, quota_of_metrics));
    }
    let is_reachable = said.and_then(is_reachable);
    let role = picture::role(known.listed, known.id, known.leader, is_reachable == Some(true));
    let (health, reasons) = match said {
        None => (Health::Unknown, vec!["it has no client URL yet: never started".to_owned()]),
        Some(_) if role == Role::Unstarted => {
            (Health::Unknown, vec!["added, but never started".to_owned()])
        }
        Some(member) => member_health(sweep, member, role, known.alarms),
    };
    MemberView {
        id: known.id,
        name,
        endpoint,
        is_listed: known.listed.is_some(),
        peer_urls: known.listed.map(|m| m.peer_urls.clone()).unwrap_or_default(),
        client_urls: known.listed.map(|m| m.client_urls.clone()).unwrap_or_default(),
        is_reachable,
        health,
        reasons,
        role,
        last_seen: memory.last_seen,
        status: memory.status.clone(),
        alarms: known.alarms.iter().map(ToString::to_string).collect(),
        probes: said.map(|member| probe_times(sweep, member)).unwrap_or_default(),
        certificate_expires_at: said.and_then(|member| member.certificate_expires_at),
        scrape_error: said
            .and_then(|member| member.scrape.as_ref())
            .and_then(|scrape| scrape.page.as_ref().err().cloned()),
    }
}

fn member_status(status: &Status, quota_of_metrics: Option<u64>) -> MemberStatus {
    MemberStatus {
        version: status.version.clone(),
        storage_version: status.storage_version.clone(),
        db_size_bytes: status.db_size_bytes,
        db_size_in_use_bytes: status.db_size_in_use_bytes,
        db_size_quota_bytes: status.db_size_quota_bytes.or(quota_of_metrics),
        leader: status.leader,
        raft_term: status.raft_term,
        raft_index: status.raft_index,
        raft_applied_index: status.raft_applied_index,
        revision: status.header.revision,
        errors: status.errors.clone(),
    }
}

/// Before 3.6 only the metrics tell the quota.
fn quota_of_metrics(member: &MemberSweep) -> Option<u64> {
    let page = member.scrape.as_ref()?.page.as_ref().ok()?;
    page.quota_bytes().filter(|quota| *quota > 0.0).map(|q| q as u64)
}

/// How long the probes took that succeeded in this sweep.
fn probe_times(sweep: &Sweep, member: &MemberSweep) -> ProbeTimes {
    fn took<T>(sweep: &Sweep, observed: &Observed<T>) -> Option<Duration> {
        observed.since(sweep.started_at).filter(|call| call.result.is_ok()).map(|call| call.took)
    }
    fn took_read(sweep: &Sweep, observed: &Observed<etcd::Header>) -> Option<Duration> {
        let succeeded = |call: &&Call<etcd::Header>| match &call.result {
            Ok(_) => true,
            Err(error) => crate::probe::proves_the_path(error),
        };
        observed.since(sweep.started_at).filter(succeeded).map(|call| call.took)
    }
    ProbeTimes {
        status: took(sweep, &member.status),
        serializable_read: took_read(sweep, &member.serializable_read),
        linearizable_read: took_read(sweep, &member.linearizable_read),
        write: took(sweep, &member.write),
    }
}

/// Whether the member answers us: any answer counts, even a refusal. `None`: no answer yet, or what
/// answers is no etcd.
pub fn is_reachable(member: &MemberSweep) -> Option<bool> {
    match member.status.outcome() {
        Outcome::Answered(_) => Some(true),
        Outcome::Late(_) => Some(false),
        Outcome::NotYet => None,
        Outcome::Failed(error) => match error.class() {
            ErrorClass::Dns
            | ErrorClass::Refused
            | ErrorClass::Transport
            | ErrorClass::Deadline => Some(false),
            ErrorClass::Tls | ErrorClass::NotEtcd => None,
            _ => Some(true),
        },
    }
}

/// Whether a member does its work, and if not, why: worst first.
fn member_health(
    sweep: &Sweep,
    member: &MemberSweep,
    role: Role,
    alarms: &[AlarmKind],
) -> (Health, Vec<String>) {
    let status = match member.status.outcome() {
        Outcome::NotYet => return (Health::Unknown, vec!["not asked yet".to_owned()]),
        Outcome::Late(waiting) => {
            return (Health::Unhealthy, vec![format!("Status {}", late(waiting))]);
        }
        Outcome::Failed(error) => return (health_of_failure(error), vec![error.to_string()]),
        Outcome::Answered(status) => status,
    };
    let mut reasons = Vec::new();
    if status.leader.is_none() {
        reasons.push("it knows no leader".to_owned());
    }
    match picture::quorum_read(sweep, member) {
        QuorumRead::Failed => reasons.push(match member.linearizable_read.outcome() {
            Outcome::Failed(error) => error.to_string(),
            Outcome::Late(waiting) => format!("linearizable read {}", late(waiting)),
            Outcome::Answered(_) | Outcome::NotYet => "no linearizable read".to_owned(),
        }),
        QuorumRead::Succeeded | QuorumRead::Unknown => {}
    }
    match member.serializable_read.outcome() {
        Outcome::Failed(error) if !crate::probe::proves_the_path(error) => {
            reasons.push(error.to_string());
        }
        Outcome::Late(waiting) => reasons.push(format!("serializable read {}", late(waiting))),
        _ => {}
    }
    match member.write.outcome() {
        Outcome::Failed(error) if role != Role::Learner => reasons.push(error.to_string()),
        Outcome::Late(waiting) => reasons.push(format!("write {}", late(waiting))),
        _ => {}
    }
    for alarm in alarms {
        reasons.push(format!("the {alarm} alarm is raised on it"));
    }
    let health = if reasons.is_empty() { Health::Healthy } else { Health::Unhealthy };
    (health, reasons)
}

fn late(waiting: Duration) -> String {
    format!("has not been answered for {:.1} s", waiting.as_secs_f64())
}

/// A failure on our side, such as a wrong password, says nothing about the member.
fn health_of_failure(error: &Error) -> Health {
    match error.class() {
        ErrorClass::Tls
        | ErrorClass::Auth
        | ErrorClass::PermissionDenied
        | ErrorClass::NotEtcd
        | ErrorClass::Unsupported => Health::Unknown,
        _ => Health::Unhealthy,
    }
}

/// What the state of a cluster is derived from.
#[derive(Debug)]
pub struct ClusterFacts<'a> {
    /// All members.
    pub members: &'a [MemberView],
    /// The votes.
    pub quorum: Quorum,
    /// Whether a member leads; `None` when the sweep does not tell.
    pub has_leader: Option<bool>,
    /// Findings that are not closed.
    pub findings: &'a [std::sync::Arc<Finding>],
    /// What is too much.
    pub thresholds: &'a Thresholds,
    /// Elections seen in the last hour.
    pub leader_changes: u64,
    /// The slowest probe: the median of the last minute, and who answered it.
    pub slowest: Option<(String, Duration)>,
}

/// How a cluster is, and why, worst first.
pub fn cluster_state(facts: &ClusterFacts<'_>) -> (ClusterState, Vec<String>) {
    let mut critical = Vec::new();
    let mut degraded = Vec::new();
    let mut unknown = Vec::new();
    let listed = || facts.members.iter().filter(|member| member.is_listed);

    if facts.members.iter().all(|member| member.is_reachable.is_none()) {
        for member in facts.members {
            // An error says its endpoint itself, which is the name of a member that never answered.
            unknown.extend(member.reasons.iter().map(|why| {
                if member.endpoint.as_ref() == Some(&member.name) {
                    why.clone()
                } else {
                    format!("{}: {why}", member.name)
                }
            }));
        }
        return (ClusterState::Unknown, unknown);
    }
    if facts.members.iter().all(|member| member.is_reachable != Some(true)) {
        critical.push("no member answers".to_owned());
    } else if facts.quorum.has_quorum == Some(false) {
        critical.push(format!(
            "no quorum: {} of {} voters healthy, {} needed",
            facts.quorum.healthy_voters, facts.quorum.voters, facts.quorum.needed
        ));
    } else if facts.has_leader == Some(false) {
        critical.push("no member leads".to_owned());
    }
    if let Some(least) = facts.thresholds.min_available_nodes
        && facts.quorum.voters > 0
        && facts.quorum.healthy_voters < least
    {
        critical.push(format!(
            "{} healthy voters, fewer than min_available_nodes = {least}",
            facts.quorum.healthy_voters
        ));
    }
    for finding in facts.findings {
        if !matches!(finding.state, FindingState::Open | FindingState::Clearing) {
            continue;
        }
        match finding.severity {
            // It pages, since worse may follow; but the cluster serves.
            Severity::Critical if serves_despite(finding.kind) => {
                degraded.push(finding.summary.clone());
            }
            Severity::Critical => critical.push(finding.summary.clone()),
            Severity::Warning => degraded.push(finding.summary.clone()),
            Severity::Info => {}
        }
    }
    for member in listed().filter(|member| member.role != Role::Unstarted) {
        let why = member.reasons.first().map_or("", String::as_str);
        match member.health {
            Health::Healthy => {}
            Health::Unhealthy => degraded.push(format!("{} is unhealthy: {why}", member.name)),
            Health::Unknown => unknown.push(format!("{} is unknown: {why}", member.name)),
        }
    }
    degraded.extend(crossed_thresholds(facts));

    let state = if !critical.is_empty() {
        ClusterState::Critical
    } else if !degraded.is_empty() || !unknown.is_empty() {
        ClusterState::Degraded
    } else {
        ClusterState::Healthy
    };
    critical.append(&mut degraded);
    critical.append(&mut unknown);
    (state, critical)
}

/// Whether a cluster with a critical finding of this kind serves all the same.
fn serves_despite(kind: FindingKind) -> bool {
    use FindingKind as Kind;
    matches!(
        kind,
        Kind::MemberDown
            | Kind::MemberIsolated
            | Kind::SlowFsync
            | Kind::SlowCommit
            | Kind::ClockSkew
            | Kind::GrpcErrors
            | Kind::FileDescriptors
    )
}

fn crossed_thresholds(facts: &ClusterFacts<'_>) -> Vec<String> {
    let mut crossed = Vec::new();
    if facts.leader_changes > facts.thresholds.max_leader_changes {
        crossed.push(format!(
            "{} leader changes in the last hour, more than max_leader_changes = {}",
            facts.leader_changes, facts.thresholds.max_leader_changes
        ));
    }
    if let Some((who, median)) = &facts.slowest
        && median.as_millis() > u128::from(facts.thresholds.max_latency_ms)
    {
        crossed.push(format!(
            "{who}: the median probe of the last minute took {} ms, more than max_latency_ms = {}",
            median.as_millis(),
            facts.thresholds.max_latency_ms
        ));
    }
    for member in facts.members {
        let Some(status) = &member.status else { continue };
        let size_mb = status.db_size_bytes >> 20;
        if size_mb > facts.thresholds.max_db_size_mb {
            crossed.push(format!(
                "{}: database has {size_mb} MiB, more than max_db_size_mb = {}",
                member.name, facts.thresholds.max_db_size_mb
            ));
        }
    }
    crossed
}
