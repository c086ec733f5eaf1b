//! When the members' data are compared: on schedule, after restarts and on request, one check at a
//! time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd::{Endpoint, Member};
use jiff::Timestamp;
use model::health::Role;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::protocol::Subject;
use super::run::{self, Connected};
use super::{Check, Outcome, STALE_AFTER, obstacle, subjects};
use crate::config::ConsistencyCheck;
use crate::record::Record;
use crate::view::ClusterView;

/// A check that told nothing is tried again after this time.
const RETRY: Duration = Duration::from_mins(1);

/// One that we may not make is tried again after this time: rights are changed by people.
const RETRY_FORBIDDEN: Duration = Duration::from_hours(1);

/// A member that was started again is given this time to catch up.
const SETTLE: Duration = Duration::from_secs(30);

/// The schedule of one cluster's checks.
pub(crate) struct Checks {
    config: ConsistencyCheck,
    max_db_size_bytes: u64,
    next: Option<Instant>,
    running: JoinSet<Check>,
    restart: Option<Timestamp>,
}

impl Checks {
    /// A schedule that begins `phase` from now.
    pub(crate) fn new(config: &ConsistencyCheck, phase: Duration, record: &Record) -> Self {
        record.update_consistency(|known| {
            known.is_scheduled = config.enabled;
            known.stale_after = STALE_AFTER.max(config.interval + Duration::from_hours(1));
        });
        Self {
            config: config.clone(),
            max_db_size_bytes: config.max_db_size_mb.saturating_mul(1 << 20),
            next: config.enabled.then(|| Instant::now() + phase),
            running: JoinSet::new(),
            restart: None,
        }
    }

    /// When the next check is due; `None` while one runs, or none is scheduled.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next.filter(|_| self.running.is_empty())
    }

    /// The next check that ends; for ever while none runs.
    pub(crate) async fn ended(&mut self) -> Option<Check> {
        match self.running.join_next().await {
            Some(Ok(check)) => Some(check),
            // It says that it panicked, which the log has.
            Some(Err(_)) => None,
            None => std::future::pending().await,
        }
    }

    /// Learns when a member was started again last.
    pub(crate) fn follow_restarts(&mut self, restart: Option<Timestamp>) {
        if restart > self.restart {
            self.restart = restart;
            let settled = Instant::now() + SETTLE;
            self.next = self.next.map(|next| next.min(settled));
        }
    }

    /// Begins a check, unless one runs already or the cluster is not fit for it.
    pub(crate) fn begin(
        &mut self,
        record: &Arc<Record>,
        connections: &BTreeMap<Endpoint, Member>,
        status_within: Duration,
    ) {
        if !self.running.is_empty() {
            return;
        }
        let view = record.view();
        let limit = self.max_db_size_bytes;
        let members = match obstacle(&view, &record.metrics(), limit) {
            Some(why) => Err(why),
            None => connected(&view, connections),
        };
        match members {
            Ok(members) => {
                let clock = Arc::clone(record.clock());
                let watched = Arc::clone(record);
                let pressure = move || obstacle(&watched.view(), &watched.metrics(), limit);
                self.running.spawn(run::run(members, clock, status_within, pressure));
            }
            Err(why) => self.finish(record, Check::not_begun(record.clock().now(), why)),
        }
    }

    /// Takes what came of a check, and says when the next one is due.
    pub(crate) fn finish(&mut self, record: &Record, check: Check) {
        let cluster = &record.config().name;
        let took = check.ended_at.duration_since(check.started_at);
        let is_news =
            record.consistency().last.as_ref().map(|last| &last.outcome) != Some(&check.outcome);
        match &check.outcome {
            Outcome::Mismatch(_) => warn!(%cluster, ?took, "the members' data differ"),
            Outcome::Forbidden(why) | Outcome::Unknown(why) if is_news => {
                info!(%cluster, %why, "the members' data could not be compared");
            }
            outcome => debug!(%cluster, ?took, ?outcome, "compared the members' data"),
        }
        let wait = match &check.outcome {
            Outcome::Equal | Outcome::Mismatch(_) => self.config.interval,
            Outcome::Unknown(_) => RETRY.min(self.config.interval),
            Outcome::Forbidden(_) => RETRY_FORBIDDEN.min(self.config.interval),
        };
        self.next = self.config.enabled.then(|| Instant::now() + wait);
        record.update_consistency(|known| *known = known.after(check));
    }
}

