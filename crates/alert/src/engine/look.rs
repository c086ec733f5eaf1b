//! How things are, for APIs: alerts, groups, silences, receivers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::alert::{Alert, Fingerprint, Hidden};
use model::silence::Silence;
use tracing::warn;

use super::Engine;
use crate::core::Core;
use crate::delivery::ChannelFigures;
use crate::silence::SilenceError;
use crate::view::{AlertView, ChannelView, GroupView, ReceiverView, Status};

impl Engine {
    /// The alerts that are on, in order of their labels.
    pub fn alerts(&self) -> Vec<AlertView> {
        let now = self.inner.clock.now();
        let core = self.inner.core();
        let on = core.alerts().filter(|(_, alert)| !alert.is_resolved(now));
        let mut views: Vec<_> =
            on.filter_map(|(fingerprint, alert)| view(&core, fingerprint, alert, now)).collect();
        drop(core);
        views.sort_by(|a, b| a.alert.labels.cmp(&b.alert.labels));
        views
    }

    /// How many alerts are kept, those that are over and not yet told among them.
    pub fn count(&self) -> usize {
        self.inner.core().alerts().count()
    }

    /// The groups that have alerts that are on, in order of receivers and keys.
    pub fn groups(&self) -> Vec<GroupView> {
        let now = self.inner.clock.now();
        let core = self.inner.core();
        let mut known: HashMap<Fingerprint, AlertView> = HashMap::new();
        let mut groups = Vec::new();
        for group in core.groups(now) {
            let mut alerts = Vec::new();
            for (fingerprint, alert) in group.alerts {
                if alert.is_resolved(now) {
                    continue;
                }
                if !known.contains_key(&fingerprint)
                    && let Some(view) = view(&core, fingerprint, alert, now)
                {
                    known.insert(fingerprint, view);
                }
                alerts.extend(known.get(&fingerprint).cloned());
            }
            alerts.sort_by(|a, b| a.alert.labels.cmp(&b.alert.labels));
            if !alerts.is_empty() {
                groups.push(GroupView {
                    labels: group.labels.clone(),
                    receiver: group.receiver.to_owned(),
                    muted_by: group.muted_by.into_iter().map(str::to_owned).collect(),
                    alerts,
                });
            }
        }
        groups
    }

    /// The silences, those that are over among them for some days.
    pub fn silences(&self) -> Vec<Silence> {
        self.inner.core().silences().iter().cloned().collect()
    }

    /// The figures of every way to a receiver; none while the outbox cannot be read.
    pub async fn channel_figures(&self) -> Vec<ChannelFigures> {
        let delivery = self.inner.delivery.clone();
        let figures = tokio::task::spawn_blocking(move || delivery.figures()).await;
        let figures = figures.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        figures.unwrap_or_else(|error| {
            warn!(%error, "the outbox cannot be read");
            Vec::new()
        })
    }

    /// The receivers and how the ways to them are.
    pub async fn receivers(&self) -> Vec<ReceiverView> {
        let now = self.inner.clock.now();
        let figures = self.channel_figures().await;
        let of = |receiver: &str, channel: &str| {
            let figures =
                figures.iter().find(|one| one.id.receiver == receiver && one.id.channel == channel);
            let mut view = ChannelView { name: channel.to_owned(), ..ChannelView::default() };
            if let Some(figures) = figures {
                view.waiting = usize::try_from(figures.waiting).unwrap_or(usize::MAX);
                view.oldest = figures
                    .oldest
                    .map(|at| Duration::try_from(now.duration_since(at)).unwrap_or_default());
                view.delivered = figures.delivered;
                view.failed = figures.failed.values().sum();
                view.last_error.clone_from(&figures.last_failure);
            }
            view
        };
        let all = self.inner.channels.receivers().into_iter();
        all.map(|name| {
            let channels = self.inner.channels.of(name).unwrap_or_default();
            let channels = channels.iter().map(|channel| of(name, channel.name())).collect();
            ReceiverView { name: name.to_owned(), channels }
        })
        .collect()
    }
}

fn view(core: &Core, fingerprint: Fingerprint, alert: &Alert, now: Timestamp) -> Option<AlertView> {
    let status = core.status(fingerprint, now)?;
    let hidden = status.hidden.map(|hidden| match hidden {
        Hidden::Symptom(root) => root,
        Hidden::Expected(why) => why,
    });
    Some(AlertView {
        alert: Arc::new(alert.clone()),
        receivers: status.receivers,
        acknowledged: status.acknowledged,
        told_at: core.told_at(fingerprint),
        status: Status {
            silenced_by: status.silenced_by,
            inhibited_by: status.inhibited_by.into_iter().collect(),
            muted_by: status.muted_by,
            hidden,
        },
    })
}

impl From<SilenceError> for super::EngineError {
    fn from(error: SilenceError) -> Self {
        match error {
            SilenceError::Unknown(_) => Self::Missing(error.to_string()),
            SilenceError::TooMany => Self::Unavailable(error.to_string()),
            SilenceError::NoMatcher | SilenceError::EndBeforeStart | SilenceError::EndInPast => {
                Self::Bad(error.to_string())
            }
        }
    }
}
