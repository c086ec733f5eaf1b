//! Leadership that changes hands on request.

use std::time::Duration;

use super::DEADLINE;
use crate::{Cluster, Error, Member};

/// How long the new leader may take to know that it leads.
const MOVED_WITHIN: Duration = Duration::from_secs(10);

impl Cluster {
    /// Has the leader hand over to `target`, and waits until that leads. Does nothing when it
    /// leads already.
    ///
    /// # Errors
    /// [`Error::Fault`] when nobody leads, [`Error::Client`] when the leader refuses, and
    /// [`Error::Timeout`] when another was elected meanwhile.
    pub async fn move_leader_to(&self, target: &Member) -> Result<(), Error> {
        let what = format!("{} to lead", target.name());
        let Some(leader) = self.leader().await else {
            return Err(Error::Fault {
                what: format!("get {what}"),
                reason: "nobody leads".into(),
            });
        };
        if leader.name() == target.name() {
            return Ok(());
        }
        self.client_of(leader).move_leader(target.id(), DEADLINE).await?;
        self.wait_until(&what, MOVED_WITHIN, async || {
            self.leader().await.is_some_and(|leader| leader.name() == target.name())
        })
        .await
    }
}
