//! Runs queries of the history: off the async threads, a bounded number at a time, and no longer
//! than somebody waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use promql::{Cancel, Engine, Limits};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tsdb::Tsdb;

use crate::config::QueryConfig;

/// How long a query waits until others have ended.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// There is no store.
    #[error(
        "no history is kept; start etcd-monitor with a data directory (--data-dir, or data_dir in \
         the configuration)"
    )]
    NoHistory,
    /// Too many at once.
    #[error(
        "{limit} queries are being evaluated already (server.query.concurrency), and none ended \
         within {PATIENCE:?}; try again"
    )]
    Busy {
        /// How many may.
        limit: usize,
    },
    /// The service stops.
    #[error("etcd-monitor is stopping")]
    Stopping,
    /// The query is wrong, takes too much, or meets trouble.
    #[error(transparent)]
    Query(#[from] promql::Error),
    /// The evaluation panicked; the log has it.
    #[error("an error in the monitor itself; its log has more")]
    Panicked,
}

/// The history, and the room for queries of it.
pub(crate) struct Queries {
    history: Option<Tsdb>,
    engine: Engine,
    concurrency: usize,
    room: Arc<Semaphore>,
    stopping: CancellationToken,
}

impl Queries {
    pub(crate) fn new(
        history: Option<Tsdb>,
        config: &QueryConfig,
        stopping: CancellationToken,
    ) -> Self {
        let limits = Limits {
            timeout: config.timeout,
            max_samples: config.max_samples,
            ..Limits::default()
        };
        Self {
            history,
            engine: Engine { limits, ..Engine::default() },
            concurrency: config.concurrency,
            room: Arc::new(Semaphore::new(config.concurrency)),
            stopping,
        }
    }

    /// The engine with the configured limits.
    pub(crate) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Does `work` on a thread of its own. When the caller is dropped, or the service stops, the
    /// work is told to stop; its place is free when it has.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tsdb, &Cancel) -> Result<T, promql::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        let store = self.history.clone().ok_or(QueryError::NoHistory)?;
        let done = async {
            let place = timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await;
            let Ok(Ok(place)) = place else {
                return Err(QueryError::Busy { limit: self.concurrency });
            };
            let guard = CancelOnDrop(Cancel::default());
            let cancel = guard.0.clone();
            let work = tokio::task::spawn_blocking(move || {
                let _place = place;
                work(&store, &cancel)
            });
            Ok(work.await.map_err(|_| QueryError::Panicked)??)
        };
        tokio::select! {
            done = done => done,
            () = self.stopping.cancelled() => Err(QueryError::Stopping),
        }
    }
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tsdb::Options;

    use super::*;

    fn queries(directory: &tempfile::TempDir, stopping: &CancellationToken) -> Queries {
        let store = Tsdb::open(directory.path(), Options::default()).unwrap();
        let config = QueryConfig { concurrency: 1, ..QueryConfig::default() };
        Queries::new(Some(store), &config, stopping.clone())
    }

    /// A query that goes on until it is cancelled, then says so.
    async fn endless(
        queries: &Queries,
        begun: oneshot::Sender<()>,
        ended: oneshot::Sender<()>,
    ) -> Result<(), QueryError> {
        let forever = "max_over_time(sum_over_time(vector(1)[1d:1s])[10d:1s])";
        let engine = queries.engine();
        queries
            .run(move |store, cancel| {
                let _ = begun.send(());
                let query = promql::Query::parse(forever)?;
                let outcome = engine.instant(store, &query, 0, cancel);
                assert!(matches!(outcome, Err(promql::Error::Canceled)), "{outcome:?}");
                let _ = ended.send(());
                outcome.map(|_| ())
            })
            .await
    }

    #[tokio::test]
    async fn a_query_ends_when_nobody_waits_for_it_and_its_place_is_free_again() {
        let directory = tempfile::tempdir().unwrap();
        let queries = queries(&directory, &CancellationToken::new());
        let (begun, has_begun) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        tokio::select! {
            outcome = endless(&queries, begun, ended) => panic!("{outcome:?}"),
            begun = has_begun => begun.unwrap(),
        }
        timeout(Duration::from_secs(20), has_ended).await.unwrap().unwrap();
        assert_eq!(queries.run(|_, _| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_query_ends_when_the_service_stops() {
        let directory = tempfile::tempdir().unwrap();
        let stopping = CancellationToken::new();
        let queries = queries(&directory, &stopping);
        let (begun, has_begun) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        let stop = async {
            has_begun.await.unwrap();
            stopping.cancel();
        };
        let (outcome, ()) = tokio::join!(endless(&queries, begun, ended), stop);
        assert!(matches!(outcome, Err(QueryError::Stopping)), "{outcome:?}");
        timeout(Duration::from_secs(20), has_ended).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_waits_a_bounded_time_for_its_turn() {
        let directory = tempfile::tempdir().unwrap();
        let queries = queries(&directory, &CancellationToken::new());
        let _place = Arc::clone(&queries.room).acquire_owned().await.unwrap();
        let error = queries.run(|_, _| Ok(())).await.unwrap_err();
        assert!(error.to_string().contains("server.query.concurrency"), "{error}");
    }
}
