//! A cluster through any of its members: for work, never for verdicts about one of them.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::authpb::Permission;
use etcd_proto::etcdserverpb as pb;
use model::id::MemberId;
use tokio::time::{Instant, sleep};

use crate::answer::{Alarm, Header, LeaseGranted, MemberInfo, MemberList};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorClass, Failure};
use crate::key::{GetReply, GetRequest};
use crate::lease::LeaseKeeper;
use crate::member::Member;
use crate::rpc::{self, Rpc};
use crate::snapshot::Snapshot;
use crate::watch::Watch;

/// Most attempts at one call.
const MAX_ATTEMPTS: u32 = 8;
/// Rest before the second attempt; doubles with each further one, and each is jittered.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest rest between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How long a member that failed is asked only when no other is left.
const AVOID: Duration = Duration::from_secs(5);

/// When a failed call may be made again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// A read: as often as there is time.
    Always,
    /// A change: only if the server certainly did not make it.
    IfUnmade,
}

/// A cluster; calls go round its members and are repeated on others where that is safe.
pub struct Cluster {
    members: Vec<Member>,
    next: AtomicUsize,
    /// When each member last failed.
    failed: Mutex<Vec<Option<Instant>>>,
}

impl Cluster {
    pub(crate) fn new(members: Vec<Member>) -> Self {
        let failed = Mutex::new(vec![None; members.len()]);
        Self { members, next: AtomicUsize::new(0), failed }
    }

    /// The members, each over the connection that this cluster uses.
    pub fn each(&self) -> &[Member] {
        &self.members
    }

    /// Follows the changes of keys.
    pub fn watch(&self, request: pb::WatchCreateRequest) -> Watch {
        let members = self.order().into_iter().map(|index| self.members[index].clone()).collect();
        Watch::new(members, request)
    }

    /// Extends the life of a lease once; a lease that is gone is answered with a `ttl` of 0.
    pub async fn keep_alive_once(
        &self,
        lease: i64,
        deadline: Duration,
    ) -> Result<pb::LeaseKeepAliveResponse, Error> {
        let attempt = |member: Member, share| async move { member.keep_alive(lease, share).await };
        self.in_turn(rpc::LEASE_KEEP_ALIVE.name, Repeat::Always, deadline, attempt).await
    }

    /// Keeps a lease alive for as long as its answers are taken.
    pub fn keep_alive(&self, lease: i64) -> LeaseKeeper {
        LeaseKeeper::new(Self::new(self.members.clone()), lease)
    }

    /// Reads keys.
    pub async fn get(&self, request: GetRequest, deadline: Duration) -> Result<GetReply, Error> {
        let range = pb::RangeRequest::from(request);
        Ok(self.call(&rpc::RANGE, range, Repeat::Always, deadline).await?.into())
    }

