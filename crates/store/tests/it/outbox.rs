//! The outbox: order, and what becomes of entries.

use model::notification::{Notification, Reason};
use model::severity::Severity;
use store::alerts::{Alerts, Change, GivenUp, OutboxEntry, Waiting};
use tempfile::TempDir;

use crate::alerts::{alert, entry, notification, open};
use crate::records::at;

fn due_at(alerts: &Alerts, second: i64) -> Vec<OutboxEntry> {
    let due = alerts.due("oncall", "slack[0]", at(second), 100).expect("due");
    assert_eq!(due.unreadable, Vec::<u64>::new());
    due.entries
}

fn names(entries: &[OutboxEntry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.notification.id).collect()
}

fn told(id: &str, group: &str) -> Notification {
    notification(id, group, vec![alert("Down", 1)])
}

fn given_up(count: u64, second: i64) -> GivenUp {
    GivenUp {
        receiver: "oncall".to_owned(),
        channel: "slack[0]".to_owned(),
        count,
        first_at: at(second),
        last_at: at(second),
        notification: "n".to_owned(),
        class: "refused".to_owned(),
        message: "answered 403".to_owned(),
    }
}

#[test]
fn the_most_urgent_comes_first_and_of_a_group_only_the_oldest() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let changes = [
        entry(told("n1", "a"), Severity::Info),
        entry(told("n2", "b"), Severity::Warning),
        entry(told("n3", "c"), Severity::Info),
        entry(told("n4", "d"), Severity::Critical),
        // Critical, and has to wait for n3: so that one is.
        entry(told("n5", "c"), Severity::Critical),
        // Of another channel, and a second time.
        entry(Notification { receiver: "other".to_owned(), ..told("n6", "a") }, Severity::Critical),
        entry(told("n4", "d"), Severity::Critical),
    ];
    alerts.commit(&changes).expect("committed");
    let due = due_at(&alerts, 10);
    assert_eq!(names(&due), ["n3", "n4", "n2", "n1"]);
    assert_eq!(due[0].notification.as_ref(), &told("n3", "c"), "nothing of it is lost");
    assert_eq!((due[0].urgency, due[0].tries, due[0].since), (Severity::Critical, 0, at(5)));
    assert_eq!((due[0].has_later, due[1].has_later), (true, false));
    let next = alerts.after(&due[0]).expect("read").expect("one more");
    assert_eq!(names(&[next]), ["n5"]);
    assert_eq!(alerts.after(&due[1]).expect("read"), None);
    let waiting = |receiver: &str, count| Waiting {
        receiver: receiver.to_owned(),
        channel: "slack[0]".to_owned(),
        count,
        oldest: at(5),
    };
    assert_eq!(alerts.waiting().expect("counted"), [waiting("oncall", 5), waiting("other", 1)]);
    assert_eq!(names(&alerts.due("oncall", "slack[0]", at(10), 2).expect("due").entries).len(), 2);
}

#[test]
fn what_is_put_off_is_due_later_and_nothing_of_its_group_before() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let changes =
        [entry(told("n1", "a"), Severity::Info), entry(told("n2", "a"), Severity::Warning)];
    alerts.commit(&changes).expect("committed");
    let id = due_at(&alerts, 10)[0].id;
    alerts.record(&[Change::PutOff { id, next_at: at(20) }]).expect("recorded");
    assert_eq!(names(&due_at(&alerts, 19)), Vec::<&str>::new());
    assert_eq!(alerts.next_due("oncall", "slack[0]", at(19)).expect("read"), Some(at(20)));
    assert_eq!(names(&due_at(&alerts, 20)), ["n1"]);
    assert_eq!(due_at(&alerts, 20)[0].tries, 1);
    // When the clock is set back by a day, nothing waits for a day.
    assert_eq!(names(&due_at(&alerts, 20 - 86_400)), ["n1"]);
    let (receiver, channel) = ("oncall".to_owned(), "slack[0]".to_owned());
    alerts.record(&[Change::Hasten { receiver, channel }]).expect("recorded");
    assert_eq!(names(&due_at(&alerts, 11)), ["n1"], "the channel works again");
    let delivered = Change::Delivered { id, firing: vec![], resolved: vec![], at: at(21) };
    alerts.record(&[delivered.clone(), delivered]).expect("recorded");
    assert_eq!(names(&due_at(&alerts, 21)), ["n2"]);
}

