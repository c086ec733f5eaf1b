//! What an administrator does to a cluster: changing members, filling it up and making room.

use std::time::Duration;

use etcd::{ErrorClass, GetRequest, MemberInfo, prefix_end};
use model::id::MemberId;
use tokio::time::{Instant, sleep};

use crate::member::Member;
use crate::{Cluster, Error};

/// How long one request may take. Membership changes wait for connections to new members.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a learner may take to catch up, or a cluster to accept a change of members.
const CHANGE_DEADLINE: Duration = Duration::from_secs(30);

/// The rest between two tries of a change that is not possible yet.
const CHANGE_INTERVAL: Duration = Duration::from_millis(100);

/// Where [`Cluster::fill`] writes.
const FILL_PREFIX: &str = "testbed/fill/";

/// The size of its values: below etcd's limit for one request (1.5 MiB).
const FILL_VALUE_BYTES: usize = 1 << 20;

/// The rest after each of them: etcd compares its file with the quota, and the file grows only with
/// each commit, every 100 ms. At full speed it would take in far more than the quota.
const FILL_PAUSE: Duration = Duration::from_millis(20);

impl Cluster {
    /// Adds a voting member and starts it; it is the last of [`Self::members`] then.
    pub async fn add_member(&mut self) -> Result<&Member, Error> {
        self.add(false).await
    }

    /// Adds a member that does not vote, and starts it.
    pub async fn add_learner(&mut self) -> Result<&Member, Error> {
        self.add(true).await
    }

    /// Makes the learner `id` a voting member, once it has caught up.
    pub async fn promote(&self, id: MemberId) -> Result<(), Error> {
        retry(async || self.client().member_promote(id, DEADLINE).await).await?;
        Ok(())
    }

    /// Removes the member `id`, ends its process and deletes its data.
    pub async fn remove_member(&mut self, id: MemberId) -> Result<(), Error> {
        // Asked to remove itself, a member may be gone before it answers.
        let others = self.client_without(id)?;
        retry(async || others.member_remove(id, DEADLINE).await).await?;
        if let Some(index) = self.members.iter().position(|member| member.id() == id) {
            let member = self.members.remove(index);
            // It ends by itself when it learns of its removal, unless it is down or paused.
            member.kill().await?;
            member.wipe()?;
            self.reconnect()?;
        }
        Ok(())
    }

    /// Writes up to `bytes` of new data; stops early, without an error, when the cluster refuses
    /// more for lack of space. Returns how much was written.
    pub async fn fill(&self, bytes: u64) -> Result<u64, Error> {
        let value = vec![b'x'; FILL_VALUE_BYTES];
        let mut written = 0;
        while written < bytes {
            let key = format!("{FILL_PREFIX}{written}");
            match self.client().put(key, value.clone(), None, DEADLINE).await {
                Ok(_) => written += FILL_VALUE_BYTES as u64,
                Err(error) if error.class() == ErrorClass::Nospace => break,
                Err(error) => return Err(error.into()),
            }
            sleep(FILL_PAUSE).await;
        }
        Ok(written)
    }

    /// Makes room after [`Self::fill`] and ends all alarms.
    pub async fn disarm(&self) -> Result<(), Error> {
        let client = self.client();
        client.delete(FILL_PREFIX, prefix_end(FILL_PREFIX.as_bytes()), DEADLINE).await?;
        let revision = client.get(GetRequest::key(FILL_PREFIX), DEADLINE).await?.header.revision;
        client.compact(revision, true, DEADLINE).await?;
        for (member, client) in self.members.iter().zip(client.each()) {
            if member.is_running() {
                client.defragment(DEADLINE).await?;
            }
        }
        self.disarm_alarms().await
    }

    /// Ends all alarms, whether or not their reasons have gone.
    pub async fn disarm_alarms(&self) -> Result<(), Error> {
        for alarm in self.client().alarms(DEADLINE).await? {
            self.client().alarm_disarm(alarm, DEADLINE).await?;
        }
        Ok(())
    }

    async fn add(&mut self, is_learner: bool) -> Result<&Member, Error> {
        let identity = self.plan.next_identity()?;
        let urls = || vec![identity.peer_url()];
        let (added, list) = retry(async || {
            if is_learner {
                self.client().member_add_learner(urls(), DEADLINE).await
            } else {
                self.client().member_add(urls(), DEADLINE).await
            }
        })
        .await?;
        let initial = initial_cluster(&list.members, added.id, &identity.name);
        let launch = self.plan.launch(&identity, &initial, "existing");
        let member = Member::spawn(identity, launch, self.plan.flags.clone())?;
        member.set_id(added.id);
        self.members.push(member);
        self.reconnect()?;
        self.wait_ready().await?;
        Ok(self.member(self.members.len() - 1))
    }
}

/// The flag's `name=peer URL` of each of `members`; that of the one just `added` is `name`.
pub(crate) fn initial_cluster(members: &[MemberInfo], added: MemberId, name: &str) -> Vec<String> {
    // The new member has no name yet in the list: etcd learns it when it starts.
    let name_of = |member: &MemberInfo| {
        if member.id == added { name.to_owned() } else { member.name.clone() }
    };
    let pair = |member| format!("{}={}", name_of(member), member.peer_urls.join(","));
    members.iter().map(pair).collect()
}

/// Repeats a change of members while etcd holds it unsafe: a learner that lags, a member that has
/// joined just now.
pub(crate) async fn retry<T>(
    mut change: impl AsyncFnMut() -> Result<T, etcd::Error>,
) -> Result<T, Error> {
    let end = Instant::now() + CHANGE_DEADLINE;
    loop {
        match change().await {
            Err(error) if is_too_early(&error) && Instant::now() < end => {
                sleep(CHANGE_INTERVAL).await;
            }
            result => return Ok(result?),
        }
    }
}

fn is_too_early(error: &etcd::Error) -> bool {
    let text = error.to_string();
    ["unhealthy cluster", "in sync with leader", "re-configuration failed"]
        .iter()
        .any(|reason| text.contains(reason))
}
