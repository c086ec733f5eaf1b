//! Following the changes of keys across lost connections: nothing is missed, nothing comes twice.

use std::fmt;
use std::time::Duration;

use etcd_proto::etcdserverpb as pb;
use pb::watch_request::RequestUnion;
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};

use crate::call::Conversation;
use crate::classify;
use crate::cluster::{no_endpoints, pause};
use crate::error::{Error, ErrorClass, Failure};
use crate::member::Member;
use crate::rpc;

/// Longest wait for a member to take a watch.
const OPEN_DEADLINE: Duration = Duration::from_secs(5);

/// Told of each failure that the watch goes on after.
type OnTrouble = Box<dyn Fn(&Error) + Send + Sync>;

/// A watch, which goes on from the next revision on another member when its own is lost or has no
/// leader.
///
/// Nothing is asked before the first [`Self::next`]. Dropping it ends it.
pub struct Watch {
    /// In the order to ask them.
    members: Vec<Member>,
    at: usize,
    /// What to ask for; its first revision moves on with what came.
    create: pb::WatchCreateRequest,
    stream: Option<Conversation<pb::WatchRequest, pb::WatchResponse>>,
    /// Parts of an answer whose last part is still to come.
    parts: Option<pb::WatchResponse>,
    /// Attempts that failed since the last answer.
    failures: u32,
    not_before: Instant,
    is_created: bool,
    is_over: bool,
    on_trouble: Option<OnTrouble>,
}

impl Watch {
    pub(crate) fn new(members: Vec<Member>, create: pb::WatchCreateRequest) -> Self {
        Self {
            members,
            at: 0,
            create,
            stream: None,
            parts: None,
            failures: 0,
            not_before: Instant::now(),
            is_created: false,
            is_over: false,
            on_trouble: None,
        }
    }

    /// Tells `tell` of each failure after which the watch tries again, such as a lost connection.
    #[must_use]
    pub fn on_trouble(mut self, tell: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_trouble = Some(Box::new(tell));
        self
    }

    /// The first revision of which nothing has come yet; 0 before the watch has begun at the newest.
    pub fn next_revision(&self) -> i64 {
        self.create.start_revision
    }

    /// Whether it has ended for good.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next answer: `created` once, then events, and progress where it was asked for; `None`
    /// after the server cancelled, whose answer says why (`compact_revision`, `cancel_reason`).
    ///
    /// Lost connections are repaired without an end. After an error that [`Self::is_over`] does not
    /// confirm, which is that no member has a leader, a further call tries again. May be dropped at
    /// any time; nothing is lost.
    pub async fn next(&mut self) -> Result<Option<pb::WatchResponse>, Error> {
        while !self.is_over {
            if self.stream.is_none() {
                sleep_until(self.not_before).await;
                match self.open().await {
                    Ok(stream) => self.stream = Some(stream),
                    Err(error) => self.judge(error)?,
                }
            }
            let Some(stream) = &mut self.stream else { continue };
            match stream.next().await {
                Ok(answer) => {
                    if let Some(answer) = self.take(answer) {
                        return Ok(Some(answer));
                    }
                }
                Err(failure) => {
                    let endpoint = self.members[self.at].endpoint();
                    self.judge(Error::new(endpoint, rpc::WATCH.name, failure))?;
                }
            }
        }
        Ok(None)
    }

    /// Asks how far the watch has come; the answer has no events and the revision in its header.
    ///
    /// Not sent, and answered with `false`, while there is no connection. Servers answer only when
    /// the watch has caught up.
    pub fn request_progress(&self) -> bool {
        let union = Some(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}));
        let request = pb::WatchRequest { request_union: union };
        self.stream.as_ref().is_some_and(|stream| stream.requests.try_send(request).is_ok())
    }

    async fn open(&self) -> Result<Conversation<pb::WatchRequest, pb::WatchResponse>, Error> {
        let member = self.members.get(self.at).ok_or_else(|| no_endpoints(rpc::WATCH.name))?;
        let union = Some(RequestUnion::CreateRequest(self.create.clone()));
        let request = pb::WatchRequest { request_union: union };
        member.converse(&rpc::WATCH, request, refused_token, OPEN_DEADLINE).await
    }

    /// Returns the error if it ends the watch or is to be told; otherwise prepares a new attempt.
    fn judge(&mut self, error: Error) -> Result<(), Error> {
        self.stream = None;
        self.parts = None;
        self.failures += 1;
        self.not_before = Instant::now() + pause(self.failures);
        self.at = (self.at + 1) % self.members.len().max(1);
        let had_all = self.failures as usize >= self.members.len();
        let is_told = match error.class() {
            ErrorClass::Transport
            | ErrorClass::Refused
            | ErrorClass::Dns
            | ErrorClass::Deadline
            | ErrorClass::TooManyRequests => self.members.is_empty(),
            ErrorClass::Auth | ErrorClass::PermissionDenied => true,
            _ => had_all,
        };
        if is_told {
            self.is_over = error.class() != ErrorClass::NoLeader;
            self.failures = 0;
            return Err(error);
        }
        if let Some(tell) = &self.on_trouble {
            tell(&error);
        }
        Ok(())
    }

    /// Notes how far the watch has come; `None` when there is nothing to hand on yet.
    fn take(&mut self, mut answer: pb::WatchResponse) -> Option<pb::WatchResponse> {
        self.failures = 0;
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if answer.canceled {
            if is_refused_token(&answer) {
                // Users or roles changed: once more, with a new token.
                self.stream = None;
                return None;
            }
            self.is_over = true;
            self.stream = None;
            return Some(answer);
        }
        if answer.created {
            if self.create.start_revision == 0 {
                self.create.start_revision = revision + 1;
            }
            let is_first = !std::mem::replace(&mut self.is_created, true);
            return is_first.then_some(answer);
        }
        if answer.events.is_empty() {
            // An answer to all watches of the connection says nothing certain about this one: before
            // 3.4.25 and 3.5.8 it could come ahead of events.
            if answer.watch_id >= 0 {
                self.create.start_revision = self.create.start_revision.max(revision + 1);
            }
            return Some(answer);
        }
        if let Some(mut parts) = self.parts.take() {
            parts.events.append(&mut answer.events);
            parts.fragment = answer.fragment;
            answer = parts;
        }
        if answer.fragment {
            self.parts = Some(answer);
            return None;
        }
        let last = answer.events.last().and_then(|event| event.kv.as_ref());
        if let Some(last) = last {
            self.create.start_revision = last.mod_revision + 1;
        }
        Some(answer)
    }
}

/// Refuses a first answer that cancels the watch for the sake of the token.
fn refused_token(answer: &pb::WatchResponse) -> Result<(), Failure> {
    if is_refused_token(answer) {
        let status = Status::new(Code::Unauthenticated, answer.cancel_reason.clone());
        return Err(classify::status(&status));
    }
    Ok(())
}

fn is_refused_token(answer: &pb::WatchResponse) -> bool {
    answer.canceled
        && ["invalid auth token", "revision of auth store is old"]
            .iter()
            .any(|reason| answer.cancel_reason.contains(reason))
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("members", &self.members)
            .field("next_revision", &self.create.start_revision)
            .finish_non_exhaustive()
    }
}
