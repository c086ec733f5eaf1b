//! The load of a busy cluster: 70 % reads, 30 % writes, watches and leases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd::{Connector, Endpoint, GetRequest, Scheme};
use testbed::faults::StuckWatchers;
use testbed::{Cluster, Login};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const CLIENTS: usize = 8;
const KEYS: u64 = 2_000;
const WATCHERS: usize = 20;
const CALL: Duration = Duration::from_secs(5);

/// The rest of each client between two operations.
const REST: Duration = Duration::from_millis(10);

/// Each so many operations of a client, a lease is granted.
const LEASE_EVERY: u64 = 200;
const LEASE_SECONDS: i64 = 60;

#[derive(Default)]
struct Counts {
    done: AtomicU64,
    failed: AtomicU64,
}

/// A load under way.
pub(crate) struct Load {
    counts: Arc<Counts>,
    tasks: Vec<JoinHandle<()>>,
    _watchers: StuckWatchers,
}

impl Load {
    pub(crate) async fn start(etcd: &Cluster) -> Self {
        let counts = Arc::new(Counts::default());
        // Nothing is written where they watch, so none of them lags behind.
        let watchers = StuckWatchers::open(etcd.member(0), "quiet/", WATCHERS).await;
        let watchers = watchers.expect("they are opened");
        let client = |_| tokio::spawn(work(client_of(etcd), Arc::clone(&counts)));
        Self { tasks: (0..CLIENTS).map(client).collect(), counts, _watchers: watchers }
    }

    /// Ends it; how many operations were done, and how many failed.
    pub(crate) fn end(self) -> (u64, u64) {
        self.tasks.iter().for_each(JoinHandle::abort);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.counts.done), count(&self.counts.failed))
    }
}

fn client_of(etcd: &Cluster) -> etcd::Cluster {
    let connector = Connector::new(etcd.client_config(Login::Root)).expect("it can connect");
    let endpoint = |text: &String| Endpoint::parse(text, Scheme::Http).expect("it is one");
    connector.cluster(etcd.endpoints().iter().map(endpoint).collect())
}

async fn work(client: etcd::Cluster, counts: Arc<Counts>) {
    let value = vec![b'x'; 256];
    for number in 1_u64.. {
        let key = format!("soak/{}", fastrand::u64(0..KEYS));
        let outcome = if number.is_multiple_of(LEASE_EVERY) {
            client.lease_grant(LEASE_SECONDS, CALL).await.map(drop)
        } else if fastrand::u8(0..10) < 7 {
            client.get(GetRequest::key(key), CALL).await.map(drop)
        } else {
            client.put(key, value.clone(), None, CALL).await.map(drop)
        };
        let counter = if outcome.is_ok() { &counts.done } else { &counts.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        sleep(REST).await;
    }
}
