//! Hands findings to alerting as they open, change and close.

use std::collections::BTreeSet;
use std::time::Duration;

use alert::Engine;
use model::event::{Event, EventKind};
use model::series::Labels;
use monitor::fleet::{ClusterHandle, Fleet};
use monitor::own;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::findings::FindingAlerts;

/// All clusters are looked at this often, for what no event tells: that a finding is a symptom, or
/// expected, or worse than before.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The monitor's own findings are looked at from then on: it has to look at itself first, or what was
/// open before a restart would be over for a moment.
const OWN_AFTER: Duration = Duration::from_secs(10);

/// Which clusters are looked at next.
enum Look {
    All,
    Of(BTreeSet<String>),
}

/// Tells `engine` of the findings of `fleet` until `stop`.
pub(crate) async fn follow(
    fleet: Fleet,
    engine: Engine,
    external_url: String,
    stop: CancellationToken,
) {
    let mut events = fleet.events().subscribe();
    let known = engine.alerts().into_iter().map(|view| (*view.alert).clone());
    let mut alerts = FindingAlerts::resumed(known);
    let started = Instant::now();
    let mut look = Look::All;
    let mut next_of_all = started;
    loop {
        let now = fleet.clock().now();
        let mut changed = Vec::new();
        let clusters = fleet.clusters();
        let is_wanted = |name: &str| match &look {
            Look::All => true,
            Look::Of(names) => names.contains(name),
        };
        for view in clusters.iter().map(ClusterHandle::view) {
            // Before the first sweep nothing is known, which is not that nothing is wrong.
            if view.sweeps > 0 && is_wanted(&view.name) {
                let extra = Labels::new(view.labels.clone());
                changed.extend(alerts.look(&view.name, &extra, &view.findings, &external_url, now));
            }
        }
        if is_wanted(own::NAME) && started.elapsed() >= OWN_AFTER {
            let findings = fleet.own_findings();
            let none = Labels::default();
            changed.extend(alerts.look(own::NAME, &none, &findings, &external_url, now));
        }
        if matches!(look, Look::All) {
            next_of_all = Instant::now() + LOOK_EVERY;
            let names: BTreeSet<String> = clusters.iter().map(ClusterHandle::name).collect();
            changed.extend(alerts.forget(|name| names.contains(name), now));
        }
        if !changed.is_empty()
            && let Err(error) = engine.receive(changed).await
        {
            warn!(%error, "findings cannot be handed to alerting");
        }
        look = tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(next_of_all) => Look::All,
            event = events.recv() => match event {
                Ok(event) => clusters_of(&event, || events.try_recv()),
                Err(RecvError::Lagged(_)) => Look::All,
                Err(RecvError::Closed) => return,
            },
        };
    }
}

/// The clusters of the events that are there by now.
fn clusters_of(
    first: &Event,
    mut more: impl FnMut() -> Result<std::sync::Arc<Event>, TryRecvError>,
) -> Look {
    let is_of_finding =
        |event: &Event| matches!(event.kind, EventKind::FindingOpened | EventKind::FindingClosed);
    let mut names = BTreeSet::new();
    let mut take = |event: &Event| {
        if is_of_finding(event) {
            names.insert(event.cluster.clone());
        }
    };
    take(first);
    loop {
        match more() {
            Ok(event) => take(&event),
            Err(TryRecvError::Lagged(_)) => return Look::All,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Look::Of(names),
        }
    }
}
