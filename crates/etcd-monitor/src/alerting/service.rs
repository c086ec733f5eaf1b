//! Alerting as a part of the running program: begun, begun anew with another configuration, ended.
//!
//! To take another configuration it stops as at the end of the program and starts from what it has
//! stored, as after a restart: states, groups, silences and the outbox stay, what is under way has two
//! seconds to end and is tried again otherwise. Meanwhile nothing is lost, since findings and rules
//! are looked at anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::clock::Clock;
use monitor::fleet::Fleet;
use server::rules::Rules as Shown;
use store::alerts::{Alerts as Store, Options};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};
use tsdb::Tsdb;

use super::start::{Alerting, start};
use super::{Config, Lateness};
use crate::error::Error;

/// Its file within the data directory.
const FILE: &str = "alerts.db";

const DAY: Duration = Duration::from_hours(24);

/// What alerting works with, whatever its configuration.
pub(crate) struct Surroundings {
    /// Without one there are no alerts.
    pub(crate) data_dir: Option<PathBuf>,
    /// What rules are evaluated over.
    pub(crate) history: Option<Tsdb>,
    /// Where the API is served.
    pub(crate) url: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fleet: Fleet,
    /// Where the API finds the rules.
    pub(crate) rules: Shown,
    /// Where the API finds the alerts.
    pub(crate) alerts: server::Alerts,
    /// Where it is noted that rules are evaluated too late.
    pub(crate) lateness: Lateness,
}

/// Alerting in the running program. A clone is another handle.
#[derive(Clone)]
pub(crate) struct Service {
    around: Arc<Surroundings>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Opened once: a file has one owner.
    store: Option<Store>,
    running: Option<Running>,
}

struct Running {
    alerting: Alerting,
    config: Config,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Service {
    pub(crate) fn new(around: Surroundings) -> Self {
        Self { around: Arc::new(around), state: Arc::default() }
    }

    /// Begins, where alerts are switched on and have a place; [`Self::feed`] comes next.
    pub(crate) async fn start(&self, config: &Config) -> Result<(), Error> {
        self.begin(&mut *self.state.lock().await, config).await
    }

    /// Has findings and rules become alerts, until `stop` or [`Self::end`]. Clusters must be known, or
    /// what was on before is over for a moment.
    pub(crate) async fn feed(&self, stop: &CancellationToken) {
        self.feed_now(&mut *self.state.lock().await, stop);
    }

    /// Goes on with another configuration; with the old one where that cannot be used.
    pub(crate) async fn reload(&self, config: &Config, stop: &CancellationToken) {
        let mut state = self.state.lock().await;
        let old = Self::stop(&mut state).await;
        self.around.lateness.forget();
        self.around.rules.show(Vec::new());
        match self.begin(&mut state, config).await {
            Ok(()) => info!("alerting goes on with another configuration"),
            Err(problem) => {
                error!(error = %problem, "alerting cannot be configured so, the old way stays");
                if let Some(old) = old
                    && let Err(problem) = self.begin(&mut state, &old).await
                {
                    error!(error = %problem, "alerting has stopped; restart the monitor");
                }
            }
        }
        self.feed_now(&mut state, stop);
    }

    /// Stores what was decided, lets what is under way end, and stops.
    pub(crate) async fn end(&self) {
        let mut state = self.state.lock().await;
        Self::stop(&mut state).await;
        self.around.alerts.show(None);
    }

    async fn begin(&self, state: &mut State, config: &Config) -> Result<(), Error> {
        let directory = self.around.data_dir.as_ref().filter(|_| config.enabled);
        let Some(directory) = directory else {
            self.around.alerts.show(None);
            return Ok(());
        };
        let options = Options { retention: DAY * config.retention_days, ..Options::default() };
        let store = match &state.store {
            Some(store) => {
                store.set_options(options);
                store.clone()
            }
            None => Store::open(&directory.join(FILE), options)?,
        };
        state.store = Some(store.clone());
        let alerting = start(config, store, &self.around).await?;
        self.around.alerts.show(Some(alerting.engine.clone()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        state.running = Some(Running { alerting, config: config.clone(), tasks, stop });
        Ok(())
    }

    fn feed_now(&self, state: &mut State, stop: &CancellationToken) {
        let Some(running) = &mut state.running else { return };
        running.stop = stop.child_token();
        let Running { alerting, config, tasks, stop } = running;
        alerting.feed(config, &self.around.fleet, &self.around.url, tasks, stop);
        tasks.close();
    }

    /// Gives back with which configuration it ran.
    async fn stop(state: &mut State) -> Option<Config> {
        let running = state.running.take()?;
        running.stop.cancel();
        running.tasks.close();
        running.tasks.wait().await;
        running.alerting.shutdown().await;
        Some(running.config)
    }
}
