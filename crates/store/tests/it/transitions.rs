//! The history of alerts: every condition, page by page, and how long it is kept.

use std::time::Duration;

use model::alert::Alert;
use model::series::Labels;
use store::alerts::{AlertState, Alerts, Attempt, Change, Options, Outcome};
use store::alerts::{Transition, TransitionQuery};
use tempfile::TempDir;

use crate::alerts::{alert, notification, open};
use crate::records::at;

fn history() -> Vec<Transition> {
    (1..=40)
        .map(|n: i64| {
            let cluster = if n % 3 == 0 { "a" } else { "b" };
            let severity = if n % 2 == 0 { "critical" } else { "warning" };
            let pairs = [("alertname", "Down"), ("cluster", cluster), ("severity", severity)];
            let alert = Alert { labels: Labels::new(pairs), ..alert("Down", 1) };
            let to = AlertState::ALL[n as usize % AlertState::ALL.len()];
            let from = (n % 4 == 0).then_some(AlertState::Pending);
            Transition::of(&alert, from, to, at(n), format!("Member {n}_50% is ÄRGER"))
        })
        .collect()
}

fn put(alerts: &Alerts, history: &[Transition]) {
    let changes: Vec<Change> = history.iter().cloned().map(Change::Transition).collect();
    alerts.commit(&changes).expect("committed");
}

#[test]
fn transitions_are_chosen_by_each_condition_as_in_memory() {
    let directory = TempDir::new().expect("a directory");
    let (alerts, all) = (open(&directory), history());
    put(&alerts, &all);
    let text = |text: &str| Some(text.to_owned());
    let plain = TransitionQuery::default;
    let queries = [
        (plain(), 40),
        (TransitionQuery { cluster: text("a"), ..plain() }, 13),
        (TransitionQuery { name: text("Down"), ..plain() }, 40),
        (TransitionQuery { name: text("Up"), ..plain() }, 0),
        (TransitionQuery { severity: text("critical"), ..plain() }, 20),
        (TransitionQuery { fingerprint: Some(all[0].fingerprint), ..plain() }, 13),
        (TransitionQuery { to_state: Some(AlertState::Resolved), ..plain() }, 8),
        (TransitionQuery { from: Some(at(38)), to: Some(at(40)), ..plain() }, 2),
        (TransitionQuery { text: text("MEMBER 1"), ..plain() }, 11),
        (TransitionQuery { text: text("\"cluster\":\"a\""), ..plain() }, 13),
        (TransitionQuery { text: text("' OR 1 --"), ..plain() }, 0),
    ];
    for (query, count) in queries {
        let page = alerts.transitions(&query, 100).expect("a page");
        let found: Vec<&Transition> = page.items.iter().map(|(_, found)| found).collect();
        let accepted: Vec<_> = all.iter().rev().filter(|found| query.accepts(found)).collect();
        assert_eq!(found, accepted, "{query:?}");
        assert_eq!((found.len(), page.next_before), (count, None), "{query:?}");
        assert_eq!(alerts.count_transitions(&query).expect("counted"), count as u64, "{query:?}");
    }
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    let directory = TempDir::new().expect("a directory");
    let (alerts, all) = (open(&directory), history());
    put(&alerts, &all);
    let mut query = TransitionQuery { cluster: Some("b".to_owned()), ..TransitionQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = alerts.transitions(&query, 10).expect("a page");
        seen.extend(page.items);
        query.before = page.next_before;
        if page.next_before.is_none() {
            break;
        }
        // What comes meanwhile is no matter of older pages.
        put(&alerts, &all[..1]);
    }
    assert_eq!(seen.len(), 27);
    assert!(seen.is_sorted_by(|(a, newer), (b, older)| a > b && newer.at > older.at));
}

#[test]
fn history_over_age_or_number_goes_and_the_newest_stays() {
    let directory = TempDir::new().expect("a directory");
    let options =
        Options { retention: Duration::from_secs(20), max_transitions: 15, ..Options::default() };
    let path = directory.path().join("alerts.db");
    let alerts = Alerts::open(&path, options).expect("a file");
    put(&alerts, &history());
    let about = notification("n", "g", vec![alert("Down", 1)]);
    let attempts: Vec<Change> = (1..=40)
        .map(|n| Change::Attempt(Attempt::of(&about, "slack[0]", 1, Outcome::Delivered, at(n))))
        .chain([Change::Alert(alert("Old", 1))])
        .collect();
    alerts.commit(&attempts).expect("committed");
    alerts.retain(at(45)).expect("removed");
    let oldest = |query| {
        let page = alerts.transitions(&query, 100).expect("a page");
        (page.items.len(), page.items.last().map(|(_, oldest)| oldest.at))
    };
    assert_eq!(oldest(TransitionQuery::default()), (15, Some(at(26))));
    let attempts = alerts.attempts(&store::alerts::AttemptQuery::default(), 100).expect("a page");
    assert_eq!((attempts.items.len(), attempts.items[15].1.at), (16, at(25)));
    assert_eq!(alerts.load().expect("loaded").alerts.len(), 1, "what is on stays");
    alerts.retain(at(1_000)).expect("removed");
    assert_eq!(oldest(TransitionQuery::default()), (0, None));
}
