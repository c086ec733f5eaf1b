//! The task that decides: one thing after the other, each stored before anybody is told.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::ack::Ack;
use model::alert::{Alert, Fingerprint};
use model::rule_alert::RuleAlert;
use model::silence::Silence;
use store::alerts::{Change, GivenUp, NewEntry};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{EngineError, Inner, given_up_alert, given_up_told, id_of};
use crate::core::Outgoing;

/// Things that are decided on before the disk is waited for once.
const AT_ONCE: usize = 256;

/// How often it looks whether anything is due when nothing says so.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A task that has not done its work for so long stands still.
pub(super) const STANDS_STILL_AFTER: Duration = LOOK_EVERY.saturating_mul(6);

/// How long it waits until what could not be stored is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Changes that wait in memory while the disk takes none: some hundred megabytes. Then only what is
/// told goes on, and is not remembered.
const MAX_UNSTORED: usize = 200_000;

type Reply<T> = oneshot::Sender<T>;

/// What the task is asked to do.
pub(super) enum Command {
    Receive(Vec<Alert>, Reply<()>),
    Rules {
        group: String,
        remembered: Option<Vec<RuleAlert>>,
        alerts: Vec<Alert>,
        reply: Reply<()>,
    },
    PutSilence(Silence, String, Reply<Result<String, EngineError>>),
    ExpireSilence(String, Reply<Result<(), EngineError>>),
    Acknowledge {
        fingerprint: Fingerprint,
        by: String,
        note: String,
        reply: Reply<Result<Ack, EngineError>>,
    },
    Unacknowledge(Fingerprint, Reply<Result<(), EngineError>>),
}

/// The task.
pub(super) struct Work {
    pub(super) inner: Arc<Inner>,
    pub(super) receiver: mpsc::Receiver<Command>,
    pub(super) given_up: mpsc::Receiver<GivenUp>,
    pub(super) stop: CancellationToken,
    /// What could not be stored yet.
    pub(super) unstored: Vec<Change>,
}

/// Tells who asked, once it is stored.
type Answer = Box<dyn FnOnce() + Send>;

impl Work {
    pub(super) async fn run(mut self) {
        loop {
            let mut answers: Vec<Answer> = Vec::new();
            let mut changes = Vec::new();
            let wait = self.until_due();
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                Some(given_up) = self.given_up.recv() => self.give_up(&given_up, &mut changes),
                command = self.receiver.recv() => match command {
                    Some(command) => self.take(command, &mut answers, &mut changes),
                    None => break,
                },
            }
            for _ in 1..AT_ONCE {
                let Ok(command) = self.receiver.try_recv() else { break };
                self.take(command, &mut answers, &mut changes);
            }
            while let Ok(given_up) = self.given_up.try_recv() {
                self.give_up(&given_up, &mut changes);
            }
            self.decide(changes).await;
            for answer in answers {
                answer();
            }
            *self.inner.worked_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        // Whoever still asks is told that nobody answers; what was decided is stored.
        self.receiver.close();
        self.decide(Vec::new()).await;
    }

    /// How long nothing is due.
    fn until_due(&self) -> Duration {
        if !self.unstored.is_empty() {
            return RETRY_AFTER;
        }
        let now = self.inner.clock.now();
        let due = self.inner.core().next_due();
        let wait = due.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        wait.map_or(LOOK_EVERY, |wait| wait.min(LOOK_EVERY))
    }

