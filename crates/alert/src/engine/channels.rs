//! The ways to the receivers, as delivery wants them.

use std::sync::Arc;
use std::time::Duration;

use model::config_error::ConfigError;
use model::notification::Notification;
use notify::Kind;
use serde_json::Value;
use tracing::warn;

use super::id_of;
use crate::config::Config;
use crate::delivery::{ChannelId, Deliver, Delivery, Failure, Options, Receipt};

/// One way to one receiver.
#[derive(Clone)]
pub struct Prepared {
    channel: Arc<notify::Channel>,
}

impl Prepared {
    /// The only way to `receiver`, which stands alone, as an entry of `receivers` does.
    ///
    /// # Errors
    /// What is wrong with it; also that it has no channel.
    pub fn alone(receiver: &Value) -> Result<Self, Vec<ConfigError>> {
        let decoded = notify::config::Receiver::decode(receiver)?;
        let global = notify::config::Global::default();
        let all = notify::Channel::all(&decoded, &global, &notify::Templates::default())?;
        let first = all.into_iter().next().map(|channel| Self { channel: Arc::new(channel) });
        first.ok_or_else(|| vec![ConfigError::new("", "has no channel")])
    }

    /// Its name within the receiver.
    pub fn name(&self) -> &str {
        self.channel.name()
    }
}

impl Deliver for Prepared {
    async fn deliver(
        &self,
        notification: &Notification,
        thread: Option<&str>,
    ) -> Result<Receipt, Failure> {
        match self.channel.deliver(notification, thread).await {
            Ok(receipt) => Ok(Receipt { thread: receipt.thread, remark: receipt.remark }),
            Err(failure) => Err(Failure {
                class: failure.class.as_str(),
                is_permanent: failure.class.is_permanent(),
                retry_after: failure.retry_after,
                message: failure.message,
            }),
        }
    }
}

/// All ways to all receivers.
#[derive(Clone, Default)]
pub struct Channels {
    by_receiver: Vec<(String, Vec<Prepared>)>,
}

impl Channels {
    /// Makes those of `config`, or says every mistake in them. `templates` are those that its
    /// `templates` name, by their file's name.
    ///
    /// # Errors
    /// Receivers have mistakes that only those know who speak to them; paths are those of the file.
    pub fn new(
        config: &Config,
        templates: Vec<(String, String)>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let templates = notify::Templates::new(templates).unwrap_or_else(|mistakes| {
            errors.extend(mistakes.into_iter().map(|error| error.within("templates")));
            notify::Templates::default()
        });
        let global = notify::config::Global::decode(&config.global).unwrap_or_else(|mistakes| {
            errors.extend(mistakes.into_iter().map(|error| error.within("global")));
            notify::config::Global::default()
        });
        let mut by_receiver = Vec::new();
        for (index, receiver) in config.receivers.iter().enumerate() {
            let made = notify::config::Receiver::channels(&receiver.value, &global, &templates);
            match made {
                Ok(channels) => {
                    let prepared = channels.into_iter().map(Arc::new);
                    let prepared = prepared.map(|channel| Prepared { channel }).collect();
                    by_receiver.push((receiver.name.clone(), prepared));
                }
                Err(mistakes) => {
                    let path = format!("receivers[{index}]");
                    errors.extend(mistakes.into_iter().map(|error| error.within(&path)));
                }
            }
        }
        if errors.is_empty() { Ok(Self { by_receiver }) } else { Err(errors) }
    }

    /// The ways to a receiver.
    pub(super) fn of(&self, receiver: &str) -> Option<&[Prepared]> {
        let found = self.by_receiver.iter().find(|(name, _)| name == receiver);
        found.map(|(_, channels)| channels.as_slice())
    }

    /// The receivers' names, in the order of the configuration.
    pub(super) fn receivers(&self) -> Vec<&str> {
        self.by_receiver.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Has what is in the outbox delivered, and what waits for channels that are gone given up.
    pub(super) async fn start(&self, delivery: &Delivery, give_up_after: Duration) {
        for (receiver, channels) in &self.by_receiver {
            for channel in channels {
                let usual = match channel.channel.kind() {
                    Kind::Slack => Options::slack(),
                    _ => Options::default(),
                };
                let options = Options { give_up_after, ..usual };
                let id = id_of(receiver, channel.name());
                delivery.start(id, channel.clone(), options).await;
            }
        }
        let delivery = delivery.clone();
        let abandoned = tokio::task::spawn_blocking(move || delivery.abandon_others()).await;
        if let Ok(Err(error)) = abandoned {
            warn!(%error, "notifications for channels that are gone cannot be given up");
        }
    }

    /// Tells a channel without storing anything.
    pub(super) async fn tell_once(&self, id: &ChannelId, notification: &Notification) {
        let channels = self.of(&id.receiver).unwrap_or_default();
        let Some(channel) = channels.iter().find(|one| one.name() == id.channel) else { return };
        let limit = Options::default().timeout;
        let sent = tokio::time::timeout(limit, channel.deliver(notification, None)).await;
        let why = match sent {
            Ok(Ok(_)) => return,
            Ok(Err(failure)) => failure.message,
            Err(_) => "no answer in time".to_owned(),
        };
        let (receiver, channel) = (&id.receiver, &id.channel);
        warn!(%receiver, %channel, error = %why, "a notification that could not be stored is lost");
    }
}