#[test]
fn one_that_stands_for_another_has_waited_as_long() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let repeat = Notification { reason: Reason::Repeat, at: at(1_000), ..told("n2", "a") };
    alerts
        .commit(&[entry(told("n1", "a"), Severity::Info), entry(repeat, Severity::Info)])
        .expect("committed");
    let id = due_at(&alerts, 10)[0].id;
    alerts
        .record(&[
            Change::PutOff { id, next_at: at(20) },
            Change::Superseded { id, by: id + 1 },
            Change::Superseded { id, by: id + 1 },
        ])
        .expect("recorded");
    let due = due_at(&alerts, 2_000);
    assert_eq!((names(&due), due[0].since, due[0].tries), (vec!["n2"], at(5), 1));
    let old = |second| alerts.waiting_since("oncall", "slack[0]", at(second), 9).expect("read");
    assert_eq!((names(&old(6).entries), names(&old(5).entries).len()), (vec!["n2"], 0));
}

#[test]
fn an_alert_whose_firing_was_given_up_is_known_as_untold() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let (known, unknown) = (alert("Down", 1).fingerprint(), alert("Down", 2).fingerprint());
    let changes: Vec<Change> =
        (1..=6).map(|n| entry(told(&format!("n{n}"), "a"), Severity::Info)).collect();
    alerts.commit(&changes).expect("committed");
    let head = || due_at(&alerts, 10).remove(0);
    let deliver = |firing: Vec<_>, resolved: Vec<_>| Change::Delivered {
        id: head().id,
        firing,
        resolved,
        at: at(10),
    };
    let give_up = || Change::GaveUp {
        id: head().id,
        firing: vec![known, unknown],
        given_up: given_up(1, 10),
    };
    alerts.record(&[deliver(vec![known], vec![])]).expect("recorded");
    alerts.record(&[give_up()]).expect("recorded");
    assert_eq!(head().untold, [unknown], "the other one was told before");
    alerts.record(&[deliver(vec![], vec![known, unknown])]).expect("recorded");
    assert_eq!(head().untold, []);
    alerts.record(&[give_up()]).expect("recorded");
    assert_eq!(head().untold.len(), 2, "both were over; this is another firing");
    alerts.record(&[deliver(vec![known, unknown], vec![])]).expect("recorded");
    assert_eq!(head().untold, [], "now it is told");
}

#[test]
fn what_was_given_up_is_counted_until_it_is_told() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    let changes: Vec<Change> =
        (1..=3).map(|n| entry(told(&format!("n{n}"), "a"), Severity::Info)).collect();
    alerts.commit(&changes).expect("committed");
    for second in 11..=13 {
        let id = due_at(&alerts, 10)[0].id;
        let given_up = given_up(1, second);
        alerts.record(&[Change::GaveUp { id, firing: vec![], given_up }]).expect("recorded");
    }
    let known = GivenUp { last_at: at(13), ..given_up(3, 11) };
    assert_eq!(alerts.load().expect("loaded").given_up, [known]);
    for (second, left) in [(12, 1), (13, 0)] {
        let told = Change::GivenUpTold {
            receiver: "oncall".to_owned(),
            channel: "slack[0]".to_owned(),
            last_at: at(second),
        };
        alerts.commit(&[told]).expect("committed");
        assert_eq!(alerts.given_up().expect("read").len(), left);
    }
    assert_eq!(alerts.waiting().expect("counted"), []);
}

#[test]
fn an_entry_that_cannot_be_read_is_told_by_its_number() {
    let directory = TempDir::new().expect("a directory");
    let alerts = open(&directory);
    alerts.commit(&[entry(told("n1", "a"), Severity::Info)]).expect("committed");
    let other = rusqlite::Connection::open(directory.path().join("alerts.db")).expect("opened");
    other.execute_batch("UPDATE outbox SET body = '{}'").expect("changed");
    let due = alerts.due("oncall", "slack[0]", at(10), 9).expect("due");
    assert_eq!((due.entries, due.unreadable), (vec![], vec![1]));
}
