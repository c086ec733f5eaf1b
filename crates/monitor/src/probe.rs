//! Asking one member everything that a sweep wants to know, each question on its own.

use std::sync::Arc;
use std::time::Duration;

use etcd::{Alarm, Endpoint, Error, ErrorClass, Header, Member, MemberList, Status};
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use model::clock::Clock;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::Timeouts;
use crate::scrape::{Aside, Scrape};
use crate::sweep::Call;
use crate::write_probe::WriteProbe;

/// The key that the read probes ask for. It need not exist, and with authentication a refusal to
/// read it proves the path just as well.
pub const PROBE_KEY: &[u8] = b"etcd-monitor/health-probe";

/// One question to one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Status.
    Status,
    /// The member list as this member has it.
    LocalMembers,
    /// The member list as the quorum has it.
    Members,
    /// All alarms.
    Alarms,
    /// A read that the member serves alone.
    SerializableRead,
    /// A read that needs the quorum.
    LinearizableRead,
    /// A write, which needs the quorum too.
    Write,
}

impl Question {
    /// Those that never change anything.
    pub const READ_ONLY: [Self; 6] = [
        Self::Status,
        Self::LocalMembers,
        Self::Members,
        Self::Alarms,
        Self::SerializableRead,
        Self::LinearizableRead,
    ];
}

/// An answer to a [`Question`], or the result of a scrape.
#[derive(Debug)]
pub enum Reply {
    /// To [`Question::Status`].
    Status(Call<Status>),
    /// To [`Question::LocalMembers`].
    LocalMembers(Call<MemberList>),
    /// To [`Question::Members`].
    Members(Call<MemberList>),
    /// To [`Question::Alarms`].
    Alarms(Call<Vec<Alarm>>),
    /// To [`Question::SerializableRead`].
    SerializableRead(Call<Header>),
    /// To [`Question::LinearizableRead`].
    LinearizableRead(Call<Header>),
    /// To [`Question::Write`].
    Write(Call<()>),
    /// A scrape.
    Scrape(Scrape),
    /// What was asked for after a scrape, at a moment of its own.
    Aside(Aside),
}

impl Reply {
    /// When its question was sent; a scrape and what follows it are no questions of a sweep.
    pub fn sent_at(&self) -> Option<Timestamp> {
        match self {
            Self::Status(call) => Some(call.sent_at),
            Self::LocalMembers(call) | Self::Members(call) => Some(call.sent_at),
            Self::Alarms(call) => Some(call.sent_at),
            Self::SerializableRead(call) | Self::LinearizableRead(call) => Some(call.sent_at),
            Self::Write(call) => Some(call.sent_at),
            Self::Scrape(_) | Self::Aside(_) => None,
        }
    }
}

/// What all probes of a cluster share.
pub(crate) struct Prober {
    /// For the send times.
    pub(crate) clock: Arc<dyn Clock>,
    /// How long each question may take.
    pub(crate) timeouts: Timeouts,
    /// The write probe, where it is on.
    pub(crate) write: Option<WriteProbe>,
}

impl Prober {
    /// Asks `member` the `questions`, all at once, and sends each answer as soon as it is there.
    pub(crate) async fn ask(
        self: Arc<Self>,
        member: Member,
        questions: Vec<Question>,
        replies: mpsc::Sender<(Endpoint, Reply)>,
    ) {
        let mut calls: FuturesUnordered<BoxFuture<'_, Reply>> =
            questions.into_iter().map(|question| self.one(&member, question)).collect();
        while let Some(reply) = calls.next().await {
            // The receiver is gone when the cluster is no longer watched.
            if replies.send((member.endpoint().clone(), reply)).await.is_err() {
                return;
            }
        }
    }

    fn one<'a>(&'a self, member: &'a Member, question: Question) -> BoxFuture<'a, Reply> {
        let Timeouts { request, linearizable, .. } = self.timeouts;
        match question {
            Question::Status => self.timed(member.status(request)).map(Reply::Status).boxed(),
            Question::LocalMembers => {
                self.timed(member.members(false, request)).map(Reply::LocalMembers).boxed()
            }
            Question::Members => {
                self.timed(member.members(true, linearizable)).map(Reply::Members).boxed()
            }
            Question::Alarms => self.timed(member.alarms(request)).map(Reply::Alarms).boxed(),
            Question::SerializableRead => self
                .timed(member.probe_read(PROBE_KEY, true, request))
                .map(Reply::SerializableRead)
                .boxed(),
            Question::LinearizableRead => self
                .timed(member.probe_read(PROBE_KEY, false, linearizable))
                .map(Reply::LinearizableRead)
                .boxed(),
            Question::Write => {
                self.timed(self.write(member, linearizable)).map(Reply::Write).boxed()
            }
        }
    }

    async fn write(&self, member: &Member, deadline: Duration) -> Result<(), Error> {
        match &self.write {
            Some(probe) => probe.write(member, deadline).await,
            None => Ok(()),
        }
    }

    async fn timed<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Call<T> {
        let sent_at = self.clock.now();
        let start = Instant::now();
        let result = call.await;
        Call { sent_at, took: start.elapsed(), result }
    }
}

/// Whether a read that ended in this error proves that the member served it all the same: it was
/// refused by the rules of authorization, which the member looks up only after the read is agreed.
pub fn proves_the_path(error: &Error) -> bool {
    error.class() == ErrorClass::PermissionDenied
}
