//! One run of a costly step, shared by all who need its outcome at the same time.

use std::sync::Mutex;

use tokio::sync::watch;

/// A step of which at most one run is under way.
///
/// The run is a task of its own: a caller that gives up, because its deadline passed, does not end
/// it for the others.
pub(crate) struct Flight<T>(Mutex<Option<watch::Receiver<Option<T>>>>);

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Joins the run under way, or begins one.
    pub(crate) fn join<F>(&self, begin: impl FnOnce() -> F) -> Joined<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut slot = self.0.lock().expect("invariant: no holder of this lock panics");
        if let Some(run) = slot.as_ref().filter(|run| is_running(run)) {
            return Joined { run: run.clone(), is_first: false };
        }
        let (done, run) = watch::channel(None);
        let work = begin();
        tokio::spawn(async move {
            let outcome = work.await;
            done.send_replace(Some(outcome));
        });
        *slot = Some(run.clone());
        Joined { run, is_first: true }
    }
}

#[cfg(test)]
impl<T> Flight<T> {
    pub(crate) fn is_under_way(&self) -> bool {
        let slot = self.0.lock().expect("invariant: no holder of this lock panics");
        slot.as_ref().is_some_and(is_running)
    }
}

fn is_running<T>(run: &watch::Receiver<Option<T>>) -> bool {
    run.borrow().is_none() && run.has_changed().is_ok()
}

/// A run that the caller takes part in.
pub(crate) struct Joined<T> {
    run: watch::Receiver<Option<T>>,
    /// Whether this caller began it.
    pub(crate) is_first: bool,
}

impl<T: Clone> Joined<T> {
    /// The outcome; `None` when the run was lost with its runtime.
    pub(crate) async fn outcome(mut self) -> Option<T> {
        let outcome = self.run.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_who_ask_during_one_run_share_its_outcome() {
        let flight = Flight::default();
        let runs = Arc::new(AtomicU32::new(0));
        let begin = || {
            let runs = runs.clone();
            async move {
                tokio::task::yield_now().await;
                runs.fetch_add(1, Ordering::Relaxed)
            }
        };
        let (first, second) = (flight.join(begin), flight.join(begin));
        assert!(first.is_first && !second.is_first);
        assert_eq!((first.outcome().await, second.outcome().await), (Some(0), Some(0)));
        assert_eq!(flight.join(begin).outcome().await, Some(1));
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_does_not_end_the_run() {
        let flight = Flight::default();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        drop(flight.join(move || async move { released.await.is_ok() }));
        let second = flight.join(|| async { unreachable!("the first run goes on") });
        release.send(()).unwrap();
        assert_eq!(second.outcome().await, Some(true));
    }
}
