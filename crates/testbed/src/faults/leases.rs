//! Leases in masses.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::DEADLINE;
use crate::{Cluster, Error};

/// How many are asked for at once.
const CONCURRENT: usize = 64;

impl Cluster {
    /// Grants `count` leases that last `ttl`, in whole seconds, unless kept alive. Returns their
    /// IDs.
    pub async fn grant_leases(&self, count: usize, ttl: Duration) -> Result<Vec<i64>, Error> {
        let seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let grant = |_| async { Ok(self.client().lease_grant(seconds, DEADLINE).await?.id) };
        stream::iter(0..count).map(grant).buffer_unordered(CONCURRENT).try_collect().await
    }
}
