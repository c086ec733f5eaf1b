//! The signals of the operating system: stop, and read the configuration again.

use tokio::sync::mpsc;

use crate::error::Error;

/// Hangups that may wait; more say nothing new.
const HANGUPS: usize = 1;

/// The signals that a run listens to.
pub(super) struct Signals {
    stop: mpsc::Receiver<()>,
    hangups: Option<mpsc::Receiver<()>>,
}

impl Signals {
    /// Takes the signals over from the system's defaults.
    #[cfg(unix)]
    pub(super) fn take() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| Error::System("listen to signals", error));
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (stop_send, stop) = mpsc::channel(2);
        let (hangup_send, hangups) = mpsc::channel(HANGUPS);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = interrupt.recv() => { let _ = stop_send.send(()).await; }
                    Some(()) = terminate.recv() => { let _ = stop_send.send(()).await; }
                    // One that waits already will read the newest file.
                    Some(()) = hangup.recv() => { let _ = hangup_send.try_send(()); }
                    else => return,
                }
            }
        });
        Ok(Self { stop, hangups: Some(hangups) })
    }

    /// Takes Ctrl-C over from the system's default.
    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    pub(super) fn take() -> Result<Self, Error> {
        let (stop_send, stop) = mpsc::channel(2);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && stop_send.send(()).await.is_ok() {}
        });
        Ok(Self { stop, hangups: None })
    }

    /// Waits until somebody wants the program to stop.
    pub(super) async fn stop(&mut self) {
        if self.stop.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// The requests to read the configuration again; once.
    pub(super) fn hangups(&mut self) -> Option<mpsc::Receiver<()>> {
        self.hangups.take()
    }
}
