//! Alerts: what was committed is found again.

use std::sync::Arc;

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint, Hidden};
use model::notification::{Notification, Reason};
use model::rule_alert::{RuleAlert, RuleState};
use model::series::{Labels, MatchOp, Matcher, STALE_NAN};
use model::severity::Severity;
use model::silence::Silence;
use store::alerts::{
    AlertState, Alerts, Attempt, Change, GroupState, NewEntry, Options, Outcome, Sent, Thread,
    Transition,
};
use tempfile::TempDir;

use crate::records::at;

pub(crate) fn open(directory: &TempDir) -> Alerts {
    Alerts::open(&directory.path().join("alerts.db"), Options::default()).expect("a file")
}

pub(crate) fn alert(name: &str, instance: u64) -> Alert {
    let instance = instance.to_string();
    Alert {
        labels: Labels::new([
            ("alertname", name),
            ("cluster", "prod"),
            ("instance", &instance),
            ("severity", "critical"),
        ]),
        annotations: Labels::new([("summary", "100 % \"größer\" \u{1F525}")]),
        starts_at: at(1),
        ends_at: None,
        updated_at: at(2),
        generator_url: "http://monitor/finding".to_owned(),
        hidden: None,
    }
}

pub(crate) fn notification(id: &str, group: &str, alerts: Vec<Alert>) -> Notification {
    Notification {
        id: id.to_owned(),
        receiver: "oncall".to_owned(),
        group_key: group.to_owned(),
        group_labels: Labels::new([("alertname", "Down")]),
        alerts,
        truncated: 3,
        reason: Reason::NewAlerts,
        at: at(5),
        external_url: "http://monitor".to_owned(),
        acknowledged_by: Some("ops".to_owned()),
    }
}

pub(crate) fn entry(notification: Notification, urgency: Severity) -> Change {
    let notification = Arc::new(notification);
    Change::Enqueue(NewEntry { channel: "slack[0]".to_owned(), urgency, notification })
}

pub(crate) fn transition(alert: &Alert, second: i64, to: AlertState) -> Transition {
    Transition::of(alert, None, to, at(second), "it is down")
}

#[test]
fn everything_is_there_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let symptom =
        Alert { hidden: Some(Hidden::Symptom("QuorumLost".to_owned())), ..alert("Down", 1) };
    let expected = Alert {
        hidden: Some(Hidden::Expected("restart".to_owned())),
        ends_at: Some(at(9)),
        ..alert("Down", 2)
    };
    let gone = alert("Down", 3);
    let sent = |key: &str| Sent {
        receiver: "oncall".to_owned(),
        channel: "slack[0]".to_owned(),
        group_key: key.to_owned(),
        firing: vec![symptom.fingerprint(), Fingerprint(1)],
        resolved: vec![expected.fingerprint()],
        at: at(1),
        expires_at: at(100),
    };
    let group = |key: &str| GroupState {
        receiver: "oncall".to_owned(),
        group_key: key.to_owned(),
        labels: Labels::new([("alertname", "Down")]),
        began_at: at(1),
        next_flush: at(30),
        has_flushed: true,
        told_at: Some(at(2)),
        is_escalated: true,
    };
    let matcher = |op, value| Matcher::new("cluster", op, value).expect("a matcher");
    let silence = |id: &str| Silence {
        id: id.to_owned(),
        matchers: vec![
            matcher(MatchOp::Eq, "prod"),
            matcher(MatchOp::Ne, "x"),
            matcher(MatchOp::Re, "p.*|\"q\""),
            matcher(MatchOp::Nre, "z"),
        ],
        starts_at: at(1),
        ends_at: at(50),
        updated_at: at(2),
        created_by: "me".to_owned(),
        comment: "work".to_owned(),
    };
    let ack = |alert: &Alert| Ack {
        fingerprint: alert.fingerprint(),
        starts_at: alert.starts_at,
        at: at(3),
        by: "me".to_owned(),
        note: "looking".to_owned(),
    };
    let rule = |group: &str, index, value| RuleAlert {
        group: group.to_owned(),
        rule: "Down".to_owned(),
        rule_index: index,
        labels: symptom.labels.clone(),
        annotations: symptom.annotations.clone(),
        state: RuleState::Firing,
        active_at: at(1),
        fired_at: Some(at(2)),
        resolved_at: None,
        keep_firing_since: Some(at(4)),
        last_sent_at: None,
        value,
    };
    let oncall = || "oncall".to_owned();
    let all = |group: &str, alerts| Change::RuleAlertsOf { group: group.to_owned(), alerts };
    {
        let alerts = open(&directory);
        let put = [
            Change::Alert(Alert { annotations: Labels::default(), ..symptom.clone() }),
            Change::Alert(symptom.clone()),
            Change::Alert(expected.clone()),
            Change::Alert(gone.clone()),
            Change::Sent(sent("a")),
            Change::Sent(sent("b")),
            Change::Group(group("a")),
            Change::Group(group("b")),
            Change::Silence(silence("1")),
            Change::Silence(silence("2")),
            Change::Ack(ack(&symptom)),
            Change::Ack(ack(&gone)),
            Change::RuleAlert(rule("f;a", 0, f64::INFINITY)),
            Change::RuleAlert(rule("f;a", 1, STALE_NAN)),
            all("f;b", vec![rule("f;b", 0, 1.0), rule("f;b", 1, 2.0)]),
        ];
        alerts.commit(&put).expect("committed");
        let remove = [
            Change::AlertGone(gone.fingerprint()),
            Change::SentGone {
                receiver: oncall(),
                channel: "slack[0]".to_owned(),
                group_key: "b".to_owned(),
            },
            Change::GroupGone { receiver: oncall(), group_key: "b".to_owned() },
            Change::SilenceGone("2".to_owned()),
            Change::AckGone(gone.fingerprint()),
            Change::RuleAlertGone {
                group: "f;a".to_owned(),
                rule_index: 0,
                labels: symptom.labels.clone(),
            },
            all("f;b", vec![rule("f;b", 7, 3.0)]),
        ];
        alerts.record(&remove).expect("recorded");
    }
    let saved = open(&directory).load().expect("loaded");
    let mut expected_alerts = vec![symptom.clone(), expected.clone()];
    expected_alerts.sort_by_key(|alert| alert.fingerprint().to_string());
    assert_eq!(saved.alerts, expected_alerts);
    assert_eq!((saved.sent, saved.groups), (vec![sent("a")], vec![group("a")]));
    assert_eq!(format!("{:?}", saved.silences), format!("{:?}", [silence("1")]));
    assert_eq!(saved.acks, [ack(&symptom)]);
    assert!(model::series::is_stale(saved.rule_alerts[0].value), "every bit of a value is kept");
    assert_eq!(saved.rule_alerts[1..], [rule("f;b", 7, 3.0)]);
}

