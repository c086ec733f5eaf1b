//! Doing the steps of a check against real members; when they differ, finding the keys that do.

use std::sync::Arc;
use std::time::Duration;

use etcd::{Error, Member};
use model::clock::Clock;

use super::protocol::{Protocol, Step, Subject};
use super::{Check, Outcome, audit};

/// How long a member may take for its hash: a database of 2 GiB from a cold disk.
const HASH_WITHIN: Duration = Duration::from_mins(1);

/// A member to hash, and its connection.
pub(crate) type Connected = (Subject, Member);

/// Compares `members` in this order. Before each hash `pressure` says whether the cluster has other
/// things to do, and which.
pub(crate) async fn run(
    members: Vec<Connected>,
    clock: Arc<dyn Clock>,
    status_within: Duration,
    pressure: impl Fn() -> Option<String> + Send,
) -> Check {
    let started_at = clock.now();
    let (subjects, connections): (Vec<Subject>, Vec<Member>) = members.into_iter().unzip();
    let mut protocol = Protocol::new(subjects);
    let mut step = protocol.begin();
    let outcome = loop {
        step = match step {
            Step::Done(outcome) => break outcome,
            Step::Wait(time) => {
                tokio::time::sleep(time).await;
                protocol.resume()
            }
            Step::Status => protocol.statuses(revisions(&connections, status_within).await),
            Step::Hash(index, revision) => match (pressure(), connections.get(index)) {
                (Some(why), _) => break Outcome::Unknown(why),
                (None, Some(member)) => {
                    let answer = member.hash_kv(revision, HASH_WITHIN).await;
                    protocol.hashed(answer, clock.now())
                }
                (None, None) => break Outcome::Unknown("no such member".to_owned()),
            },
        };
    };
    let hashes = protocol.into_hashes();
    let audit = match (&outcome, hashes.first()) {
        (Outcome::Mismatch(_), Some(first)) => {
            let names = hashes.iter().map(|of| of.member.name.clone());
            let members: Vec<_> = names.zip(connections).collect();
            Some(audit::run(&members, first.revision, pressure).await)
        }
        _ => None,
    };
    Check { started_at, ended_at: clock.now(), hashes, outcome, audit }
}

async fn revisions(members: &[Member], within: Duration) -> Result<Vec<i64>, Error> {
    let statuses = members.iter().map(|member| member.status(within));
    let statuses = futures::future::try_join_all(statuses).await?;
    Ok(statuses.iter().map(|status| status.header.revision).collect())
}
