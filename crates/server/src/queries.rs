//! Runs queries of the history: off the async threads, a bounded number at a time, and no longer
//! than somebody waits for the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use promql::{Cancel, Engine, Limits};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tsdb::Tsdb;

use crate::config::QueryConfig;

/// How long a query may keep the thread of its request, as the making of a page of `/metrics` does. Most
/// panels of a dashboard take less, and two changes of thread would cost them a good part of that.
const AT_ONCE: Duration = Duration::from_millis(1);

/// How many slow queries are remembered, at most.
const SLOW: usize = 256;

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
    /// Keys of queries that took longer than [`AT_ONCE`], each at the place that its remainder names.
    slow: [AtomicU64; SLOW],
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
            slow: std::array::from_fn(|_| AtomicU64::new(0)),
            stopping,
        }
    }

    /// The engine with the configured limits.
    pub(crate) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Does `work` on this very thread where that takes no time to speak of, else begins anew as
    /// [`Self::run`] does. Queries of one `key` are taken to cost the same: one that took long is not tried here
    /// again until it has been fast.
    pub(crate) async fn run_at_once<T: Send + 'static>(
        &self,
        key: u64,
        work: impl Fn(&Tsdb, &Cancel) -> Result<T, promql::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        let slow = &self.slow[key as usize % self.slow.len()];
        let is_slow = slow.load(Ordering::Relaxed) == key;
        if let (Some(store), false) = (&self.history, is_slow)
            && let Ok(_place) = self.room.try_acquire()
        {
            match work(store, &Cancel::after(AT_ONCE)) {
                Err(promql::Error::Canceled) => slow.store(key, Ordering::Relaxed),
                done => return Ok(done?),
            }
        }
        let begun = Instant::now();
        let done = self.run(work).await;
        if is_slow && begun.elapsed() < AT_ONCE {
            slow.store(0, Ordering::Relaxed);
        }
        done
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
    use std::sync::Mutex;

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

    #[tokio::test]
    async fn a_slow_query_is_begun_anew_on_a_thread_of_its_own_and_goes_there_at_once_the_next_time()
     {
        let directory = tempfile::tempdir().unwrap();
        let queries = queries(&directory, &CancellationToken::new());
        let here = std::thread::current().id();
        let places = Arc::new(Mutex::new(Vec::new()));
        let ask = |is_slow: bool| {
            let places = Arc::clone(&places);
            queries.run_at_once(7, move |_, _| {
                let is_here = std::thread::current().id() == here;
                places.lock().unwrap().push(is_here);
                match (is_slow, is_here) {
                    (true, true) => return Err(promql::Error::Canceled),
                    (true, false) => std::thread::sleep(AT_ONCE * 2),
                    (false, _) => {}
                }
                Ok(())
            })
        };
        for (is_slow, is_here) in
            [(false, vec![true]), (true, vec![true, false]), (true, vec![false])]
        {
            ask(is_slow).await.unwrap();
            assert_eq!(std::mem::take(&mut *places.lock().unwrap()), is_here, "slow: {is_slow}");
        }
        // How soon a thread answers is up to the machine.
        while places.lock().unwrap().last() != Some(&true) {
            ask(false).await.unwrap();
        }
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