#[test]
fn one_that_cannot_be_made_takes_the_others_with_it() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    // The file refuses what is wrong; nothing that the types allow is.
    let other = rusqlite::Connection::open(directory.path().join("alerts.db")).expect("opened");
    other
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON ack BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .expect("made");
    let ack = Ack {
        fingerprint: Fingerprint(1),
        starts_at: at(1),
        at: at(1),
        by: String::new(),
        note: String::new(),
    };
    let changes = [Change::Alert(alert("Down", 1)), Change::Ack(ack)];
    let error = alerts.commit(&changes).expect_err("refused");
    assert!(error.to_string().contains("alerts.db"), "{error}");
    assert_eq!(alerts.load().expect("loaded").alerts, []);
    alerts.commit(&changes[..1]).expect("the next one is not harmed");
    assert_eq!(alerts.load().expect("loaded").alerts.len(), 1);
}

#[test]
fn a_second_process_is_refused_and_a_damaged_file_is_set_aside() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("alerts.db");
    {
        let _first = open(&directory);
        let error = Alerts::open(&path, Options::default()).expect_err("in use");
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }
    std::fs::write(&path, b"this is no database, but it is long enough to be taken for one")
        .expect("written");
    let alerts = open(&directory);
    assert!(alerts.damage()[0].contains("alerts.db"), "{:?}", alerts.damage());
    assert!(path.with_extension("damaged-0").exists());
    let generation = alerts.generation();
    alerts.commit(&[Change::Alert(alert("Down", 1))]).expect("committed");

    // Now while it is open: a page in the middle of it.
    let many: Vec<Change> = (0..500).map(|n| Change::Alert(alert("Down", n))).collect();
    alerts.commit(&many).expect("committed");
    let other = rusqlite::Connection::open(&path).expect("opened");
    other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpointed");
    drop(other);
    let mut bytes = std::fs::read(&path).expect("read");
    for byte in &mut bytes[4096 * 8..] {
        *byte ^= 0xa5;
    }
    std::fs::write(&path, bytes).expect("written");
    // Whoever reads may find it first; whoever commits does at the latest, and begins anew.
    for round in 0..20 {
        let _ = alerts.load();
        alerts.commit(&many).expect("a new file is begun");
        if alerts.generation() > generation {
            assert_eq!(alerts.load().expect("loaded").alerts.len(), 500, "round {round}");
            return;
        }
    }
    panic!("the damage was not seen");
}

