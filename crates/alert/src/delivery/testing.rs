//! What the tests of delivery share: notifications, a clock that goes with tokio's, a channel that
//! answers as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::clock::Clock;
use model::notification::{Notification, Reason};
use model::series::Labels;
use model::severity::Severity;
use store::alerts::{Alerts, Attempt, AttemptQuery, Change, GivenUp, NewEntry, Outcome};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{ChannelId, Deliver, Delivery, Failure, Options, Receipt};

/// A moment, so many seconds after the start of all tests.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + second)
}

pub(crate) fn alert(name: &str, starts: i64, ends: Option<i64>) -> Alert {
    Alert {
        labels: Labels::new([("alertname", name), ("severity", "critical")]),
        annotations: Labels::default(),
        starts_at: at(starts),
        ends_at: ends.map(at),
        updated_at: at(starts),
        generator_url: String::new(),
        hidden: None,
    }
}

/// Of the receiver `oncall`, decided at second 10.
pub(crate) fn notification(id: &str, group: &str, alerts: Vec<Alert>) -> Notification {
    Notification {
        id: id.to_owned(),
        receiver: "oncall".to_owned(),
        group_key: group.to_owned(),
        group_labels: Labels::default(),
        alerts,
        truncated: 0,
        reason: Reason::FirstNotification,
        at: at(10),
        external_url: String::new(),
        acknowledged_by: None,
    }
}

pub(crate) fn entry(channel: &str, urgency: Severity, notification: Notification) -> Change {
    let (channel, notification) = (channel.to_owned(), Arc::new(notification));
    Change::Enqueue(NewEntry { channel, urgency, notification })
}

/// A wall clock that begins at second 10 and goes with tokio's time.
#[derive(Debug)]
pub(crate) struct TokioClock(Instant);

impl TokioClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.elapsed()).expect("not for ever");
        at(10) + passed
    }
}

/// What a channel heard.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) at: Duration,
    pub(crate) id: String,
    pub(crate) notification: Notification,
    pub(crate) thread: Option<String>,
    pub(crate) was_taken: bool,
}

type Answer = dyn Fn(&Notification, usize) -> (Duration, Result<Receipt, Failure>) + Send + Sync;

/// A channel that answers as it is told, and remembers what it heard.
pub(crate) struct Fake {
    start: Instant,
    heard: Arc<Mutex<Vec<Heard>>>,
    answer: Box<Answer>,
}

impl Deliver for Fake {
    async fn deliver(
        &self,
        notification: &Notification,
        thread: Option<&str>,
    ) -> Result<Receipt, Failure> {
        let at = self.start.elapsed();
        let place = {
            let mut heard = self.heard.lock().expect("a list");
            heard.push(Heard {
                at,
                id: notification.id.clone(),
                notification: notification.clone(),
                thread: thread.map(str::to_owned),
                was_taken: false,
            });
            heard.len() - 1
        };
        let (wait, answer) = (self.answer)(notification, place);
        tokio::time::sleep(wait).await;
        self.heard.lock().expect("a list")[place].was_taken = answer.is_ok();
        answer
    }
}

pub(crate) fn refused() -> Failure {
    let message = "answered 403".to_owned();
    Failure { class: "refused", is_permanent: true, retry_after: None, message }
}

pub(crate) fn down() -> Failure {
    Failure::passing("unreachable", "connection refused")
}

/// A store, and the workers on it.
pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) store: Alerts,
    pub(crate) delivery: Delivery,
    pub(crate) gave_up: mpsc::Receiver<GivenUp>,
    clock: Arc<dyn Clock>,
    start: Instant,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_room(16)
    }

    /// With so much room for what is given up.
    pub(crate) fn with_room(room: usize) -> Self {
        let directory = TempDir::new().expect("a directory");
        let store = open(&directory);
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::new());
        let (sender, gave_up) = mpsc::channel(room);
        let stop = CancellationToken::new();
        let delivery = Delivery::new(store.clone(), Arc::clone(&clock), sender, stop);
        Self { directory, store, delivery, gave_up, clock, start: Instant::now() }
    }

    /// The same store after a stop and another start.
    pub(crate) async fn restarted(self) -> Self {
        self.delivery.shutdown().await;
        let Self { directory, store, delivery, clock, start, .. } = self;
        drop((delivery, store));
        let store = open(&directory);
        let (sender, gave_up) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let delivery = Delivery::new(store.clone(), Arc::clone(&clock), sender, stop);
        Self { directory, store, delivery, gave_up, clock, start }
    }

    /// Starts a channel of `oncall` that answers so; `place` counts what it heard, from 0.
    pub(crate) async fn channel(
        &self,
        name: &str,
        options: Options,
        answer: impl Fn(&Notification, usize) -> (Duration, Result<Receipt, Failure>)
        + Send
        + Sync
        + 'static,
    ) -> Arc<Mutex<Vec<Heard>>> {
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let (start, answer) = (self.start, Box::new(answer));
        let fake = Fake { start, heard: Arc::clone(&heard), answer };
        self.delivery.start(id(name), fake, options).await;
        heard
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn commit(&self, changes: &[Change]) {
        self.store.commit(changes).expect("committed");
        self.delivery.wake();
    }

    /// How many wait for a channel.
    pub(crate) fn waiting(&self, channel: &str) -> u64 {
        let all = self.store.waiting().expect("read");
        all.iter().find(|one| one.channel == channel).map_or(0, |one| one.count)
    }

    /// Waits until nothing waits for a channel; within an hour of tokio's time.
    pub(crate) async fn until_empty(&self, channel: &str) {
        let deadline = Instant::now() + Duration::from_hours(1);
        while self.waiting(channel) > 0 {
            assert!(Instant::now() < deadline, "{} wait", self.waiting(channel));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What became of notifications, the oldest first: ID, outcome, number of the attempt.
    pub(crate) fn history(&self, channel: &str) -> Vec<(String, Outcome, u32)> {
        let query = AttemptQuery { channel: Some(channel.to_owned()), ..AttemptQuery::default() };
        let page = self.store.attempts(&query, usize::MAX).expect("read");
        let of = |attempt: Attempt| (attempt.notification, attempt.outcome, attempt.number);
        page.items.into_iter().rev().map(|(_, attempt)| of(attempt)).collect()
    }
}

pub(crate) fn id(channel: &str) -> ChannelId {
    ChannelId { receiver: "oncall".to_owned(), channel: channel.to_owned() }
}

fn open(directory: &TempDir) -> Alerts {
    let path = directory.path().join("alerts.db");
    Alerts::open(&path, store::alerts::Options::default()).expect("a store")
}

/// The IDs of what was heard.
pub(crate) fn ids(heard: &Mutex<Vec<Heard>>) -> Vec<String> {
    heard.lock().expect("a list").iter().map(|one| one.id.clone()).collect()
}

/// When what was heard was.
pub(crate) fn times(heard: &Mutex<Vec<Heard>>) -> Vec<Duration> {
    heard.lock().expect("a list").iter().map(|one| one.at).collect()
}
