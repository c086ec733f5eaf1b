//! What a judge says of hand-made sweeps of a three-member cluster.

use std::time::Duration;

use etcd::{Header, MemberList, Scheme, Status};
use jiff::SignedDuration;
use model::event::EventKind;
use model::finding::{FindingKind, FindingState};
use model::health::ClusterState;
use model::id::ClusterId;

use super::*;
use crate::metrics::page::Page;
use crate::scrape::Scrape;
use crate::sweep::{Call, Observed};

/// How a member behaves in a sweep.
#[derive(Clone, Copy)]
struct Says {
    /// Whom it names as leader; 0: nobody.
    leader: u64,
    /// Whether its linearizable read succeeds; if not, it is late.
    reads: bool,
    /// Whether it answers at all; if not, everything is late.
    answers: bool,
    /// The peers that it has an active link to, as its metrics tell; `None`: no metrics.
    links: Option<[u8; 3]>,
    /// Whether it reports NOSPACE of member 1.
    nospace: bool,
    /// How many scrapes of it failed in a row.
    failed_scrapes: u32,
}

const LED_BY_1: Says =
    Says { leader: 1, reads: true, answers: true, links: None, nospace: false, failed_scrapes: 0 };
const FROZEN: Says = Says { leader: 0, reads: false, answers: false, ..LED_BY_1 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn observed<T>(started_at: Timestamp, answer: Option<T>) -> Observed<T> {
    match answer {
        Some(answer) => Observed {
            last: Some(Arc::new(Call {
                sent_at: started_at,
                took: Duration::from_millis(2),
                result: Ok(answer),
            })),
            waiting: None,
        },
        None => Observed { last: None, waiting: Some(Duration::from_secs(2)) },
    }
}

fn list(header: Header) -> MemberList {
    let member = |id: u64| MemberInfo {
        id: MemberId(id),
        name: format!("m{id}"),
        peer_urls: vec![format!("http://m{id}:2380")],
        client_urls: vec![format!("http://m{id}:2379")],
        is_learner: false,
    };
    MemberList { header, members: (1..=3).map(member).collect() }
}

fn member_sweep(id: u64, says: Says, started_at: Timestamp) -> MemberSweep {
    let endpoint = Endpoint::parse(&format!("m{id}:2379"), Scheme::Http).unwrap();
    let header =
        Header { cluster_id: ClusterId(0xc1), member_id: MemberId(id), revision: 7, raft_term: 2 };
    let status = Status {
        header,
        version: "3.6.14".into(),
        db_size_bytes: 4_096,
        db_size_in_use_bytes: Some(1_024),
        leader: (says.leader != 0).then_some(MemberId(says.leader)),
        raft_index: 9,
        raft_term: 2,
        raft_applied_index: 9,
        errors: Vec::new(),
        is_learner: false,
        storage_version: None,
        db_size_quota_bytes: None,
        downgrade: None,
    };
    let alarms = if says.nospace {
        vec![Alarm { member: MemberId(1), kind: AlarmKind::Nospace }]
    } else {
        Vec::new()
    };
    let scrape = says.links.map(|links| {
        let lines = (1..=3).zip(links).filter(|(peer, _)| *peer != id).map(|(peer, link)| {
            format!("etcd_network_active_peers{{Local=\"{id}\",Remote=\"{peer}\"}} {link}\n")
        });
        let page = Page::parse(lines.collect::<String>().as_bytes(), started_at).unwrap();
        Arc::new(Scrape::of_page(started_at, Ok(Arc::new(page))))
    });
    let failed = || {
        let page = Err(format!("m{id}:2379: GET /metrics: no answer within 10s"));
        Arc::new(Scrape::of_page(started_at, page))
    };
    let scrape = scrape.or_else(|| (says.failed_scrapes > 0).then(failed));
    let when = |condition: bool| condition.then_some(());
    MemberSweep {
        status: observed(started_at, when(says.answers).map(|()| status)),
        local_members: observed(started_at, when(says.answers).map(|()| list(header))),
        members: observed(started_at, when(says.reads).map(|()| list(header))),
        alarms: observed(started_at, when(says.answers).map(|()| alarms)),
        serializable_read: observed(started_at, when(says.answers).map(|()| header)),
        linearizable_read: observed(started_at, when(says.reads).map(|()| header)),
        scrape,
        failed_scrapes: says.failed_scrapes,
        ..MemberSweep::of(endpoint)
    }
}

/// Judges one sweep per second; returns the last verdict and all events in words.
fn judge(sweeps: &[[Says; 3]]) -> (Verdict, Vec<String>) {
    judge_after(Past::default(), sweeps)
}

/// The same after a restart of the monitor.
fn judge_after(past: Past, sweeps: &[[Says; 3]]) -> (Verdict, Vec<String>) {
    let endpoints =
        (1..=3).map(|id| Endpoint::parse(&format!("m{id}:2379"), Scheme::Http).unwrap()).collect();
    let brief = Brief {
        name: "test".into(),
        labels: BTreeMap::new(),
        configured: Configured { endpoints, map: BTreeMap::new(), default_scheme: Scheme::Http },
        is_anonymous: true,
        thresholds: Thresholds::default(),
        scrape_interval: Duration::from_secs(15),
    };
    let mut judge = Judge::new(brief, past);
    let mut words = Vec::new();
    let mut last = None;
    for (number, says) in (1..).zip(sweeps) {
        let started_at = at(number);
        let sweep = Sweep {
            consistency: None,
            benchmark: None,
            number: number as u64,
            started_at,
            closed_at: started_at + SignedDuration::from_millis(5),
            members: (1..).zip(says).map(|(id, s)| member_sweep(id, *s, started_at)).collect(),
        };
        let verdict = judge.advance(sweep, None);
        words.extend(verdict.events.iter().map(|e| format!("{number}s {}", describe(e))));
        last = Some(verdict);
    }
    (last.unwrap(), words)
}

fn describe(event: &NewEvent) -> String {
    match event.kind {
        EventKind::FindingOpened | EventKind::LeaderElected | EventKind::LeaderLost => {
            event.message.clone()
        }
        kind => {
            let member = event.member.as_ref().map_or("", |member| member.name.as_str());
            format!("{kind} {member}").trim_end().to_owned()
        }
    }
}

#[test]
fn a_healthy_cluster_is_healthy_and_calm_from_its_first_sweep() {
    let (verdict, events) = judge(&[[LED_BY_1; 3]]);
    let view = &verdict.view;
    assert_eq!(view.state, ClusterState::Healthy, "{:?}", view.reasons);
    assert!(verdict.is_calm && events.is_empty(), "{events:?}");
    assert_eq!((view.quorum.voters, view.quorum.margin), (3, 1));
    assert_eq!(view.leader.as_ref().unwrap().member.name, "m1");
    let roles: Vec<Role> = view.members.iter().map(|member| member.role).collect();
    assert_eq!(roles, [Role::Leader, Role::Follower, Role::Follower]);
}

#[test]
fn a_leader_that_freezes_is_lost_and_its_successor_is_seen() {
    let orphan = Says { reads: false, ..LED_BY_1 };
    let led_by_2 = Says { leader: 2, ..LED_BY_1 };
    let (verdict, events) = judge(&[
        [LED_BY_1; 3],
        [FROZEN, orphan, orphan],
        [FROZEN, led_by_2, led_by_2],
        [FROZEN, led_by_2, led_by_2],
        [FROZEN, led_by_2, led_by_2],
    ]);
    assert!(events.contains(&"2s no leader: m1 led until now".to_owned()), "{events:?}");
    let elected = "3s m2 leads, after m1 (term 2), 1.0 s without a leader".to_owned();
    assert!(events.contains(&elected), "{events:?}");
    let frozen = &verdict.view.members[0];
    assert_eq!((frozen.health, frozen.is_reachable), (Health::Unhealthy, Some(false)));
    assert_eq!(frozen.last_seen.map(Timestamp::as_second), Some(at(1).as_second()));
    assert_eq!(verdict.view.state, ClusterState::Degraded);
    assert!(!verdict.is_calm);
}

#[test]
fn a_leader_that_only_we_cannot_reach_still_leads() {
    let (verdict, events) = judge(&[[LED_BY_1; 3], [FROZEN, LED_BY_1, LED_BY_1]]);
    assert_eq!(verdict.view.leader.as_ref().unwrap().member.name, "m1");
    assert!(!events.iter().any(|event| event.contains("no leader")), "{events:?}");
}

/// The findings that are no symptom of another one.
fn kinds(verdict: &Verdict) -> Vec<(FindingKind, FindingState)> {
    let roots = verdict.view.findings.iter().filter(|finding| finding.hidden_by.is_none());
    roots.map(|finding| (finding.kind, finding.state)).collect()
}

#[test]
fn peers_tell_a_member_that_is_down_from_one_that_we_cannot_reach() {
    let sees = |links| Says { links: Some(links), ..LED_BY_1 };
    let lost = [sees([0, 1, 0]), sees([1, 0, 1]), FROZEN];
    let (verdict, _) = judge(&[[LED_BY_1; 3], lost, lost, lost]);
    assert_eq!(kinds(&verdict), [(FindingKind::MemberUnreachable, FindingState::Open)]);

    let lost = [sees([0, 1, 0]), sees([1, 0, 0]), FROZEN];
    let (verdict, _) = judge(&[[LED_BY_1; 3], lost, lost, lost]);
    assert_eq!(kinds(&verdict), [(FindingKind::MemberDown, FindingState::Open)]);
}

#[test]
fn a_cluster_that_serves_no_linearizable_read_has_lost_its_quorum() {
    let alone = Says { leader: 0, reads: false, ..LED_BY_1 };
    let lost = [alone, FROZEN, FROZEN];
    let (verdict, _) = judge(&[[LED_BY_1; 3], lost, lost, lost]);
    assert_eq!(verdict.view.state, ClusterState::Critical);
    assert_eq!(verdict.view.quorum.has_quorum, Some(false));
    assert!(kinds(&verdict).contains(&(FindingKind::QuorumLost, FindingState::Open)));
    let (verdict, _) =
        judge(&[[LED_BY_1; 3], lost, lost, lost, [LED_BY_1; 3], [LED_BY_1; 3], [LED_BY_1; 3]]);
    assert_eq!(verdict.view.state, ClusterState::Healthy, "{:?}", verdict.view.reasons);
}

#[test]
fn an_alarm_is_found_at_once_and_is_not_over_because_nobody_answers() {
    let full = Says { nospace: true, ..LED_BY_1 };
    let (verdict, events) = judge(&[[LED_BY_1; 3], [full; 3], [FROZEN; 3]]);
    assert!(events.contains(&"2s alarm_raised m1".to_owned()), "{events:?}");
    assert!(kinds(&verdict).contains(&(FindingKind::Nospace, FindingState::Open)));
    let (verdict, events) = judge(&[[LED_BY_1; 3], [full; 3], [LED_BY_1; 3]]);
    assert!(events.contains(&"3s alarm_disarmed m1".to_owned()), "{events:?}");
    assert!(kinds(&verdict).is_empty());
}

#[test]
fn a_cluster_of_which_nobody_answers_is_critical() {
    let (verdict, events) = judge(&[[FROZEN; 3]]);
    assert_eq!(verdict.view.state, ClusterState::Critical);
    assert_eq!(events, ["1s cluster_state_changed"]);
    assert_eq!(verdict.view.quorum.has_quorum, None);
}

/// What is on record after these sweeps, in the shape of a past.
fn recorded(sweeps: &[[Says; 3]]) -> Past {
    let (verdict, _) = judge(sweeps);
    let view = verdict.view;
    let open = view.findings.iter().filter(|finding| finding.opened_at.is_some());
    Past {
        leadership: view.leader,
        leader_changes: view.leader_history.iter().cloned().collect(),
        elections: view.leader_changes,
        membership_changes: view.membership_history.iter().cloned().collect(),
        open_findings: open.map(|finding| (**finding).clone()).collect(),
    }
}

#[test]
fn a_restart_in_good_times_is_no_news() {
    let mut past = recorded(&[[LED_BY_1; 3]]);
    let since = at(-500);
    past.leadership.as_mut().unwrap().since = since;
    let (verdict, events) = judge_after(past, &[[LED_BY_1; 3]]);
    assert!(events.is_empty() && verdict.records.is_empty(), "{events:?} {:?}", verdict.records);
    assert_eq!(verdict.view.leader.unwrap().since, since);
}

#[test]
fn a_restart_in_bad_times_tells_nothing_twice_and_forgets_nothing() {
    let full = Says { nospace: true, ..LED_BY_1 };
    let bad = [full, full, FROZEN];
    let past = recorded(&[[full; 3], bad, bad, bad]);
    assert_eq!(past.open_findings.len(), 3, "the alarm, the member and the margin that it costs");
    let since = |findings: &[Arc<Finding>]| {
        findings.iter().map(|finding| (finding.kind, finding.since)).collect::<Vec<_>>()
    };
    let before: Vec<_> = past.open_findings.iter().cloned().map(Arc::new).collect();
    let (verdict, events) = judge_after(past.clone(), &[bad, bad]);
    assert_eq!(events, ["1s cluster_state_changed"], "how the cluster is, is told at each start");
    assert_eq!(since(&verdict.view.findings), since(&before));

    // When nobody answers, nobody says that the alarm is gone.
    let (verdict, events) = judge_after(past.clone(), &[[FROZEN; 3]]);
    assert_eq!(events, ["1s cluster_state_changed"]);
    assert!(kinds(&verdict).contains(&(FindingKind::Nospace, FindingState::Clearing)));

    let (verdict, events) = judge_after(past, &[[LED_BY_1; 3]]);
    let over = [
        "1s finding_closed m3",
        "1s finding_closed",
        "1s finding_closed m1",
        "1s alarm_disarmed m1",
    ];
    assert_eq!(events, over);
    assert!(verdict.records.iter().all(|record| matches!(record, Record::Finding { .. })));
    assert_eq!(kinds(&verdict), []);
}

#[test]
fn metrics_that_could_not_be_read_before_a_restart_are_read_before_that_is_over() {
    let failing = |failed_scrapes| [Says { failed_scrapes, ..LED_BY_1 }, LED_BY_1, LED_BY_1];
    let past = recorded(&[failing(2); 4]);
    assert_eq!(past.open_findings.len(), 1);
    let not_scraped_yet = [LED_BY_1; 3];
    let sweeps = [not_scraped_yet, not_scraped_yet, failing(1), failing(2)];
    let (verdict, events) = judge_after(past.clone(), &sweeps);
    assert_eq!(kinds(&verdict), [(FindingKind::MetricsUnreadable, FindingState::Open)]);
    assert!(events.iter().all(|event| !event.contains("finding")), "{events:?}");
    let read = Says { links: Some([0, 1, 1]), ..LED_BY_1 };
    let (_, events) = judge_after(past, &[not_scraped_yet, [read, LED_BY_1, LED_BY_1]]);
    assert!(events.contains(&"2s finding_closed m1".to_owned()), "{events:?}");
}

#[test]
fn metrics_that_fail_twice_are_a_finding_only_while_the_member_answers() {
    let failing = |failed_scrapes| Says { failed_scrapes, ..LED_BY_1 };
    let once = [failing(1), LED_BY_1, LED_BY_1];
    let (verdict, _) = judge(&[once; 4]);
    assert_eq!(kinds(&verdict), []);

    let twice = [failing(2), LED_BY_1, LED_BY_1];
    let (verdict, events) = judge(&[once, twice, twice, twice]);
    assert_eq!(kinds(&verdict), [(FindingKind::MetricsUnreadable, FindingState::Open)]);
    assert!(
        events.contains(&"4s m1 answers, but its metrics cannot be read".to_owned()),
        "{events:?}"
    );
    let finding = &verdict.view.findings[0];
    assert_eq!(finding.severity, model::severity::Severity::Warning);
    assert_eq!(finding.member.as_ref().unwrap().name, "m1");
    assert_eq!(finding.evidence[0].observed, "m1:2379: GET /metrics: no answer within 10s");
    assert!(finding.next_steps.iter().any(|step| step.contains("metrics_url")));
    assert_eq!(verdict.view.state, ClusterState::Degraded);

    let silent = [Says { failed_scrapes: 9, ..FROZEN }, LED_BY_1, LED_BY_1];
    let (verdict, _) = judge(&[silent; 4]);
    assert_eq!(kinds(&verdict), [(FindingKind::MemberUnreachable, FindingState::Open)]);

    let over = [LED_BY_1; 3];
    let (verdict, _) = judge(&[twice, twice, twice, over, over, over]);
    assert_eq!(kinds(&verdict), []);
}
