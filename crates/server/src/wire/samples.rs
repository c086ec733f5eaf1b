//! Hand-made views for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Evidence, Finding, FindingKind, FindingState, MemberRef};
use model::health::{ClusterState, Health, Role};
use model::id::{ClusterId, MemberId};
use model::leader::{LeaderChange, Leadership};
use model::severity::Severity;
use monitor::view::{ClusterView, MemberStatus, MemberView, ProbeTimes, Quorum};

/// The moment of all samples.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

fn at(second: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(second)
}

fn member_ref(id: u64) -> MemberRef {
    MemberRef {
        id: Some(MemberId(id)),
        name: format!("infra{id}"),
        endpoint: format!("10.0.0.{id}:2379"),
    }
}

/// A cluster that was not swept yet.
pub(crate) fn never_swept() -> ClusterView {
    ClusterView::unseen("fresh", &BTreeMap::new(), "not looked at yet")
}

fn member(id: u64, role: Role) -> MemberView {
    let is_up = role != Role::Unknown;
    MemberView {
        id: Some(MemberId(id)),
        name: format!("infra{id}"),
        endpoint: Some(format!("10.0.0.{id}:2379")),
        is_listed: true,
        peer_urls: vec![format!("http://10.0.0.{id}:2380")],
        client_urls: vec![format!("http://10.0.0.{id}:2379")],
        is_reachable: Some(is_up),
        health: if is_up { Health::Healthy } else { Health::Unhealthy },
        reasons: if is_up { Vec::new() } else { vec!["connection refused".to_owned()] },
        role,
        last_seen: Some(at(1)),
        status: Some(MemberStatus {
            version: "3.6.5".to_owned(),
            storage_version: Some("3.6.0".to_owned()),
            db_size_bytes: 20_480,
            db_size_in_use_bytes: Some(16_384),
            db_size_quota_bytes: Some(2_147_483_648),
            leader: Some(MemberId(1)),
            raft_term: 7,
            raft_index: 1_000,
            raft_applied_index: 1_000,
            revision: 42,
            errors: Vec::new(),
        }),
        alarms: Vec::new(),
        probes: ProbeTimes {
            status: Some(Duration::from_micros(800)),
            serializable_read: Some(Duration::from_micros(700)),
            linearizable_read: is_up.then_some(Duration::from_micros(1_900)),
            write: None,
        },
        certificate_expires_at: None,
        scrape_error: None,
    }
}

/// A cluster of three of which one is down.
pub(crate) fn degraded() -> ClusterView {
    let finding = Finding {
        kind: FindingKind::MemberDown,
        member: Some(member_ref(3)),
        about: String::new(),
        severity: Severity::Warning,
        state: FindingState::Open,
        since: at(9),
        opened_at: Some(at(8)),
        closed_at: None,
        summary: "infra3 is down".to_owned(),
        explanation: "The cluster goes on without it.".to_owned(),
        evidence: vec![Evidence {
            at: at(1),
            source: "10.0.0.3:2379 Status".to_owned(),
            observed: "connection refused".to_owned(),
        }],
        causes: vec!["its process ended".to_owned()],
        next_steps: vec!["start it again".to_owned()],
        hidden_by: None,
        expected: None,
    };
    ClusterView {
        id: Some(ClusterId(0xc1)),
        labels: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
        state: ClusterState::Degraded,
        reasons: vec!["infra3 is down".to_owned()],
        as_of: Some(at(1)),
        sweeps: 17,
        sweep_took: Duration::from_millis(6),
        quorum: Quorum {
            voters: 3,
            healthy_voters: 2,
            needed: 2,
            margin: 0,
            has_quorum: Some(true),
        },
        leader: Some(Leadership {
            member: member_ref(1),
            term: 7,
            since: at(60),
            seen_elected: true,
        }),
        leader_changes: 1,
        leader_history: Arc::new(VecDeque::from([LeaderChange {
            at: at(60),
            term: 7,
            from: Some(member_ref(3)),
            to: Some(member_ref(1)),
            leaderless: Duration::from_millis(1_200),
        }])),
        versions: vec!["3.6.5".to_owned()],
        cluster_version: Some("3.6.0".to_owned()),
        members: vec![member(1, Role::Leader), member(2, Role::Follower), member(3, Role::Unknown)],
        findings: vec![Arc::new(finding)],
        ..ClusterView::unseen("prod", &BTreeMap::new(), "")
    }
}