    /// Writes a key, hung on a lease if one is given.
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        lease: Option<i64>,
        deadline: Duration,
    ) -> Result<Header, Error> {
        let request = pb::PutRequest {
            key: key.into(),
            value: value.into(),
            lease: lease.unwrap_or(0),
            ..pb::PutRequest::default()
        };
        Ok(self.change(&rpc::PUT, request, deadline).await?.header.into())
    }

    /// Deletes one key, or with `range_end` a range; answers how many there were.
    pub async fn delete(
        &self,
        key: impl Into<Bytes>,
        range_end: impl Into<Bytes>,
        deadline: Duration,
    ) -> Result<i64, Error> {
        let (key, range_end) = (key.into(), range_end.into());
        let request = pb::DeleteRangeRequest { key, range_end, prev_kv: false };
        Ok(self.change(&rpc::DELETE_RANGE, request, deadline).await?.deleted)
    }

    /// Runs a transaction.
    pub async fn txn(
        &self,
        request: pb::TxnRequest,
        deadline: Duration,
    ) -> Result<pb::TxnResponse, Error> {
        self.change(&rpc::TXN, request, deadline).await
    }

    /// Forgets what keys were before `revision`; `physical` waits until the file shows it.
    pub async fn compact(
        &self,
        revision: i64,
        physical: bool,
        deadline: Duration,
    ) -> Result<Header, Error> {
        let request = pb::CompactionRequest { revision, physical };
        Ok(self.change(&rpc::COMPACT, request, deadline).await?.header.into())
    }

    /// Grants a lease of at least `ttl_seconds`.
    pub async fn lease_grant(
        &self,
        ttl_seconds: i64,
        deadline: Duration,
    ) -> Result<LeaseGranted, Error> {
        let request = pb::LeaseGrantRequest { ttl: ttl_seconds, id: 0 };
        let answer = self.change(&rpc::LEASE_GRANT, request, deadline).await?;
        Ok(LeaseGranted { id: answer.id, ttl_seconds: answer.ttl })
    }

    /// Ends a lease, and with it the keys that hang on it.
    pub async fn lease_revoke(&self, id: i64, deadline: Duration) -> Result<(), Error> {
        self.change(&rpc::LEASE_REVOKE, pb::LeaseRevokeRequest { id }, deadline).await?;
        Ok(())
    }

    /// The members, confirmed by a quorum (3.5 and later).
    pub async fn members(&self, deadline: Duration) -> Result<MemberList, Error> {
        let request = pb::MemberListRequest { linearizable: true };
        let answer = self.call(&rpc::MEMBER_LIST, request, Repeat::Always, deadline).await?;
        Ok(MemberList::new(answer.header, answer.members))
    }

    /// Adds a voting member; answers it and the new list.
    pub async fn member_add(
        &self,
        peer_urls: Vec<String>,
        deadline: Duration,
    ) -> Result<(MemberInfo, MemberList), Error> {
        self.add(pb::MemberAddRequest { peer_urls, is_learner: false }, deadline).await
    }

    /// Adds a member that does not vote until it is promoted.
    pub async fn member_add_learner(
        &self,
        peer_urls: Vec<String>,
        deadline: Duration,
    ) -> Result<(MemberInfo, MemberList), Error> {
        self.add(pb::MemberAddRequest { peer_urls, is_learner: true }, deadline).await
    }

    async fn add(
        &self,
        request: pb::MemberAddRequest,
        deadline: Duration,
    ) -> Result<(MemberInfo, MemberList), Error> {
        let answer = self.change(&rpc::MEMBER_ADD, request, deadline).await?;
        let added = answer.member.unwrap_or_default().into();
        Ok((added, MemberList::new(answer.header, answer.members)))
    }

    /// Makes a learner a voting member; refused until it has caught up.
    pub async fn member_promote(
        &self,
        id: MemberId,
        deadline: Duration,
    ) -> Result<MemberList, Error> {
        let request = pb::MemberPromoteRequest { id: id.0 };
        let answer = self.change(&rpc::MEMBER_PROMOTE, request, deadline).await?;
        Ok(MemberList::new(answer.header, answer.members))
    }

    /// Removes a member.
    pub async fn member_remove(
        &self,
        id: MemberId,
        deadline: Duration,
    ) -> Result<MemberList, Error> {
        let request = pb::MemberRemoveRequest { id: id.0 };
        let answer = self.change(&rpc::MEMBER_REMOVE, request, deadline).await?;
        Ok(MemberList::new(answer.header, answer.members))
    }

    /// Changes where other members reach one.
    pub async fn member_update(
        &self,
        id: MemberId,
        peer_urls: Vec<String>,
        deadline: Duration,
    ) -> Result<MemberList, Error> {
        let request = pb::MemberUpdateRequest { id: id.0, peer_urls };
        let answer = self.change(&rpc::MEMBER_UPDATE, request, deadline).await?;
        Ok(MemberList::new(answer.header, answer.members))
    }

    /// The alarms that stand.
    pub async fn alarms(&self, deadline: Duration) -> Result<Vec<Alarm>, Error> {
        let request = pb::AlarmRequest::default();
        let answer = self.call(&rpc::ALARM, request, Repeat::Always, deadline).await?;
        Ok(answer.alarms.into_iter().map(Into::into).collect())
    }

    /// Ends an alarm.
    pub async fn alarm_disarm(&self, alarm: Alarm, deadline: Duration) -> Result<(), Error> {
        let request = pb::AlarmRequest {
            action: pb::alarm_request::AlarmAction::Deactivate as i32,
            member_id: alarm.member.0,
            alarm: alarm.kind.number(),
        };
        self.change(&rpc::ALARM, request, deadline).await?;
        Ok(())
    }

    /// Turns authentication on; needs a user `root` with the role `root`.
    pub async fn auth_enable(&self, deadline: Duration) -> Result<(), Error> {
        self.change(&rpc::AUTH_ENABLE, pb::AuthEnableRequest {}, deadline).await?;
        Ok(())
    }

    /// Turns authentication off.
    pub async fn auth_disable(&self, deadline: Duration) -> Result<(), Error> {
        self.change(&rpc::AUTH_DISABLE, pb::AuthDisableRequest {}, deadline).await?;
        Ok(())
    }

    /// Adds a user with a password, or one that is known by its client certificate.
    pub async fn user_add(
        &self,
        name: &str,
        password: Option<&str>,
        deadline: Duration,
    ) -> Result<(), Error> {
        let request = pb::AuthUserAddRequest {
            name: name.to_owned(),
            password: password.unwrap_or_default().to_owned(),
            options: Some(etcd_proto::authpb::UserAddOptions { no_password: password.is_none() }),
            hashed_password: String::new(),
        };
        self.change(&rpc::USER_ADD, request, deadline).await?;
        Ok(())
    }

    /// Deletes a user.
    pub async fn user_delete(&self, name: &str, deadline: Duration) -> Result<(), Error> {
        let request = pb::AuthUserDeleteRequest { name: name.to_owned() };
        self.change(&rpc::USER_DELETE, request, deadline).await?;
        Ok(())
    }

    /// Gives a user a role.
    pub async fn user_grant_role(
        &self,
        user: &str,
        role: &str,
        deadline: Duration,
    ) -> Result<(), Error> {
        let request = pb::AuthUserGrantRoleRequest { user: user.to_owned(), role: role.to_owned() };
        self.change(&rpc::USER_GRANT_ROLE, request, deadline).await?;
        Ok(())
    }

    /// Adds a role without rights.
    pub async fn role_add(&self, name: &str, deadline: Duration) -> Result<(), Error> {
        let request = pb::AuthRoleAddRequest { name: name.to_owned() };
        self.change(&rpc::ROLE_ADD, request, deadline).await?;
        Ok(())
    }

    /// Gives a role a right.
    pub async fn role_grant(
        &self,
        role: &str,
        permission: Permission,
        deadline: Duration,
    ) -> Result<(), Error> {
        let request =
            pb::AuthRoleGrantPermissionRequest { name: role.to_owned(), perm: Some(permission) };
        self.change(&rpc::ROLE_GRANT, request, deadline).await?;
        Ok(())
    }

    /// Opens a snapshot of some member's file.
    pub async fn snapshot(&self, deadline: Duration) -> Result<Snapshot, Error> {
        let member = self.order().first().map(|index| &self.members[*index]);
        match member {
            Some(member) => member.snapshot(deadline).await,
            None => Err(no_endpoints(rpc::SNAPSHOT.name)),
        }
    }

    /// Makes a call that only reads, with the messages as they travel; repeated on other members
    /// while there is time.
    pub async fn read<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: Req,
        deadline: Duration,
    ) -> Result<Res, Error>
    where
        Req: prost::Message + Clone + 'static,
        Res: prost::Message + Default + 'static,
    {
        self.call(rpc, message, Repeat::Always, deadline).await
    }

    /// Makes a call that changes something, with the messages as they travel; repeated only if the
    /// server certainly did not make the change.
    pub async fn change<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: Req,
        deadline: Duration,
    ) -> Result<Res, Error>
    where
        Req: prost::Message + Clone + 'static,
        Res: prost::Message + Default + 'static,
    {
        self.call(rpc, message, Repeat::IfUnmade, deadline).await
    }

    async fn call<Req, Res>(
        &self,
        rpc: &Rpc<Req, Res>,
        message: Req,
        repeat: Repeat,
        deadline: Duration,
    ) -> Result<Res, Error>
    where
        Req: prost::Message + Clone + 'static,
        Res: prost::Message + Default + 'static,
    {
        self.in_turn(rpc.name, repeat, deadline, |member, share| {
            let message = message.clone();
            async move { member.unary(rpc, message, share).await }
        })
        .await
    }

    /// Makes `attempt` on one member after the other, until one answers or repeating is not safe.
    pub(crate) async fn in_turn<T, F>(
        &self,
        operation: &'static str,
        repeat: Repeat,
        deadline: Duration,
        attempt: impl Fn(Member, Duration) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let end = Instant::now() + deadline;
        let order = self.order();
        let mut last = no_endpoints(operation);
        for (count, index) in (0..MAX_ATTEMPTS).zip(order.iter().copied().cycle()) {
            if count > 0 {
                let pause = pause(count);
                if end.duration_since(Instant::now()) <= pause {
                    break;
                }
                sleep(pause).await;
            }
            let left = end.duration_since(Instant::now());
            // A read leaves time to ask another member, should this one hang.
            let is_shared = repeat == Repeat::Always && order.len() > 1;
            let share = if is_shared { left / 2 } else { left };
            match attempt(self.members[index].clone(), share).await {
                Ok(answer) => {
                    self.note(index, None);
                    return Ok(answer);
                }
                Err(error) if may_repeat(&error, repeat) => {
                    self.note(index, Some(Instant::now()));
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// The members in the order to ask them: round in turn, those that failed lately last.
    fn order(&self) -> Vec<usize> {
        let count = self.members.len();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let failed = self.failed.lock().expect("invariant: no holder of this lock panics");
        let mut order: Vec<_> = (0..count).map(|step| (start.wrapping_add(step)) % count).collect();
        order.sort_by_key(|index| failed[*index].is_some_and(|at| at.elapsed() < AVOID));
        order
    }

    fn note(&self, index: usize, failed: Option<Instant>) {
        self.failed.lock().expect("invariant: no holder of this lock panics")[index] = failed;
    }
}

pub(crate) fn no_endpoints(operation: &'static str) -> Error {
    let failure = Failure::new(ErrorClass::Other, "no endpoints are known").unsent();
    Error::without_endpoint(operation, failure)
}

fn may_repeat(error: &Error, repeat: Repeat) -> bool {
    // Both are refused before anything is proposed.
    let is_refused = matches!(error.class(), ErrorClass::TooManyRequests | ErrorClass::Learner);
    let is_passing = matches!(
        error.class(),
        ErrorClass::Transport | ErrorClass::Deadline | ErrorClass::NoLeader
    );
    error.is_unsent() || is_refused || (repeat == Repeat::Always && is_passing)
}

/// From half of the exponential step to all of it, so that clients do not march in step.
pub(crate) fn pause(attempt: u32) -> Duration {
    let step = FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(16)).min(MAX_PAUSE);
    step.mul_f64(0.5 + fastrand::f64() / 2.0)
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints: Vec<&Endpoint> = self.members.iter().map(Member::endpoint).collect();
        f.debug_tuple("Cluster").field(&endpoints).finish()
    }
}
