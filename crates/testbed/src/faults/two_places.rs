//! An address that leads to one process, and later to another: a virtual address or a balancer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::Error;

/// Leads its clients to one place at a time; ends when dropped.
#[derive(Debug)]
pub struct Signpost {
    endpoint: String,
    place: Arc<Mutex<String>>,
    moved: watch::Sender<()>,
    _task: AbortOnDropHandle<()>,
}

impl Signpost {
    /// Leads to `place`, `host:port`, from a port of its own.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no port to listen on.
    pub async fn to(place: &str) -> Result<Self, Error> {
        let io = |source| Error::Io { what: format!("cannot lead to {place}"), source };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let endpoint = listener.local_addr().map_err(io)?.to_string();
        let place = Arc::new(Mutex::new(place.to_owned()));
        let (moved, _) = watch::channel(());
        let task = tokio::spawn(accept(listener, Arc::clone(&place), moved.clone()));
        Ok(Self { endpoint, place, moved, _task: AbortOnDropHandle::new(task) })
    }

    /// Where clients come, `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Leads elsewhere from now on, and ends the connections that led to the place before.
    pub fn turn_to(&self, place: &str) {
        place.clone_into(&mut self.place.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.send_replace(());
    }
}

async fn accept(listener: TcpListener, place: Arc<Mutex<String>>, moved: watch::Sender<()>) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let mut moved = moved.subscribe();
        let place = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(async move {
            let lead = async {
                // A connection that breaks is its client's to notice.
                if let Ok(mut server) = TcpStream::connect(place).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            };
            tokio::select! {
                () = lead => {}
                _ = moved.changed() => {}
            }
        });
    }
}
