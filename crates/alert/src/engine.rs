//! Alerting at work: the deciding core, what it stores, and the channels that it tells.
//!
//! One task owns the order of things: it hands what happens to the [`Core`], stores what that decides
//! in one transaction, and only then wakes the delivery. Whoever asks how things are looks at the core
//! for a moment and waits for no disk.

mod channels;
mod look;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::clock::Clock;
use model::notification::{Notification, Reason};
use model::rule_alert::RuleAlert;
use model::series::Labels;
use model::silence::Silence;
use store::alerts::{Alerts, Change, GivenUp};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use channels::{Channels, Prepared};
use work::{Command, Work};

use crate::core::Core;
use crate::delivery::{ChannelId, Deliver as _, Delivery};
use crate::routing::Routing;
use crate::view::Tested;

/// What waits to be decided on; who brings more waits.
const COMMANDS: usize = 1_024;

/// What was given up and is to be told in another way.
const GIVEN_UP: usize = 64;

/// Why alerting does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// What is asked for is wrong in itself.
    #[error("{0}")]
    Bad(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// It cannot be done now.
    #[error("{0}")]
    Unavailable(String),
}

/// Alerting at work. A clone is another handle.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    core: Mutex<Core>,
    commands: mpsc::Sender<Command>,
    store: Alerts,
    delivery: Delivery,
    channels: Channels,
    clock: Arc<dyn Clock>,
    external_url: String,
    config_text: String,
    /// Why what was decided last could not be stored; none when it was.
    store_error: Mutex<Option<String>>,
    /// Distinguishes test notifications and IDs of one moment.
    counter: AtomicU64,
    /// When the task that decides last did its work.
    worked_at: Mutex<Instant>,
}

/// What alerting starts from.
pub struct Start {
    /// Routes, times, inhibition.
    pub routing: Routing,
    /// The ways to the receivers.
    pub channels: Channels,
    /// Where alerts are kept.
    pub store: Alerts,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where people reach this monitor.
    pub external_url: String,
    /// The configuration of routes and receivers as it may be shown.
    pub config_text: String,
    /// How long a notification is tried.
    pub give_up_after: std::time::Duration,
}

impl Engine {
    /// Begins with what `start.store` has, and works until `stop`; then [`Self::shutdown`] waits.
    ///
    /// # Errors
    /// What was stored cannot be read.
    ///
    /// Gives back what rules remember beside it.
    pub async fn start(
        start: Start,
        stop: CancellationToken,
    ) -> Result<(Self, Vec<RuleAlert>), store::Error> {
        let store = start.store.clone();
        let saved = tokio::task::spawn_blocking(move || store.load()).await;
        let mut saved =
            saved.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let of_rules = std::mem::take(&mut saved.rule_alerts);
        let now = start.clock.now();
        let core = Core::new(Arc::new(start.routing), saved.into(), now);
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (gave_up, given_up) = mpsc::channel::<GivenUp>(GIVEN_UP);
        let delivery =
            Delivery::new(start.store.clone(), Arc::clone(&start.clock), gave_up, stop.clone());
        let inner = Arc::new(Inner {
            core: Mutex::new(core),
            commands,
            store: start.store,
            delivery,
            channels: start.channels,
            clock: start.clock,
            external_url: start.external_url,
            config_text: start.config_text,
            store_error: Mutex::default(),
            counter: AtomicU64::new(0),
            worked_at: Mutex::new(Instant::now()),
        });
        inner.channels.start(&inner.delivery, start.give_up_after).await;
        let work =
            Work { inner: Arc::clone(&inner), receiver, given_up, stop, unstored: Vec::new() };
        tokio::spawn(work.run());
        Ok((Self { inner }, of_rules))
    }

