//! The history of the members' metrics: opened, fed by the scrapes, kept within its limits.

mod feed;
mod keep;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::clock::Clock;
use monitor::sink::PageSink;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use tsdb::{Options, Tsdb};

use crate::error::Error;
use feed::Feeds;

/// Whole days go, so more often gains nothing.
const LIMITS_EVERY: Duration = Duration::from_hours(1);

/// The history of the members' metrics.
pub(super) struct History {
    store: Tsdb,
    feeds: Arc<Feeds>,
}

impl History {
    /// Opens what `data_dir` has, or begins it.
    pub(super) fn open(data_dir: &Path) -> Result<Self, Error> {
        let store = Tsdb::open(&data_dir.join("history"), Options::default())?;
        let feeds = Arc::new(Feeds::new(store.clone()));
        Ok(Self { store, feeds })
    }

    /// Takes the pages of the scrapes.
    pub(super) fn sink(&self) -> Arc<dyn PageSink> {
        Arc::clone(&self.feeds) as Arc<dyn PageSink>
    }

    /// Removes what is over age until `stop`.
    pub(super) fn keep_within_limits(
        &self,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let store = self.store.clone();
        async move {
            loop {
                let (store, now) = (store.clone(), clock.now().as_millisecond());
                let removal = tokio::task::spawn_blocking(move || store.retain(now)).await;
                if let Ok(Err(error)) = removal {
                    warn!(%error, "history over age cannot be removed");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LIMITS_EVERY) => {}
                }
            }
        }
    }

    /// Writes what is left.
    pub(super) async fn close(self) {
        // An error says that it panicked, which the log has.
        let _ = tokio::task::spawn_blocking(move || self.store.close()).await;
    }
}
