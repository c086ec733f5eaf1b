//! Waiting for a moment, to within tens of microseconds where the system can.
//!
//! tokio's own timer is exact to a millisecond only, which is more than many answers of etcd take.

use std::time::Duration;

use tokio::time::Instant;

/// Longest stretch of work without a look at what else is ready.
const BATCH: u32 = 16;

/// Waits for one moment after the other.
pub(crate) struct Pacer {
    #[cfg(target_os = "linux")]
    timer: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
    unrested: u32,
}

impl Pacer {
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: linux::timer(),
            unrested: 0,
        }
    }

    /// Returns at `moment`; at once, though not without letting others work, when it has passed.
    pub(crate) async fn until(&mut self, moment: Instant) {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.unrested += 1;
            if self.unrested >= BATCH {
                self.unrested = 0;
                tokio::task::yield_now().await;
            }
            return;
        }
        self.unrested = 0;
        self.sleep(left, moment).await;
    }

    #[cfg(target_os = "linux")]
    async fn sleep(&mut self, left: Duration, moment: Instant) {
        match &self.timer {
            Some(timer) if linux::sleep(timer, left).await.is_ok() => {}
            _ => tokio::time::sleep_until(moment).await,
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn sleep(&mut self, _left: Duration, moment: Instant) {
        tokio::time::sleep_until(moment).await;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    #[expect(
        deprecated,
        reason = "what took its place is unsafe; an OwnedFd keeps the promise that is asked for there"
    )]
    pub(super) fn timer() -> Option<AsyncFd<OwnedFd>> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags).ok()?).ok()
    }

    pub(super) async fn sleep(timer: &AsyncFd<OwnedFd>, left: Duration) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let setting = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &setting)?;
        loop {
            let mut ready = timer.readable().await?;
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0_u8; 8])?));
            if let Ok(read) = read {
                return read.map(drop);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn moments_are_met_and_never_early() {
        let mut pacer = Pacer::new();
        let start = Instant::now();
        for step in 1..20 {
            let moment = start + Duration::from_micros(700 * step);
            pacer.until(moment).await;
            assert!(Instant::now() >= moment);
        }
    }
}
