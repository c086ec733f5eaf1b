//! Keeping a lease alive, on whichever member answers.

use std::fmt;
use std::time::Duration;

use etcd_proto::etcdserverpb::LeaseKeepAliveResponse;
use tokio::time::{Instant, sleep_until};

use crate::cluster::Cluster;
use crate::error::{Error, ErrorClass};

/// Longest wait for the first answer, while the life of the lease is not known.
const FIRST_DEADLINE: Duration = Duration::from_secs(5);
/// Shortest time for one attempt, for leases that are about to end.
const MIN_DEADLINE: Duration = Duration::from_millis(500);

/// A lease that lives as long as [`Self::next`] is called.
pub struct LeaseKeeper {
    cluster: Cluster,
    lease: i64,
    next: Instant,
    /// When the lease ends if nobody reaches the cluster; unknown before the first answer.
    end: Option<Instant>,
}

impl LeaseKeeper {
    pub(crate) fn new(cluster: Cluster, lease: i64) -> Self {
        Self { cluster, lease, next: Instant::now(), end: None }
    }

    /// Waits until a third of the lease's life is over, extends it, and gives the answer; `None`
    /// when the lease is gone.
    ///
    /// Fails when no member answered until the lease must have ended, or when the cluster refuses.
    pub async fn next(&mut self) -> Result<Option<LeaseKeepAliveResponse>, Error> {
        sleep_until(self.next).await;
        loop {
            let start = Instant::now();
            let left = self.end.map_or(FIRST_DEADLINE, |end| end.duration_since(start));
            match self.cluster.keep_alive_once(self.lease, left.max(MIN_DEADLINE)).await {
                Ok(answer) if answer.ttl <= 0 => return Ok(None),
                Ok(answer) => {
                    let life = Duration::from_secs(answer.ttl as u64);
                    (self.next, self.end) = (start + life / 3, Some(start + life));
                    return Ok(Some(answer));
                }
                Err(error)
                    if is_passing(&error) && self.end.is_some_and(|end| Instant::now() < end) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_passing(error: &Error) -> bool {
    matches!(
        error.class(),
        ErrorClass::Transport
            | ErrorClass::Refused
            | ErrorClass::Deadline
            | ErrorClass::NoLeader
            | ErrorClass::TooManyRequests
    )
}

impl fmt::Debug for LeaseKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseKeeper").field("lease", &self.lease).finish_non_exhaustive()
    }
}
