//! Reading the configuration file again when it changes, or when told to.
//!
//! The content is compared, not the time of change: ConfigMaps of Kubernetes are swapped by symbolic
//! links, which file notifications miss.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::clock::Clock;
use monitor::fleet::Fleet;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::alerting::{Service, watched_files};
use crate::cli::flags::RunFlags;
use crate::config::{Settings, SystemEnvironment, compose, diff};
use crate::console::Console;
use crate::logging;

/// How often the file is compared.
const COMPARE_EVERY: Duration = Duration::from_secs(2);

/// Applies what changes in the configuration file.
pub(super) struct Reload {
    pub(super) flags: RunFlags,
    pub(super) settings: Settings,
    pub(super) fleet: Fleet,
    pub(super) alerting: Service,
    pub(super) log: logging::Handle,
    pub(super) console: Console,
    pub(super) clock: Arc<dyn Clock>,
}

impl Reload {
    /// Runs until `stop`.
    pub(super) async fn run(
        mut self,
        mut hangups: Option<mpsc::Receiver<()>>,
        stop: CancellationToken,
    ) {
        let Some(file) = self.flags.config.clone() else { return };
        let mut seen = fingerprint(&file);
        let mut seen_of_alerts = self.of_alerts();
        let mut ticks = interval(COMPARE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_told = tokio::select! {
                () = stop.cancelled() => return,
                () = told(&mut hangups) => true,
                _ = ticks.tick() => false,
            };
            let now = fingerprint(&file);
            let of_alerts = self.of_alerts();
            let is_other = of_alerts.is_some() && of_alerts != seen_of_alerts;
            if is_told || is_other || (now.is_some() && now != seen) {
                seen = now;
                self.reload(is_told || is_other, &stop).await;
                seen_of_alerts = self.of_alerts();
            }
        }
    }

    /// A hash of the files that the section of alerts names; none while one cannot be read.
    fn of_alerts(&self) -> Option<u64> {
        let files = watched_files(&self.settings.alerts);
        let all: Option<Vec<u64>> = files.iter().map(|file| fingerprint(file)).collect();
        let mut hasher = DefaultHasher::new();
        (files, all?).hash(&mut hasher);
        Some(hasher.finish())
    }

    /// Reads, checks and applies; a file with mistakes changes nothing. Alerting is begun anew where
    /// its section is another one, or `with_alerts`, since a file that it names is.
    async fn reload(&mut self, with_alerts: bool, stop: &CancellationToken) {
        let new = match compose(&self.flags, &SystemEnvironment, self.clock.now()) {
            Ok(new) => new,
            Err(mistakes) => {
                warn!(error = %mistakes, "configuration has mistakes, the old one stays");
                self.console.tell(&format!("configuration not taken: {mistakes}"));
                return;
            }
        };
        let needs_restart = diff::needs_restart(&self.settings, &new);
        if !needs_restart.is_empty() {
            let sections = needs_restart.join(", ");
            warn!(%sections, "change needs a restart");
            self.console.tell(&format!("restart to apply the changes of: {sections}"));
        }
        self.log.apply(&new.log);
        let applied = self.fleet.apply(new.clusters.clone());
        info!(
            added = applied.added.len(),
            changed = applied.changed.len(),
            removed = applied.removed.len(),
            "configuration applied"
        );
        self.console.tell(&format!(
            "configuration applied: clusters added {}, changed {}, removed {}, as before {}",
            applied.added.len(),
            applied.changed.len(),
            applied.removed.len(),
            applied.unchanged.len()
        ));
        if with_alerts || self.settings.alerts != new.alerts {
            self.alerting.reload(&new.alerts, stop).await;
            self.console.tell("alerting goes on with the configuration as it is now");
        }
        self.settings = new;
    }
}

async fn told(hangups: &mut Option<mpsc::Receiver<()>>) {
    let is_told = match hangups {
        Some(hangups) => hangups.recv().await.is_some(),
        None => false,
    };
    if !is_told {
        std::future::pending::<()>().await;
    }
}

/// A hash of the file's content; `None` while it cannot be read, as in the middle of a swap.
fn fingerprint(file: &Path) -> Option<u64> {
    let content = fs::read(file).ok()?;
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    Some(hasher.finish())
}
