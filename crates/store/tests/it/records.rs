//! Making records, and finding them again.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::event::{Event, EventKind};
use model::finding::{Evidence, Finding, FindingKind, FindingState, MemberRef};
use model::id::MemberId;
use model::leader::{LeaderChange, Leadership};
use model::membership::{MembershipChange, MembershipChangeKind};
use model::severity::Severity;
use store::{ChangeQuery, EventQuery, FindingQuery, Options, Record, Records};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

/// A moment, so many seconds after the start of all tests.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + second)
}

pub(crate) fn open(directory: &TempDir) -> Records {
    open_with(directory, Options::default())
}

pub(crate) fn open_with(directory: &TempDir, options: Options) -> Records {
    Records::open(&directory.path().join("records.db"), options, at(0)).expect("a store")
}

pub(crate) fn put(records: &Records, all: impl IntoIterator<Item = Record>) {
    for record in all {
        records.put(record);
    }
    assert!(records.flush(SOON), "{:?}", records.stat());
}

pub(crate) fn member(id: u64) -> MemberRef {
    MemberRef { id: Some(MemberId(id)), name: format!("m{id}"), endpoint: format!("m{id}:2379") }
}

pub(crate) fn event(sequence: u64, cluster: &str, kind: EventKind, message: &str) -> Record {
    Record::Event(Arc::new(Event {
        sequence,
        at: at((sequence % 1_000_000) as i64),
        cluster: cluster.to_owned(),
        kind,
        severity: Severity::Warning,
        member: (sequence % 2 == 1).then(|| member(sequence)),
        message: message.to_owned(),
    }))
}

pub(crate) fn finding(id: u64, closed_at: Option<i64>) -> Finding {
    Finding {
        kind: FindingKind::MemberDown,
        member: Some(member(id)),
        about: "m2".to_owned(),
        severity: Severity::Critical,
        state: if closed_at.is_some() { FindingState::Closed } else { FindingState::Open },
        since: at(id as i64),
        opened_at: Some(at(id as i64 + 1)),
        closed_at: closed_at.map(at),
        summary: format!("m{id} is down"),
        explanation: "100% of it".to_owned(),
        evidence: vec![Evidence {
            at: at(2),
            source: "m1:2379 Status".to_owned(),
            observed: "refused".to_owned(),
        }],
        causes: vec!["its process ended".to_owned()],
        next_steps: vec!["start \"it\" again".to_owned()],
        hidden_by: Some(FindingKind::QuorumLost),
        expected: Some("maintenance".to_owned()),
    }
}

pub(crate) fn record(cluster: &str, finding: Finding) -> Record {
    Record::Finding { cluster: cluster.to_owned(), finding: Arc::new(finding) }
}

fn election(second: i64, term: u64) -> LeaderChange {
    LeaderChange {
        at: at(second),
        term,
        from: None,
        to: Some(member(2)),
        leaderless: Duration::from_millis(1_500),
    }
}

#[test]
fn all_that_was_put_is_there_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let cluster = || "c".to_owned();
    let leadership =
        Leadership { member: member(2), term: u64::MAX, since: at(5), seen_elected: true };
    let loss = LeaderChange { from: Some(member(1)), to: None, ..election(4, 2) };
    let joined = MembershipChange {
        at: at(6),
        kind: MembershipChangeKind::Added,
        member: member(3),
        detail: "as learner".to_owned(),
    };
    let told = [
        event(1, "c", EventKind::LeaderLost, "no leader"),
        event(2, "c", EventKind::LeaderElected, "m2 leads: größer"),
    ];
    {
        let records = open(&directory);
        assert_eq!(records.first_sequence(), 1);
        put(&records, told.clone());
        for change in [loss.clone(), election(4, 2), election(4, 3)] {
            records.put(Record::LeaderChange { cluster: cluster(), change });
        }
        records.put(Record::Leadership { cluster: cluster(), leadership: None });
        let now = Some(leadership.clone());
        records.put(Record::Leadership { cluster: cluster(), leadership: now });
        let change = joined.clone();
        put(&records, [Record::MembershipChange { cluster: cluster(), change }]);
        put(&records, [record("c", finding(1, None)), record("c", finding(2, None))]);
        put(&records, [record("c", finding(2, Some(60))), record("d", finding(1, None))]);
        records.close();
    }
    let records = open(&directory);
    assert_eq!(records.first_sequence(), 3, "an orderly end leaves no number out");
    let events = records.events(&EventQuery::default(), 10).expect("events").items;
    let events: Vec<Record> =
        events.into_iter().rev().map(|event| Record::Event(Arc::new(event))).collect();
    assert_eq!(events, told);
    let past = records.past("c", 10).expect("the past");
    assert_eq!(past.leadership, Some(leadership));
    assert_eq!(past.leader_changes, [election(4, 3), loss], "a corrected term replaces");
    assert_eq!((past.elections, &past.membership_changes[..]), (1, &[joined][..]));
    assert_eq!(past.open_findings, [finding(1, None)]);
    let closed = FindingQuery { is_closed: Some(true), ..FindingQuery::default() };
    let closed = records.findings(&closed, 10).expect("findings").items;
    assert_eq!(closed, [("c".to_owned(), Arc::new(finding(2, Some(60))))]);
    let changes = ChangeQuery { cluster: cluster(), ..ChangeQuery::default() };
    assert_eq!(records.leader_changes(&changes, 1).expect("changes").items, [election(4, 3)]);
    assert_eq!(records.past("unknown", 10).expect("nothing"), store::Past::default());
}

#[test]
fn a_second_process_is_told_to_take_another_directory() {
    let directory = TempDir::new().expect("a directory");
    let _first = open(&directory);
    let path = directory.path().join("records.db");
    let error = Records::open(&path, Options::default(), at(0)).expect_err("in use");
    assert!(error.to_string().contains("--data-dir"), "{error}");
}