    /// Takes alerts as their sources tell them now; returns when what follows from them is stored.
    pub async fn receive(&self, alerts: Vec<Alert>) -> Result<(), EngineError> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.ask(|reply| Command::Receive(alerts, reply)).await
    }

    /// Stores what the rules of a group remember, where that changed, and takes the alerts that
    /// follow from it, together.
    pub async fn receive_of_rules(
        &self,
        group: String,
        remembered: Option<Vec<RuleAlert>>,
        alerts: Vec<Alert>,
    ) -> Result<(), EngineError> {
        self.ask(|reply| Command::Rules { group, remembered, alerts, reply }).await
    }

    /// Makes or changes a silence; returns its ID.
    pub async fn put_silence(&self, silence: Silence) -> Result<String, EngineError> {
        let new_id = new_id();
        self.ask(|reply| Command::PutSilence(silence, new_id, reply)).await?
    }

    /// Ends a silence.
    pub async fn expire_silence(&self, id: &str) -> Result<(), EngineError> {
        self.ask(|reply| Command::ExpireSilence(id.to_owned(), reply)).await?
    }

    /// Somebody takes care of an alert.
    pub async fn acknowledge(
        &self,
        fingerprint: Fingerprint,
        by: String,
        note: String,
    ) -> Result<Ack, EngineError> {
        self.ask(|reply| Command::Acknowledge { fingerprint, by, note, reply }).await?
    }

    /// Nobody takes care of an alert any more.
    pub async fn unacknowledge(&self, fingerprint: Fingerprint) -> Result<(), EngineError> {
        self.ask(|reply| Command::Unacknowledge(fingerprint, reply)).await?
    }

    /// Sends a test notification to every channel of a receiver, past routes, silences and outbox.
    pub async fn test(&self, receiver: &str) -> Result<Vec<Tested>, EngineError> {
        let channels = self.inner.channels.of(receiver).ok_or_else(|| {
            let known = self.inner.channels.receivers().join(", ");
            EngineError::Missing(format!("there is no receiver {receiver:?}; known: {known}"))
        })?;
        let notification = self.inner.test_notification(receiver);
        let mut outcomes = Vec::new();
        for channel in channels {
            let began = Instant::now();
            let limit = crate::delivery::Options::default().timeout;
            let sent = channel.deliver(&notification, None);
            let outcome = match tokio::time::timeout(limit, sent).await {
                Ok(Ok(receipt)) => Ok(receipt.remark.unwrap_or_default()),
                Ok(Err(failure)) => Err(failure.message),
                Err(_) => Err(format!("no answer within {limit:?}")),
            };
            let took = began.elapsed();
            outcomes.push(Tested { channel: channel.name().to_owned(), outcome, took });
        }
        Ok(outcomes)
    }

    /// Where alerts and their history are kept.
    pub fn store(&self) -> &Alerts {
        &self.inner.store
    }

    /// The configuration of routes and receivers, without secrets.
    pub fn config_text(&self) -> &str {
        &self.inner.config_text
    }

    /// Why what is decided cannot be stored; none when it can.
    pub fn store_error(&self) -> Option<String> {
        self.inner.store_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether deciding and delivering go on.
    pub fn is_alive(&self) -> bool {
        let worked_at = *self.inner.worked_at.lock().unwrap_or_else(PoisonError::into_inner);
        worked_at.elapsed() < work::STANDS_STILL_AFTER && self.inner.delivery.is_alive()
    }

    /// Waits until all has stopped, after the token of [`Self::start`] was cancelled.
    pub async fn shutdown(&self) {
        self.inner.commands.closed().await;
        self.inner.delivery.shutdown().await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, EngineError> {
        let stopping = || EngineError::Unavailable("the monitor is stopping".to_owned());
        let (reply, answer) = oneshot::channel();
        self.inner.commands.send(command(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }
}

impl Inner {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn test_notification(&self, receiver: &str) -> Notification {
        let now = self.clock.now();
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let labels = Labels::new([
            (model::alert::ALERT_NAME, "EtcdMonitorTest"),
            ("severity", "info"),
            ("source", "test"),
        ]);
        let annotations = Labels::new([
            ("summary", "etcd-monitor tries out this receiver"),
            ("description", "Somebody asked for it. Nothing is wrong, and nothing is to be done."),
        ]);
        let alert = Alert {
            labels: labels.clone(),
            annotations,
            starts_at: now,
            ends_at: None,
            updated_at: now,
            generator_url: self.external_url.clone(),
            hidden: None,
        };
        Notification {
            id: format!("test-{}-{number}", now.as_nanosecond()),
            receiver: receiver.to_owned(),
            group_key: "{}:{alertname=\"EtcdMonitorTest\"}".to_owned(),
            group_labels: Labels::new([(model::alert::ALERT_NAME, "EtcdMonitorTest")]),
            alerts: vec![alert],
            truncated: 0,
            reason: Reason::Test,
            at: now,
            external_url: self.external_url.clone(),
            acknowledged_by: None,
        }
    }
}

/// A UUID in text form (version 4), as Alertmanager's clients expect.
fn new_id() -> String {
    let random = (u128::from(fastrand::u64(..)) << 64) | u128::from(fastrand::u64(..));
    let (version, variant) = (0x4_u128 << 76, 0x8_u128 << 60);
    let bits = (random & !(0xf << 76) & !(0xc << 60)) | version | variant;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// That notifications were given up, as an alert for the other channels.
fn given_up_alert(given_up: &GivenUp, external_url: &str, now: Timestamp) -> Alert {
    let GivenUp { receiver, channel, count, class, message, .. } = given_up;
    let what =
        if *count == 1 { "a notification".to_owned() } else { format!("{count} notifications") };
    let labels = Labels::new([
        (model::alert::ALERT_NAME, "EtcdMonitorNotificationFailed"),
        ("severity", "critical"),
        ("source", "delivery"),
        ("receiver", receiver.as_str()),
        ("channel", channel.as_str()),
    ]);
    let annotations = Labels::new([
        ("summary", format!("{what} for {receiver} by {channel} could not be delivered")),
        ("description", format!("The last attempt failed ({class}): {message}")),
        (
            "next_steps",
            format!(
                "etcd-monitor alert history --notifications\netcd-monitor alert test {receiver}"
            ),
        ),
    ]);
    Alert {
        labels,
        annotations,
        starts_at: given_up.first_at,
        // It is news, and not a state: nobody would say that it is over.
        ends_at: now.checked_add(jiff::SignedDuration::from_hours(1)).ok(),
        updated_at: now,
        generator_url: format!("{external_url}/api/v1/alerts/notifications?outcome=gave_up"),
        hidden: None,
    }
}

/// What is committed when it is known that something was given up.
fn given_up_told(given_up: &GivenUp) -> Change {
    Change::GivenUpTold {
        receiver: given_up.receiver.clone(),
        channel: given_up.channel.clone(),
        last_at: given_up.last_at,
    }
}

/// The channel of an outgoing notification.
fn id_of(receiver: &str, channel: &str) -> ChannelId {
    ChannelId { receiver: receiver.to_owned(), channel: channel.to_owned() }
}
