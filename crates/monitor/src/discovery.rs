//! Finding the endpoints of a cluster by DNS SRV records, again and again.

use std::time::Duration;

use etcd::Endpoint;
use tokio::sync::mpsc;

use crate::config::ClusterConfig;

/// Records change when members move: once a minute is soon enough.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// After a failure, and until there is a first answer.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What one look-up brought.
pub(crate) type Found = Result<Vec<Endpoint>, etcd::dns::Error>;

/// Starts to look up the cluster's SRV records, if it has any; ends when the receiver is dropped.
pub(crate) fn start(config: &ClusterConfig) -> Option<mpsc::Receiver<Found>> {
    let domain = config.discovery_srv.clone()?;
    let is_tls = config.tls.is_some();
    let configured = config.parsed_endpoints();
    let (send, receive) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let found = etcd::dns::discover(&domain, is_tls).await.map(|discovered| {
                let mut endpoints = configured.clone();
                endpoints.extend(discovered.into_iter().filter(|e| !configured.contains(e)));
                endpoints
            });
            let pause = if found.is_ok() { AGAIN_AFTER } else { RETRY_AFTER };
            if send.send(found).await.is_err() {
                return;
            }
            tokio::select! {
                () = send.closed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
    Some(receive)
}
