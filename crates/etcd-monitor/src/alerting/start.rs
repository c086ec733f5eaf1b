//! Starting alerting, and feeding it.

use std::sync::Arc;
use std::time::Duration;

use alert::routing::Routing;
use alert::{Engine, Start};
use jiff::Timestamp;
use model::clock::Clock;
use model::config_error::ConfigError;
use monitor::fleet::Fleet;
use store::alerts::Alerts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::rules::{Pulse, Rules, Surroundings};
use super::{Config, Routes, feed, heartbeat, rule_groups, service};
use crate::error::{Error, Mistakes};

/// How often history that is over age is removed.
const RETAIN_EVERY: Duration = Duration::from_mins(10);

/// Alerting at work.
pub(crate) struct Alerting {
    /// What decides.
    pub(crate) engine: Engine,
    stop: CancellationToken,
    /// None where there is no history to evaluate over.
    rules: Option<Rules>,
    pulse: Option<Pulse>,
}

/// Begins with what `store` has.
pub(super) async fn start(
    config: &Config,
    store: Alerts,
    around: &service::Surroundings,
) -> Result<Alerting, Error> {
    let routes = Routes::read(config).map_err(mistakes)?;
    let groups = rule_groups::read(config).map_err(mistakes)?;
    let external_url = config.external_url.clone().unwrap_or_else(|| around.url.clone());
    let clock = Arc::clone(&around.clock);
    // It ends after those that bring alerts, so that their last word is stored.
    let stop = CancellationToken::new();
    let start = Start {
        routing: Routing::new(&routes.tree, &external_url),
        channels: routes.channels,
        store,
        clock: Arc::clone(&clock),
        external_url: external_url.clone(),
        config_text: routes.text,
        give_up_after: config.give_up_after,
    };
    let (engine, saved) = Engine::start(start, stop.clone()).await?;
    let rules = match around.history.clone() {
        Some(store) => {
            let around = Surroundings {
                store,
                engine: engine.clone(),
                clock,
                external_url,
                shown: around.rules.clone(),
                lateness: around.lateness.clone(),
                tells_findings: config.findings,
            };
            Some(Rules::start(config, groups, saved, around).await)
        }
        None => None,
    };
    let pulse = rules.as_ref().map(Rules::pulse);
    Ok(Alerting { engine, stop, rules, pulse })
}

fn mistakes(mistakes: Vec<ConfigError>) -> Error {
    let mistakes = mistakes.into_iter().map(|error| error.within("alerts")).collect();
    Error::Config(Mistakes { file: None, mistakes })
}

impl Alerting {
    /// Has findings become alerts, and history go in time, until `stop`.
    pub(crate) fn feed(
        &mut self,
        config: &Config,
        fleet: &Fleet,
        url: &str,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let external_url = config.external_url.clone().unwrap_or_else(|| url.to_owned());
        if let Some(heartbeat) = &config.heartbeat
            && let Ok(channel) = heartbeat::channel(heartbeat)
        {
            let (engine, clock) = (self.engine.clone(), Arc::clone(fleet.clock()));
            let url = external_url.clone();
            let pulse = self.pulse.clone();
            let is_alive = move || engine.is_alive() && pulse.as_ref().is_none_or(Pulse::is_alive);
            let heartbeat = heartbeat.clone();
            tasks.spawn(heartbeat::run(heartbeat, channel, is_alive, clock, url, stop.clone()));
        }
        if let Some(rules) = self.rules.take() {
            tasks.spawn(rules.run(stop.clone()));
        }
        if config.findings {
            let engine = self.engine.clone();
            tasks.spawn(feed::follow(fleet.clone(), engine, external_url, stop.clone()));
        }
        tasks.spawn(retain(self.engine.store().clone(), Arc::clone(fleet.clock()), stop.clone()));
    }

    /// Stores what was decided, lets what is under way end, and stops.
    pub(crate) async fn shutdown(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

async fn retain(store: Alerts, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        let (store, now): (_, Timestamp) = (store.clone(), clock.now());
        let removed = tokio::task::spawn_blocking(move || store.retain(now)).await;
        if let Ok(Err(error)) = removed {
            warn!(%error, "history of alerts over age cannot be removed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETAIN_EVERY) => {}
        }
    }
}
