//! Reports of a hand-made cluster, read as a person would.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::finding::{Evidence, Finding, FindingKind, FindingState, MemberRef};
use model::health::{ClusterState, Health, Role};
use model::id::MemberId;
use model::severity::Severity;
use monitor::consistency::Consistency;
use monitor::view::{ClusterView, MemberStatus, MemberView, ProbeTimes, Quorum};

use super::history::History;
use super::look::{Look, MemberSample, Sample};
use super::report::Report;
use super::text::Paper;
use super::{html, json, text};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn member(id: u64, is_up: bool) -> MemberView {
    MemberView {
        id: Some(MemberId(id)),
        name: format!("m{id}"),
        endpoint: Some(format!("10.0.0.{id}:2379")),
        is_listed: true,
        peer_urls: Vec::new(),
        client_urls: Vec::new(),
        is_reachable: Some(is_up),
        health: if is_up { Health::Healthy } else { Health::Unhealthy },
        reasons: Vec::new(),
        role: if id == 1 { Role::Leader } else { Role::Follower },
        last_seen: Some(at(0)),
        status: Some(MemberStatus {
            version: "3.6.14".to_owned(),
            storage_version: None,
            db_size_bytes: 900 << 20,
            db_size_in_use_bytes: Some(100 << 20),
            db_size_quota_bytes: Some(8 << 30),
            leader: Some(MemberId(1)),
            raft_term: 4,
            raft_index: 1_000,
            raft_applied_index: 1_000,
            revision: 42,
            errors: Vec::new(),
        }),
        alarms: Vec::new(),
        probes: ProbeTimes {
            linearizable_read: is_up.then_some(Duration::from_micros(1_900)),
            ..ProbeTimes::default()
        },
        certificate_expires_at: None,
        scrape_error: None,
    }
}

fn finding(kind: FindingKind, id: u64, about: &str, hidden_by: Option<FindingKind>) -> Finding {
    Finding {
        kind,
        member: Some(MemberRef {
            id: Some(MemberId(id)),
            name: format!("m{id}"),
            endpoint: format!("10.0.0.{id}:2379"),
        }),
        about: about.to_owned(),
        severity: Severity::Warning,
        state: FindingState::Open,
        since: at(3),
        opened_at: Some(at(5)),
        closed_at: None,
        summary: format!("m{id} is <not> well"),
        explanation: "The cluster goes on without it, with less margin for the next failure."
            .to_owned(),
        evidence: vec![Evidence {
            at: at(6),
            source: "10.0.0.3:2379 Status".to_owned(),
            observed: "connection refused".to_owned(),
        }],
        causes: vec!["its process ended".to_owned(), "its host is down".to_owned()],
        next_steps: vec!["systemctl status etcd".to_owned()],
        hidden_by,
        expected: None,
    }
}

fn report() -> Report {
    let down = finding(FindingKind::MemberDown, 3, "", None);
    let link = finding(FindingKind::LinkDown, 1, "m3", Some(FindingKind::MemberDown));
    let view = ClusterView {
        state: ClusterState::Degraded,
        as_of: Some(at(60)),
        quorum: Quorum {
            voters: 3,
            healthy_voters: 2,
            needed: 2,
            margin: 0,
            has_quorum: Some(true),
        },
        members: vec![member(1, true), member(2, true), member(3, false)],
        findings: vec![Arc::new(down), Arc::new(link)],
        ..ClusterView::unseen("prod", &std::collections::BTreeMap::new(), "")
    };
    let sample = |second: i64| Sample {
        at: at(second),
        members: (1..=2)
            .map(|id| MemberSample {
                name: format!("m{id}"),
                read_seconds: Some(0.001 * (second + id) as f64),
                lag_entries: Some(0.0),
                fsync_p99_seconds: None,
            })
            .collect(),
    };
    let look = Look {
        started_at: at(0),
        watched: Duration::from_mins(1),
        scrape_interval: Duration::from_secs(5),
        view: Arc::new(view),
        metrics: Vec::new(),
        consistency: Arc::new(Consistency::new(at(0))),
        passed: Vec::new(),
        samples: (0..10).map(sample).collect(),
    };
    let mut report = Report::new(vec![look]);
    report.clusters[0].history = History::None("nobody answers".to_owned());
    report
}

#[test]
fn the_text_says_what_is_wrong_why_and_what_to_do() {
    insta::assert_snapshot!(text::render(&report(), Paper::plain()));
}

#[test]
fn symptoms_stand_beneath_their_root() {
    let report = report();
    let cluster = &report.clusters[0];
    assert!(!report.is_well());
    assert_eq!((cluster.findings.len(), cluster.findings[0].symptoms.len()), (1, 1));
    assert_eq!(cluster.count(Severity::Warning), 2);
}

#[test]
fn the_page_is_one_file_and_what_members_say_is_text_in_it() {
    let page = html::render(&report());
    assert!(page.contains("m3 is &lt;not&gt; well") && !page.contains("<not>"), "{page}");
    assert!(page.contains("<svg") && !page.contains("http://") && !page.contains("src="), "{page}");
}

#[test]
fn the_json_has_all_of_it() {
    let value: serde_json::Value = serde_json::from_str(&json::render(&report())).unwrap();
    let cluster = &value["clusters"][0];
    assert_eq!(value["is_well"], false);
    assert_eq!(cluster["findings"][1]["hidden_by"], "member_down");
    assert_eq!(cluster["findings"][0]["evidence"][0]["observed"], "connection refused");
    assert_eq!(cluster["recommendations"][0]["topic"], "defragmentation");
    let started_at: Timestamp = cluster["started_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(started_at - at(0), SignedDuration::ZERO);
}
