//! The history of the members' metrics: opened, fed by the scrapes, rolled up, kept within its limits.

mod backups;
mod config;
mod feed;
mod keep;
mod own;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::clock::Clock;
use monitor::fleet::Fleet;
use monitor::sink::PageSink;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use tsdb::Tsdb;

pub use config::{Config, Keep};
use feed::Feeds;
pub(crate) use own::SeriesSets;

/// Its directory within the data directory.
pub const DIRECTORY: &str = "history";

/// How often the history is tidied: whole days are rolled up and removed, so more often gains nothing.
const TIDY_EVERY: Duration = Duration::from_mins(10);

/// The history of the members' metrics.
#[derive(Clone)]
pub struct History {
    store: Tsdb,
    feeds: Arc<Feeds>,
}

impl History {
    /// Opens what `data_dir` has, or begins it.
    pub fn open(data_dir: &Path, config: &Config) -> Result<Self, tsdb::Error> {
        let store = Tsdb::open(&data_dir.join(DIRECTORY), config.options())?;
        let feeds = Arc::new(Feeds::new(store.clone(), config));
        Ok(Self { store, feeds })
    }

    /// What is kept, to be read.
    pub fn store(&self) -> Tsdb {
        self.store.clone()
    }

    /// Takes the pages of the scrapes.
    pub fn sink(&self) -> Arc<dyn PageSink> {
        Arc::clone(&self.feeds) as Arc<dyn PageSink>
    }

    /// Keeps what we judge of the clusters, as series of our own, until `stop`.
    pub async fn record_own(self, fleet: Fleet, stop: CancellationToken) {
        own::record(self.store, fleet, stop).await;
    }

    /// Rolls up days that are over and removes what is over age, until `stop`.
    pub async fn tidy(self, clock: Arc<dyn Clock>, stop: CancellationToken) {
        loop {
            let (history, now_ms) = (self.clone(), clock.now().as_millisecond());
            let is_stopped = stop.clone();
            // An error says that it panicked, which the log has.
            let _ =
                tokio::task::spawn_blocking(move || history.tidy_now(now_ms, &is_stopped)).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TIDY_EVERY) => {}
            }
        }
    }

    fn tidy_now(&self, now_ms: i64, stop: &CancellationToken) {
        let mut last = Instant::now();
        let mut proceed = || {
            // Half of the time is left to others: a day of a thousand members takes minutes.
            std::thread::sleep(last.elapsed());
            last = Instant::now();
            !stop.is_cancelled()
        };
        // First, so that nothing goes over age that has not been rolled up.
        if let Err(error) = self.store.roll_up(now_ms, &mut proceed) {
            warn!(%error, "history cannot be rolled up");
        }
        if let Err(error) = self.store.retain(now_ms) {
            warn!(%error, "history over age cannot be removed");
        }
    }

    /// Writes what is left.
    pub async fn close(self) {
        // An error says that it panicked, which the log has.
        let _ = tokio::task::spawn_blocking(move || self.store.close()).await;
    }
}