    fn take(&self, command: Command, answers: &mut Vec<Answer>, changes: &mut Vec<Change>) {
        let now = self.inner.clock.now();
        let mut core = self.inner.core();
        match command {
            Command::Receive(alerts, reply) => {
                core.receive(alerts, now);
                answers.push(answer(reply, ()));
            }
            Command::Rules { group, remembered, alerts, reply } => {
                core.receive(alerts, now);
                changes.extend(remembered.map(|alerts| Change::RuleAlertsOf { group, alerts }));
                answers.push(answer(reply, ()));
            }
            Command::PutSilence(silence, new_id, reply) => {
                let made = core.set_silence(silence, new_id, now);
                answers.push(answer(reply, made.map_err(EngineError::from)));
            }
            Command::ExpireSilence(id, reply) => {
                let ended = core.expire_silence(&id, now);
                answers.push(answer(reply, ended.map_err(EngineError::from)));
            }
            Command::Acknowledge { fingerprint, by, note, reply } => {
                let outcome = if core.acknowledge(fingerprint, &by, &note, now) {
                    let starts_at = core.alert(fingerprint).map_or(now, |alert| alert.starts_at);
                    Ok(Ack { fingerprint, starts_at, at: now, by, note })
                } else {
                    let text = format!("there is no alert {fingerprint}, or it is over");
                    Err(EngineError::Missing(text))
                };
                answers.push(answer(reply, outcome));
            }
            Command::Unacknowledge(fingerprint, reply) => {
                let text = || format!("nobody takes care of an alert {fingerprint}");
                let was = core.unacknowledge(fingerprint, now);
                let outcome = was.then_some(()).ok_or_else(|| EngineError::Missing(text()));
                answers.push(answer(reply, outcome));
            }
        }
    }

    fn give_up(&self, given_up: &GivenUp, changes: &mut Vec<Change>) {
        let now = self.inner.clock.now();
        let (receiver, channel) = (&given_up.receiver, &given_up.channel);
        error!(%receiver, %channel, error = %given_up.message, "notifications were given up");
        let alert = given_up_alert(given_up, &self.inner.external_url, now);
        self.inner.core().receive(vec![alert], now);
        changes.push(given_up_told(given_up));
    }

    /// Decides what is due, stores it, and has it delivered.
    async fn decide(&mut self, more: Vec<Change>) {
        let now = self.inner.clock.now();
        let (outgoing, changes) = {
            let mut core = self.inner.core();
            let outgoing = core.advance(now);
            (outgoing, core.take_changes())
        };
        let is_news = !outgoing.is_empty();
        let entries: Vec<NewEntry> = outgoing.into_iter().map(entry).collect();
        self.unstored.extend(changes);
        self.unstored.extend(more);
        self.unstored.extend(entries.iter().cloned().map(Change::Enqueue));
        if self.unstored.is_empty() {
            return;
        }
        let changes = std::mem::take(&mut self.unstored);
        let store = self.inner.store.clone();
        let stored = tokio::task::spawn_blocking(move || {
            let outcome = store.commit(&changes);
            (outcome, changes)
        });
        let (outcome, changes) = match stored.await {
            Ok(stored) => stored,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        match outcome {
            Ok(()) => {
                if self.inner.set_store_error(None).is_some() {
                    info!("alerts can be stored again");
                }
                if is_news {
                    self.inner.delivery.wake();
                }
            }
            Err(error) => {
                if self.inner.set_store_error(Some(error.to_string())).is_none() {
                    warn!(%error, "alerts cannot be stored, they are told all the same");
                }
                self.unstored = changes;
                self.tell_unstored(&entries);
            }
        }
    }

    /// The disk takes nothing: people are told all the same, once, and nobody tries again. What is
    /// told so is not stored later, or it would be told twice.
    fn tell_unstored(&mut self, entries: &[NewEntry]) {
        self.unstored.retain(|change| !matches!(change, Change::Enqueue(_)));
        let over = self.unstored.len().saturating_sub(MAX_UNSTORED);
        self.unstored.drain(..over);
        for entry in entries {
            let notification = Arc::clone(&entry.notification);
            let id = id_of(&notification.receiver, &entry.channel);
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move { inner.channels.tell_once(&id, &notification).await });
        }
    }
}

impl Inner {
    /// Replaces what is known; gives back what was.
    fn set_store_error(&self, error: Option<String>) -> Option<String> {
        let mut known = self.store_error.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, error)
    }
}

fn answer<T: Send + 'static>(reply: Reply<T>, value: T) -> Answer {
    // Who asked may have gone.
    Box::new(move || drop(reply.send(value)))
}

fn entry(outgoing: Outgoing) -> NewEntry {
    NewEntry {
        channel: outgoing.integration,
        urgency: outgoing.priority,
        notification: Arc::new(outgoing.notification),
    }
}
