//! One endpoint that is watched: what is known of it, and which questions are under way.

use std::sync::Arc;

use etcd::{Alarm, Header, Member, MemberList, Status};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::metrics::figures::Figures;
use crate::probe::{Question, Reply};
use crate::scrape::{ProfilerAnswer, Scrape};
use crate::skew::ClockReading;
use crate::sweep::{Call, MemberSweep, Observed};

/// One endpoint that is watched.
pub(crate) struct Target {
    /// Its connection.
    pub(crate) member: Member,
    /// When its metrics are to be read next.
    pub(crate) next_scrape: Instant,
    /// Whether they are being read.
    pub(crate) is_scraping: bool,
    /// How many scrapes were begun.
    pub(crate) scrapes: u32,
    /// The times of day that came by themselves since the last scrape ended.
    clock: Vec<ClockReading>,
    /// The last scrape that ended.
    pub(crate) scrape: Option<Arc<Scrape>>,
    /// What the last scrapes amount to.
    pub(crate) figures: Option<Arc<Figures>>,
    failed_scrapes: u32,
    /// The version of the cluster as it told it last, and when.
    cluster_version: Option<(Timestamp, String)>,
    /// Whether it serves its profiler, as it last told.
    pub(crate) profiler: Option<ProfilerAnswer>,
    status: Slot<Status>,
    local_members: Slot<MemberList>,
    members: Slot<MemberList>,
    alarms: Slot<Vec<Alarm>>,
    serializable_read: Slot<Header>,
    linearizable_read: Slot<Header>,
    write: Slot<()>,
}

/// One kind of question: its last call, and when the one under way was sent.
struct Slot<T> {
    last: Option<Arc<Call<T>>>,
    sent: Option<Instant>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self { last: None, sent: None }
    }

    fn put(&mut self, call: Call<T>) {
        self.last = Some(Arc::new(call));
        self.sent = None;
    }

    fn observed(&self, now: Instant) -> Observed<T> {
        Observed {
            last: self.last.clone(),
            waiting: self.sent.map(|sent| now.saturating_duration_since(sent)),
        }
    }
}

impl Target {
    /// An endpoint that was not asked yet.
    pub(crate) fn new(member: Member, next_scrape: Instant) -> Self {
        Self {
            member,
            next_scrape,
            is_scraping: false,
            scrapes: 0,
            clock: Vec::new(),
            scrape: None,
            figures: None,
            failed_scrapes: 0,
            cluster_version: None,
            profiler: None,
            status: Slot::new(),
            local_members: Slot::new(),
            members: Slot::new(),
            alarms: Slot::new(),
            serializable_read: Slot::new(),
            linearizable_read: Slot::new(),
            write: Slot::new(),
        }
    }

    /// Those of `questions` that are not under way; from now on they are.
    pub(crate) fn begin(&mut self, questions: &[Question], now: Instant) -> Vec<Question> {
        let mut begun = Vec::with_capacity(questions.len());
        for question in questions {
            let sent = self.sent(*question);
            if sent.is_none() {
                *sent = Some(now);
                begun.push(*question);
            }
        }
        begun
    }

    /// Puts an answer to its question.
    pub(crate) fn put(&mut self, reply: Reply) {
        match reply {
            Reply::Status(call) => self.status.put(call),
            Reply::LocalMembers(call) => self.local_members.put(call),
            Reply::Members(call) => self.members.put(call),
            Reply::Alarms(call) => self.alarms.put(call),
            Reply::SerializableRead(call) => self.serializable_read.put(call),
            Reply::LinearizableRead(call) => self.linearizable_read.put(call),
            Reply::Write(call) => self.write.put(call),
            Reply::Aside(aside) => {
                self.profiler = aside.profiler.or(self.profiler);
                if let Some(answer) = aside.version {
                    self.clock.extend(answer.clock);
                    if let Some(version) = answer.cluster_version {
                        self.cluster_version = Some((answer.at, version));
                    }
                }
            }
            Reply::Scrape(mut scrape) => {
                scrape.clock.splice(0..0, self.clock.drain(..));
                // What a member that is down does not serve says nothing of its metrics.
                let is_up = self.status.last.as_ref().is_none_or(|call| call.result.is_ok());
                let is_failed = scrape.page.is_err() && is_up;
                self.failed_scrapes = if is_failed { self.failed_scrapes + 1 } else { 0 };
                self.scrape = Some(Arc::new(scrape));
                self.is_scraping = false;
            }
        }
    }

    /// What the endpoint said, as of `now`.
    pub(crate) fn observed(&self, now: Instant) -> MemberSweep {
        MemberSweep {
            endpoint: self.member.endpoint().clone(),
            status: self.status.observed(now),
            local_members: self.local_members.observed(now),
            members: self.members.observed(now),
            alarms: self.alarms.observed(now),
            serializable_read: self.serializable_read.observed(now),
            linearizable_read: self.linearizable_read.observed(now),
            write: self.write.observed(now),
            scrape: self.scrape.clone(),
            failed_scrapes: self.failed_scrapes,
            cluster_version: self.cluster_version.clone(),
            profiler: self.profiler,
            figures: self.figures.clone(),
            certificate_expires_at: self
                .member
                .server_certificate()
                .map(|certificate| certificate.not_after),
        }
    }

    fn sent(&mut self, question: Question) -> &mut Option<Instant> {
        match question {
            Question::Status => &mut self.status.sent,
            Question::LocalMembers => &mut self.local_members.sent,
            Question::Members => &mut self.members.sent,
            Question::Alarms => &mut self.alarms.sent,
            Question::SerializableRead => &mut self.serializable_read.sent,
            Question::LinearizableRead => &mut self.linearizable_read.sent,
            Question::Write => &mut self.write.sent,
        }
    }
}
