//! One picture of what the members of a cluster said at one moment, before anybody judges it.

use std::sync::Arc;
use std::time::Duration;

use etcd::{Alarm, Endpoint, Error, Header, MemberList, Status};
use jiff::Timestamp;

use crate::benchmark::Benchmark;
use crate::consistency::Consistency;
use crate::metrics::figures::Figures;
use crate::scrape::{ProfilerAnswer, Scrape};

/// A question that has waited this long counts against the member, although its deadline has not
/// passed: a healthy member answers in milliseconds, and an election takes at most about 1 s with
/// etcd's default timers.
pub const LATE_AFTER: Duration = Duration::from_millis(1_500);

/// One question and its answer.
#[derive(Debug)]
pub struct Call<T> {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// From then until the answer, or the failure.
    pub took: Duration,
    /// The answer.
    pub result: Result<T, Error>,
}

impl<T> Call<T> {
    /// When the answer, or the failure, was there.
    pub fn received_at(&self) -> Timestamp {
        self.sent_at.saturating_add(self.took).unwrap_or(Timestamp::MAX)
    }
}

/// What is known about one question to one member: the last call that ended, and the one under way.
///
/// A question is not asked again while it is under way, so a frozen member costs one call per kind
/// and deadline, and its other questions go on.
#[derive(Debug)]
pub struct Observed<T> {
    /// The last call that ended.
    pub last: Option<Arc<Call<T>>>,
    /// How long a call has been under way when the sweep was closed.
    pub waiting: Option<Duration>,
}

impl<T> Default for Observed<T> {
    fn default() -> Self {
        Self { last: None, waiting: None }
    }
}

/// What an [`Observed`] amounts to.
#[derive(Debug)]
pub enum Outcome<'a, T> {
    /// The member answered.
    Answered(&'a T),
    /// The call failed.
    Failed(&'a Error),
    /// The call has waited longer than [`LATE_AFTER`].
    Late(Duration),
    /// It was not asked, or the first answer is still to come.
    NotYet,
}

impl<T> Observed<T> {
    /// What it amounts to.
    pub fn outcome(&self) -> Outcome<'_, T> {
        match (&self.last, self.waiting) {
            (_, Some(waiting)) if waiting >= LATE_AFTER => Outcome::Late(waiting),
            (Some(call), _) => match &call.result {
                Ok(answer) => Outcome::Answered(answer),
                Err(error) => Outcome::Failed(error),
            },
            (None, _) => Outcome::NotYet,
        }
    }

    /// The answer, if the last call brought one and none is late.
    pub fn answer(&self) -> Option<&T> {
        match self.outcome() {
            Outcome::Answered(answer) => Some(answer),
            Outcome::Failed(_) | Outcome::Late(_) | Outcome::NotYet => None,
        }
    }

    /// The last call, if it was sent at or after `start`: it belongs to the sweep that began then.
    pub fn since(&self, start: Timestamp) -> Option<&Call<T>> {
        self.last.as_deref().filter(|call| call.sent_at >= start)
    }
}

/// What one endpoint said.
#[derive(Debug)]
pub struct MemberSweep {
    /// The endpoint that was asked.
    pub endpoint: Endpoint,
    /// Its Status.
    pub status: Observed<Status>,
    /// The member list as this member has it.
    pub local_members: Observed<MemberList>,
    /// The member list as the quorum has it.
    pub members: Observed<MemberList>,
    /// The alarms that it knows of, of all members.
    pub alarms: Observed<Vec<Alarm>>,
    /// A read that it serves alone.
    pub serializable_read: Observed<Header>,
    /// A read that it serves with the quorum.
    pub linearizable_read: Observed<Header>,
    /// A write, where the write probe is on.
    pub write: Observed<()>,
    /// The last scrape of its HTTP side.
    pub scrape: Option<Arc<Scrape>>,
    /// How many scrapes in a row, that one included, brought no page while it answered.
    pub failed_scrapes: u32,
    /// The version of the cluster as it told it last, and when it was asked.
    pub cluster_version: Option<(Timestamp, String)>,
    /// Whether it serves its profiler, as it last told; `None` before that.
    pub profiler: Option<ProfilerAnswer>,
    /// What its last scrapes amount to.
    pub figures: Option<Arc<Figures>>,
    /// When the certificate that it showed last expires.
    pub certificate_expires_at: Option<Timestamp>,
}

impl MemberSweep {
    /// Nothing known yet about `endpoint`.
    pub fn of(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            status: Observed::default(),
            local_members: Observed::default(),
            members: Observed::default(),
            alarms: Observed::default(),
            serializable_read: Observed::default(),
            linearizable_read: Observed::default(),
            write: Observed::default(),
            scrape: None,
            failed_scrapes: 0,
            cluster_version: None,
            profiler: None,
            figures: None,
            certificate_expires_at: None,
        }
    }
}

/// What all members of a cluster said in one round of questions.
#[derive(Debug)]
pub struct Sweep {
    /// Counts from 1.
    pub number: u64,
    /// When its questions were sent.
    pub started_at: Timestamp,
    /// When it was closed: all answers were there, or the patience of the sweep was over.
    pub closed_at: Timestamp,
    /// What each endpoint said.
    pub members: Vec<MemberSweep>,
    /// What is known of the equality of the members' data; `None` where nobody compares them.
    pub consistency: Option<Arc<Consistency>>,
    /// What its benchmarks came to; `None` until that is known.
    pub benchmark: Option<Arc<Benchmark>>,
}
