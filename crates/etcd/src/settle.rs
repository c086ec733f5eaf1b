//! Polls a future whose parts wake one another until none of them has more to do.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

/// Nobody polls: whoever wakes must wake the task.
const IDLE: u8 = 0;
/// Being polled, and not woken since.
const POLLED: u8 = 1;
/// Woken: it will be polled once more.
const WOKEN: u8 = 2;

/// Polls in a row, then others have their turn: what is out of its share of the thread's time wakes itself
/// for as long as it has none.
const MAX_POLLS: usize = 16;

struct Relay {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.task.wake();
        }
    }
}

/// Finishes `work`. What it wakes of itself while it is polled does not go by way of the runtime, which would
/// wake another thread for it.
pub(crate) async fn settle<T>(mut work: Pin<&mut impl Future<Output = T>>) -> T {
    let relay = Arc::new(Relay { state: AtomicU8::new(IDLE), task: AtomicWaker::new() });
    let waker = Waker::from(Arc::clone(&relay));
    poll_fn(|cx| {
        relay.task.register(cx.waker());
        for _ in 0..MAX_POLLS {
            relay.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(done);
            }
            let idle =
                relay.state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire);
            if idle.is_ok() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes itself `times` times, then is done.
    async fn wakes_itself(times: usize) {
        let mut left = times;
        poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn what_wakes_itself_does_not_wake_the_task_until_it_takes_too_long() {
        for (times, polls, wakes) in [(0, 1, 0), (15, 1, 0), (16, 2, 1), (40, 3, 2)] {
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            let mut cx = Context::from_waker(&waker);
            let work = pin!(wakes_itself(times));
            let mut settling = pin!(settle(work));
            let mut polled = 1;
            while settling.as_mut().poll(&mut cx).is_pending() {
                polled += 1;
            }
            assert_eq!((polled, count.0.load(Ordering::Relaxed)), (polls, wakes), "{times}");
        }
    }

    #[tokio::test]
    async fn what_others_wake_wakes_the_task() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            sender.send(7).unwrap();
        });
        let work = pin!(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            receiver.await.unwrap()
        });
        assert_eq!(settle(work).await, 7);
    }
}