#[test]
fn history_of_deliveries_is_found_by_what_it_is_about() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let about = notification("n1", "g", vec![alert("Down", 1), alert("Down", 2)]);
    let failed = Attempt {
        class: Some("try_later".to_owned()),
        message: "answered 503".to_owned(),
        duration: std::time::Duration::from_millis(12),
        ..Attempt::of(&about, "slack[0]", 1, Outcome::Failed, at(6))
    };
    let taken = Attempt::of(&about, "slack[0]", 2, Outcome::Delivered, at(8));
    alerts
        .record(&[Change::Attempt(failed.clone()), Change::Attempt(taken.clone())])
        .expect("recorded");
    let text = |text: &str| Some(text.to_owned());
    let plain = store::alerts::AttemptQuery::default;
    for (query, expected) in [
        (plain(), vec![&taken, &failed]),
        (store::alerts::AttemptQuery { text: text("ANSWERED 503"), ..plain() }, vec![&failed]),
        (store::alerts::AttemptQuery { text: text("try_l"), ..plain() }, vec![&failed]),
        (
            store::alerts::AttemptQuery {
                cluster: text("prod"),
                name: text("Down"),
                severity: text("critical"),
                receiver: text("oncall"),
                channel: text("slack[0]"),
                notification: text("n1"),
                outcome: Some(Outcome::Delivered),
                from: Some(at(8)),
                to: Some(at(9)),
                ..plain()
            },
            vec![&taken],
        ),
        (store::alerts::AttemptQuery { cluster: text("test"), ..plain() }, vec![]),
        (store::alerts::AttemptQuery { before: Some(2), ..plain() }, vec![&failed]),
    ] {
        let page = alerts.attempts(&query, 10).expect("a page");
        let found: Vec<&Attempt> = page.items.iter().map(|(_, attempt)| attempt).collect();
        assert_eq!(found, expected, "{query:?}");
        assert_eq!(alerts.count_attempts(&query).expect("counted"), expected.len() as u64);
    }
}

#[test]
fn a_thread_is_given_back_until_the_group_is_over() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let thread = |text: Option<&str>| {
        Change::Thread(Thread {
            receiver: "oncall".to_owned(),
            channel: "slack[0]".to_owned(),
            group_key: "g".to_owned(),
            thread: text.map(str::to_owned),
            at: at(1),
        })
    };
    let told = notification("n1", "g", vec![alert("Down", 1)]);
    let due = || alerts.due("oncall", "slack[0]", at(9), 9).expect("due").entries.remove(0);
    alerts.commit(&[entry(told, Severity::Info)]).expect("committed");
    assert_eq!(due().thread, None);
    alerts.record(&[thread(Some("1.2")), thread(Some("1.3"))]).expect("recorded");
    assert_eq!(due().thread.as_deref(), Some("1.3"));
    alerts.record(&[thread(None)]).expect("recorded");
    assert_eq!(due().thread, None);
}

/// For how long this thread has been computing; none where the system does not say.
fn busy_ms() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<u64>().ok()? / 1_000_000)
}

/// `--nocapture` shows the figures. Without the right index they would be minutes.
#[test]
fn ten_thousand_of_each_are_one_transaction() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let changes: Vec<Change> = (0..10_000)
        .flat_map(|n| {
            let alert = alert("Down", n);
            let told = notification(&format!("n{n}"), &format!("g{n}"), vec![alert.clone()]);
            [
                Change::Transition(transition(&alert, 3, AlertState::Firing)),
                Change::Alert(alert),
                entry(told, Severity::ALL[n as usize % 3]),
            ]
        })
        .collect();
    let (start, busy) = (tokio::time::Instant::now(), busy_ms());
    alerts.commit(&changes).expect("committed");
    let busy = busy_ms().zip(busy).map(|(now, before)| now - before);
    println!(
        "10,000 alerts, transitions and entries: {:?}, computing {busy:?} ms",
        start.elapsed()
    );
    let saved = alerts.load().expect("loaded");
    assert_eq!(saved.alerts.len(), 10_000);
    assert_eq!(alerts.waiting().expect("counted")[0].count, 10_000);
    let start = tokio::time::Instant::now();
    let due = alerts.due("oncall", "slack[0]", Timestamp::MAX, 8).expect("due");
    println!("8 of 10,000 that are due: {:?}", start.elapsed());
    assert_eq!(due.entries.len(), 8);
    let start = tokio::time::Instant::now();
    for id in 1..=10_000 {
        let next_at = at(1_000);
        alerts.record(&[Change::PutOff { id, next_at }]).expect("recorded");
        assert_eq!(alerts.next_due("oncall", "slack[0]", at(9)).expect("read"), Some(next_at));
    }
    println!("10,000 put off, each by itself: {:?}", start.elapsed());
    let start = tokio::time::Instant::now();
    let due = alerts.due("oncall", "slack[0]", at(9), 8).expect("due");
    println!("none of 10,000 is due: {:?}", start.elapsed());
    assert_eq!(due.entries.len(), 0);
}
