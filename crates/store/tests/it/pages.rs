//! Queries: every condition, alone and together, and page by page.

use std::sync::Arc;

use model::event::EventKind;
use model::finding::FindingKind;
use model::severity::Severity;
use store::{ChangeQuery, EventQuery, FindingQuery, Record};
use tempfile::TempDir;

use crate::records::{at, event, finding, open, put, record};

#[test]
fn events_are_chosen_by_each_condition_as_in_memory() {
    let directory = TempDir::new().expect("a directory");
    let records = open(&directory);
    let all: Vec<Record> = (1..=40)
        .map(|n| {
            let cluster = if n % 3 == 0 { "a" } else { "b" };
            let kind = EventKind::ALL[n as usize % EventKind::ALL.len()];
            event(n, cluster, kind, &format!("Member {n}_50% \\ is ÄRGER"))
        })
        .collect();
    put(&records, all.clone());
    let text = |text: &str| Some(text.to_owned());
    let plain = EventQuery::default;
    let queries = [
        (plain(), 40),
        (EventQuery { cluster: text("a"), ..plain() }, 13),
        (EventQuery { kind: Some(EventKind::LeaderLost), ..plain() }, 3),
        (EventQuery { severity: Some(Severity::Critical), ..plain() }, 0),
        (EventQuery { severity: Some(Severity::Warning), ..plain() }, 40),
        (EventQuery { from: Some(at(38)), ..plain() }, 3),
        (EventQuery { to: Some(at(3)), cluster: text("b"), ..plain() }, 2),
        (EventQuery { after_sequence: Some(35), before_sequence: Some(39), ..plain() }, 3),
        (EventQuery { before_sequence: Some(u64::MAX), ..plain() }, 40),
        (EventQuery { text: text("MEMBER 1"), ..plain() }, 11),
        (EventQuery { text: text("7_50% \\ IS"), ..plain() }, 4),
        (EventQuery { text: text("%"), ..plain() }, 40),
        (EventQuery { text: text("m%r"), ..plain() }, 0),
        (EventQuery { text: text("ärger"), ..plain() }, 0),
        (EventQuery { text: text("Ärger"), ..plain() }, 40),
        (EventQuery { text: text(&"x".repeat(100_000)), ..plain() }, 0),
        (EventQuery { text: text("' OR 1 --"), ..plain() }, 0),
    ];
    for (query, count) in queries {
        let page = records.events(&query, 100).expect("a page");
        let accepted = all.iter().rev().filter_map(|record| match record {
            Record::Event(event) if query.accepts(event) => Some(&**event),
            _ => None,
        });
        assert_eq!(
            page.items.iter().collect::<Vec<_>>(),
            accepted.collect::<Vec<_>>(),
            "{query:?}"
        );
        assert_eq!((page.items.len(), page.next_before), (count, None), "{query:?}");
        let onwards = records.events_onwards(&query, 2).expect("events");
        assert!(onwards.iter().eq(page.items.iter().rev().take(2)), "{query:?}");
    }
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    let directory = TempDir::new().expect("a directory");
    let records = open(&directory);
    put(&records, (1..=25).map(|n| event(n, "a", EventKind::LeaderLost, "x")));
    put(&records, (1..=25).map(|n| record("a", finding(n, Some(100)))));
    let mut query = EventQuery::default();
    let mut seen = Vec::new();
    loop {
        let page = records.events(&query, 10).expect("a page");
        seen.extend(page.items.iter().map(|event| event.sequence));
        query.before_sequence = page.next_before;
        if page.next_before.is_none() {
            break;
        }
        // What comes meanwhile is no matter of older pages.
        put(&records, [event(26 + seen.len() as u64, "a", EventKind::LeaderLost, "y")]);
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    let mut query = FindingQuery::default();
    let mut seen = Vec::new();
    loop {
        let page = records.findings(&query, 10).expect("a page");
        seen.extend(page.items.iter().filter_map(|(_, finding)| finding.member.clone()?.id));
        query.before = page.next_before;
        if page.next_before.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|id| id.0).collect::<Vec<_>>(), (1..=25).rev().collect::<Vec<_>>());
    let changes = ChangeQuery { cluster: "a".to_owned(), before: Some(7), ..Default::default() };
    assert_eq!(records.membership_changes(&changes, 10).expect("none").next_before, None);
}

#[test]
fn findings_are_chosen_by_each_condition_as_in_memory() {
    let directory = TempDir::new().expect("a directory");
    let records = open(&directory);
    let all: Vec<_> = (1..=12)
        .map(|n| {
            let cluster = if n % 4 == 0 { "a" } else { "b" };
            let mut finding = finding(n, (n % 2 == 0).then_some(20 + n as i64));
            if n % 3 == 0 {
                finding.kind = FindingKind::QuorumLost;
            }
            (cluster.to_owned(), Arc::new(finding))
        })
        .collect();
    put(&records, all.iter().map(|(cluster, f)| record(cluster, (**f).clone())));
    let plain = FindingQuery::default;
    let queries = [
        (plain(), 12),
        (FindingQuery { cluster: Some("a".to_owned()), ..plain() }, 3),
        (FindingQuery { kind: Some(FindingKind::QuorumLost), ..plain() }, 4),
        (FindingQuery { is_closed: Some(true), ..plain() }, 6),
        (FindingQuery { is_closed: Some(false), to: Some(at(4)), ..plain() }, 2),
        // Those that were over before are not wanted; those that are not over are.
        (FindingQuery { from: Some(at(30)), ..plain() }, 8),
        (FindingQuery { text: Some("M1 IS".to_owned()), ..plain() }, 1),
        (FindingQuery { text: Some("100%".to_owned()), ..plain() }, 12),
        (FindingQuery { text: Some("%of".to_owned()), ..plain() }, 0),
    ];
    for (query, count) in queries {
        let page = records.findings(&query, 100).expect("a page");
        let accepted = all.iter().rev().filter(|(cluster, f)| query.accepts(cluster, f));
        assert!(page.items.iter().eq(accepted), "{query:?}");
        assert_eq!(page.items.len(), count, "{query:?}");
    }
}
