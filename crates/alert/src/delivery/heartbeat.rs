//! A dead man's switch: somebody outside is told at every interval that all is well here, and calls
//! people when that stops.
//!
//! It is told only while evaluation and delivery are alive. So it covers what no alert of ours can
//! tell of: that this monitor, its machine or its network is gone.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::deliver::Failure;

/// How the heartbeat goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeartbeatFigures {
    /// Beats that somebody took.
    pub sent: u64,
    /// Beats that nobody took.
    pub failed: u64,
    /// Beats that were left out because something here is not alive.
    pub withheld: u64,
    /// When the last one was taken.
    pub last_sent: Option<Instant>,
    /// Why the last one was not; none when it was.
    pub last_failure: Option<String>,
}

/// A handle on the figures of a heartbeat.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<Mutex<HeartbeatFigures>>);

impl Heartbeat {
    /// The figures.
    pub fn figures(&self) -> HeartbeatFigures {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Beats until `stop`: at once, and then at every interval, while `is_alive` says so. A beat
    /// that is not taken within the interval has failed; the next one is on time all the same.
    pub async fn run<F, B>(
        self,
        every: Duration,
        is_alive: impl Fn() -> bool + Send,
        mut beat: F,
        stop: CancellationToken,
    ) where
        F: FnMut() -> B + Send,
        B: Future<Output = Result<(), Failure>> + Send,
    {
        // An interval of nothing would be a busy loop.
        let every = every.max(Duration::from_secs(1));
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if !is_alive() {
                self.note(Beat::Withheld);
                continue;
            }
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = timeout(every, beat()) => answer,
            };
            self.note(match answer {
                Ok(Ok(())) => Beat::Sent,
                Ok(Err(failure)) => Beat::Failed(failure.message),
                Err(_) => Beat::Failed("no answer in time".to_owned()),
            });
        }
    }

    fn note(&self, beat: Beat) {
        let mut figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = figures.last_failure.take();
        let why = match beat {
            Beat::Sent => {
                figures.sent += 1;
                figures.last_sent = Some(Instant::now());
                if before.is_some() {
                    info!("the heartbeat is sent again");
                }
                return;
            }
            Beat::Withheld => {
                figures.withheld += 1;
                "evaluation or delivery stands still".to_owned()
            }
            Beat::Failed(why) => {
                figures.failed += 1;
                why
            }
        };
        if before.is_none() {
            warn!(error = why, "the heartbeat is not sent");
        }
        figures.last_failure = Some(why);
    }
}

enum Beat {
    Sent,
    Withheld,
    Failed(String),
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_beats_while_all_is_alive_and_not_otherwise() {
        let (is_alive, beats) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let (heartbeat, stop) = (Heartbeat::default(), CancellationToken::new());
        let alive = Arc::clone(&is_alive);
        let heard = Arc::clone(&beats);
        // Every third one fails, every fifth one hangs.
        let beat = move || {
            let count = heard.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                if count.is_multiple_of(5) {
                    std::future::pending::<()>().await;
                }
                let failure = || Failure::passing("unreachable", "refused");
                if count.is_multiple_of(3) { Err(failure()) } else { Ok(()) }
            }
        };
        let task = tokio::spawn(heartbeat.clone().run(
            Duration::from_mins(1),
            move || alive.load(Ordering::Relaxed),
            beat,
            stop.clone(),
        ));
        tokio::time::sleep(Duration::from_secs(9 * 60 + 30)).await;
        let figures = heartbeat.figures();
        assert_eq!((figures.sent, figures.failed, figures.withheld), (5, 4, 0), "{figures:?}");
        is_alive.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(5)).await;
        let figures = heartbeat.figures();
        assert_eq!((figures.sent, figures.failed, figures.withheld), (5, 5, 5), "{figures:?}");
        assert!(figures.last_failure.is_some_and(|why| why.contains("stands still")));
        stop.cancel();
        task.await.expect("it ends");
    }
}
