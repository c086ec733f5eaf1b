//! The optional write probe: one key with a lease, under the configured prefix.

use std::sync::Mutex;
use std::time::Duration;

use etcd::{Error, Member};
use tokio::time::Instant;

/// The key goes by itself this long after the monitor is gone.
const LEASE_TTL: Duration = Duration::from_mins(5);

/// The key that is written and the lease that bounds its life.
#[derive(Debug)]
pub(crate) struct WriteProbe {
    key: Vec<u8>,
    lease: Mutex<Option<Lease>>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    id: i64,
    granted_at: Instant,
}

impl WriteProbe {
    /// Writes go to one key under `prefix`.
    pub(crate) fn new(prefix: &str) -> Self {
        Self { key: format!("{prefix}write").into_bytes(), lease: Mutex::new(None) }
    }

    /// Writes the key through `member`; `deadline` covers a new lease too.
    pub(crate) async fn write(&self, member: &Member, deadline: Duration) -> Result<(), Error> {
        let start = Instant::now();
        let lease = match self.current() {
            Some(lease) => lease,
            None => self.grant(member, deadline).await?,
        };
        let rest = deadline.saturating_sub(start.elapsed());
        let written =
            member.put(self.key.clone(), b"probe".to_vec(), Some(lease), rest).await.map(|_| ());
        if written.is_err() {
            // It may be the lease that is gone: after a restore, or revoked by hand.
            self.forget();
        }
        written
    }

    /// A lease that has at least half of its life left.
    fn current(&self) -> Option<i64> {
        let lease = *self.lease.lock().expect("invariant: no holder of this lock panics");
        lease.filter(|lease| lease.granted_at.elapsed() < LEASE_TTL / 2).map(|lease| lease.id)
    }

    async fn grant(&self, member: &Member, deadline: Duration) -> Result<i64, Error> {
        let id = member.lease_grant(LEASE_TTL.as_secs() as i64, deadline).await?.id;
        let lease = Lease { id, granted_at: Instant::now() };
        *self.lease.lock().expect("invariant: no holder of this lock panics") = Some(lease);
        Ok(id)
    }

    fn forget(&self) {
        *self.lease.lock().expect("invariant: no holder of this lock panics") = None;
    }
}