/// The members with their connections: the leader last.
fn connected(
    view: &ClusterView,
    connections: &BTreeMap<Endpoint, Member>,
) -> Result<Vec<Connected>, String> {
    let mut members: Vec<_> = subjects(view).collect();
    members.sort_by_key(|member| member.role == Role::Leader);
    let connect = |member: &&crate::view::MemberView| {
        let endpoint = member.endpoint.as_deref().unwrap_or_default();
        let connection = connections.iter().find(|(known, _)| known.to_string() == endpoint);
        let (_, connection) =
            connection.ok_or_else(|| format!("{} has no endpoint", member.name))?;
        Ok((Subject::of(member), connection.clone()))
    };
    members.iter().map(connect).collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use model::clock::{Clock as _, ManualClock};

    use super::*;
    use crate::config::ClusterConfig;
    use crate::event_log::EventLog;

    const MINUTE: Duration = Duration::from_mins(1);

    fn checks(config: &ConsistencyCheck) -> (Checks, Arc<Record>, Timestamp) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let now = clock.now();
        let cluster = ClusterConfig { consistency: config.clone(), ..ClusterConfig::default() };
        let events = Arc::new(EventLog::default());
        let record = Arc::new(Record::new(clock, events, None, None, Arc::new(cluster)));
        (Checks::new(config, 20 * MINUTE, &record), record, now)
    }

    fn ended(now: Timestamp, outcome: Outcome) -> Check {
        Check { outcome, ..Check::not_begun(now, "") }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_check_comes_by_what_came_of_the_last() {
        let (mut checks, record, now) = checks(&ConsistencyCheck::default());
        let due_in = |checks: &Checks| checks.due().unwrap().duration_since(Instant::now());
        assert_eq!(due_in(&checks), 20 * MINUTE, "by its own phase");
        checks.finish(&record, ended(now, Outcome::Equal));
        assert_eq!(due_in(&checks), 60 * MINUTE);
        checks.finish(&record, ended(now, Outcome::Unknown("m2 is not well".into())));
        assert_eq!(due_in(&checks), MINUTE);
        checks.finish(&record, ended(now, Outcome::Forbidden("no".into())));
        assert_eq!(due_in(&checks), 60 * MINUTE);
        assert_eq!(record.consistency().attempts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_of_a_member_brings_the_next_check_near_once() {
        let (mut checks, record, now) = checks(&ConsistencyCheck::default());
        checks.follow_restarts(None);
        checks.follow_restarts(Some(now));
        let due = checks.due().unwrap();
        assert_eq!(due.duration_since(Instant::now()), SETTLE);
        tokio::time::advance(Duration::from_secs(10)).await;
        checks.follow_restarts(Some(now));
        assert_eq!(checks.due(), Some(due));
        checks.finish(&record, ended(now, Outcome::Equal));
        checks.follow_restarts(Some(now));
        assert_eq!(checks.due().unwrap().duration_since(Instant::now()), 60 * MINUTE);
        checks.follow_restarts(Some(now + SignedDuration::from_secs(1)));
        assert_eq!(checks.due().unwrap().duration_since(Instant::now()), SETTLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_is_not_fit_is_not_asked_and_switched_off_nothing_is_due() {
        let off = ConsistencyCheck { enabled: false, ..ConsistencyCheck::default() };
        let (mut checks, record, now) = checks(&off);
        assert_eq!(checks.due(), None);
        checks.follow_restarts(Some(now));
        checks.begin(&record, &BTreeMap::new(), MINUTE);
        let last = record.consistency().last.clone().unwrap();
        assert!(matches!(&last.outcome, Outcome::Unknown(why) if why.contains("one member")));
        assert_eq!(checks.due(), None);
        assert!(!record.consistency().is_scheduled);
    }
}
