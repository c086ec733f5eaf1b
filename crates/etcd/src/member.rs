//! One member, over its own connection: what it answers is true of it and of no other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb as pb;
use http::Method;
use model::id::MemberId;

use crate::answer::{Alarm, AlarmKind, HashKv, Header, LeaseGranted, MemberList, Status};
use crate::certificate::CertificateInfo;
use crate::channel::Channel;
use crate::connector::Connector;
use crate::credentials::Outcome;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::flight::Flight;
use crate::http::{HttpReply, HttpTarget};
use crate::key::{GetReply, GetRequest};
use crate::range_stream::RangeStream;
use crate::rpc;
use crate::snapshot::Snapshot;
use crate::unary;

/// One member of a cluster; clones share its connection.
///
/// Nothing is dialled before the first call, and a connection that broke is made again by the next
/// one. Every call is bounded by its `deadline`, dialling and authenticating included, and none is
/// repeated, except after a refused token: what fails is the caller's to judge.
#[derive(Clone)]
pub struct Member(Arc<Inner>);

struct Inner {
    connector: Arc<Connector>,
    channel: Channel,
    authenticating: Flight<Outcome>,
}

impl Member {
    pub(crate) fn new(connector: Arc<Connector>, endpoint: Endpoint) -> Self {
        let (tls, lost) = (connector.tls().clone(), connector.lost().clone());
        let channel = Channel::new(endpoint, tls, lost, connector.config());
        Self(Arc::new(Inner { connector, channel, authenticating: Flight::default() }))
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &Endpoint {
        self.0.channel.endpoint()
    }

    /// The server's certificate at the last TLS handshake; `None` before it, and without TLS.
    pub fn server_certificate(&self) -> Option<Arc<CertificateInfo>> {
        self.0.channel.certificate()
    }

    /// Extends the life of a lease once; a lease that is gone is answered with a `ttl` of 0.
    pub(crate) async fn keep_alive(
        &self,
        lease: i64,
        deadline: Duration,
    ) -> Result<pb::LeaseKeepAliveResponse, Error> {
        let request = pb::LeaseKeepAliveRequest { id: lease };
        let mut answers =
            self.converse(&rpc::LEASE_KEEP_ALIVE, request, |_| Ok(()), deadline).await?;
        answers
            .next()
            .await
            .map_err(|failure| Error::new(self.endpoint(), rpc::LEASE_KEEP_ALIVE.name, failure))
    }

    /// Reads keys in parts that come as the server finds them (3.7 and later).
    ///
    /// `deadline` is for the first part.
    pub async fn range_stream(
        &self,
        request: pb::RangeRequest,
        deadline: Duration,
    ) -> Result<RangeStream, Error> {
        let stream = self.stream(&rpc::RANGE_STREAM, &request, deadline).await?;
        Ok(RangeStream::new(self.endpoint().clone(), stream))
    }

    /// The member's state. Needs an authenticated user since 3.4.42, 3.5.28 and 3.6.9.
    pub async fn status(&self, deadline: Duration) -> Result<Status, Error> {
        Ok(self.unary(&rpc::STATUS, pb::StatusRequest {}, deadline).await?.into())
    }

    /// The members that it knows; `linearizable` asks a quorum first (3.5 and later).
    pub async fn members(
        &self,
        linearizable: bool,
        deadline: Duration,
    ) -> Result<MemberList, Error> {
        let request = pb::MemberListRequest { linearizable };
        let answer = self.unary(&rpc::MEMBER_LIST, request, deadline).await?;
        Ok(MemberList::new(answer.header, answer.members))
    }

    /// The alarms that stand, in the whole cluster.
    pub async fn alarms(&self, deadline: Duration) -> Result<Vec<Alarm>, Error> {
        let answer = self.unary(&rpc::ALARM, pb::AlarmRequest::default(), deadline).await?;
        Ok(answer.alarms.into_iter().map(Into::into).collect())
    }

    /// Reads keys.
    pub async fn get(&self, request: GetRequest, deadline: Duration) -> Result<GetReply, Error> {
        Ok(self.unary(&rpc::RANGE, request.into(), deadline).await?.into())
    }

    /// Reads a key for the sake of the reading: no value, at most one key.
    ///
    /// `PermissionDenied` is returned as an error like others, though it proves the path too.
    pub async fn probe_read(
        &self,
        key: &[u8],
        serializable: bool,
        deadline: Duration,
    ) -> Result<Header, Error> {
        let request = pb::RangeRequest {
            key: Bytes::copy_from_slice(key),
            limit: 1,
            keys_only: true,
            serializable,
            ..pb::RangeRequest::default()
        };
        Ok(self.unary(&rpc::RANGE, request, deadline).await?.header.into())
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
        Ok(self.unary(&rpc::PUT, request, deadline).await?.header.into())
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
        Ok(self.unary(&rpc::DELETE_RANGE, request, deadline).await?.deleted)
    }

    /// Grants a lease of at least `ttl_seconds`.
    pub async fn lease_grant(
        &self,
        ttl_seconds: i64,
        deadline: Duration,
    ) -> Result<LeaseGranted, Error> {
        let request = pb::LeaseGrantRequest { ttl: ttl_seconds, id: 0 };
        let answer = self.unary(&rpc::LEASE_GRANT, request, deadline).await?;
        Ok(LeaseGranted { id: answer.id, ttl_seconds: answer.ttl })
    }

    /// Ends a lease, and with it the keys that hang on it.
    pub async fn lease_revoke(&self, id: i64, deadline: Duration) -> Result<(), Error> {
        self.unary(&rpc::LEASE_REVOKE, pb::LeaseRevokeRequest { id }, deadline).await?;
        Ok(())
    }

    /// Forgets what keys were before `revision`; `physical` waits until the file shows it.
    pub async fn compact(
        &self,
        revision: i64,
        physical: bool,
        deadline: Duration,
    ) -> Result<Header, Error> {
        let request = pb::CompactionRequest { revision, physical };
        Ok(self.unary(&rpc::COMPACT, request, deadline).await?.header.into())
    }

    /// Rewrites the member's file without its free pages; the member answers nothing meanwhile.
    pub async fn defragment(&self, deadline: Duration) -> Result<(), Error> {
        self.unary(&rpc::DEFRAGMENT, pb::DefragmentRequest {}, deadline).await?;
        Ok(())
    }

    /// Hash of the member's keys up to `revision`; 0 for the newest.
    pub async fn hash_kv(&self, revision: i64, deadline: Duration) -> Result<HashKv, Error> {
        let answer = self.unary(&rpc::HASH_KV, pb::HashKvRequest { revision }, deadline).await?;
        Ok(HashKv {
            header: answer.header.into(),
            hash: answer.hash,
            compact_revision: answer.compact_revision,
            hash_revision: (answer.hash_revision > 0).then_some(answer.hash_revision),
        })
    }

    /// Hands leadership over to `target`; only the leader takes this.
    pub async fn move_leader(&self, target: MemberId, deadline: Duration) -> Result<(), Error> {
        let request = pb::MoveLeaderRequest { target_id: target.0 };
        self.unary(&rpc::MOVE_LEADER, request, deadline).await?;
        Ok(())
    }

    /// Raises an alarm.
    pub async fn alarm_activate(&self, alarm: Alarm, deadline: Duration) -> Result<(), Error> {
        self.alarm(pb::alarm_request::AlarmAction::Activate, alarm, deadline).await
    }

    /// Ends an alarm.
    pub async fn alarm_disarm(&self, alarm: Alarm, deadline: Duration) -> Result<(), Error> {
        self.alarm(pb::alarm_request::AlarmAction::Deactivate, alarm, deadline).await
    }

    async fn alarm(
        &self,
        action: pb::alarm_request::AlarmAction,
        Alarm { member, kind }: Alarm,
        deadline: Duration,
    ) -> Result<(), Error> {
        let request = pb::AlarmRequest {
            action: action as i32,
            member_id: member.0,
            alarm: AlarmKind::number(kind),
        };
        self.unary(&rpc::ALARM, request, deadline).await?;
        Ok(())
    }

    /// Opens a snapshot of the member's file; `deadline` is for its opening.
    pub async fn snapshot(&self, deadline: Duration) -> Result<Snapshot, Error> {
        let stream = self.stream(&rpc::SNAPSHOT, &pb::SnapshotRequest {}, deadline).await?;
        Ok(Snapshot::new(self.endpoint().clone(), stream))
    }

    /// Fetches a page by HTTP/1.1, of this member or of the address that `target` names.
    ///
    /// Any status is a reply; a body over `max_body_bytes` is an error.
    pub async fn http_get(
        &self,
        target: &HttpTarget,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        self.0.connector.http().get(self.endpoint(), target, deadline, max_body_bytes).await
    }

    /// Posts an encoded form by HTTP/1.1, of this member or of the address that `target` names.
    ///
    /// Any status is a reply; a body over `max_body_bytes` is an error.
    pub async fn http_post_form(
        &self,
        target: &HttpTarget,
        form: String,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let http = self.0.connector.http();
        http.post_form(self.endpoint(), target, form, deadline, max_body_bytes).await
    }

    /// Posts JSON by HTTP/1.1; otherwise as [`Self::http_post_form`].
    pub async fn http_post_json(
        &self,
        target: &HttpTarget,
        json: Vec<u8>,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let http = self.0.connector.http();
        let endpoint = self.endpoint();
        http.send_json(Method::POST, endpoint, target, json, deadline, max_body_bytes).await
    }

    /// Deletes what `target` names, by HTTP/1.1; otherwise as [`Self::http_post_form`].
    pub async fn http_delete(
        &self,
        target: &HttpTarget,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let http = self.0.connector.http();
        let endpoint = self.endpoint();
        http.send_json(Method::DELETE, endpoint, target, Vec::new(), deadline, max_body_bytes).await
    }

    /// Makes a unary call, with the messages as they travel.
    // Not async itself: the message would be kept beside its encoded form until the answer, and there
    // are thousands of calls under way in a benchmark.
    #[expect(clippy::needless_pass_by_value, reason = "callers have no use for it after this")]
    pub fn call<Req, Res>(
        &self,
        rpc: &rpc::Rpc<Req, Res>,
        message: Req,
        deadline: Duration,
    ) -> impl Future<Output = Result<Res, Error>>
    where
        Req: prost::Message + Clone + 'static,
        Res: prost::Message + Default + 'static,
    {
        let message = unary::encode(&message);
        self.exchange(rpc, message, deadline)
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.0.channel
    }

    pub(crate) fn own_flight(&self) -> &Flight<Outcome> {
        &self.0.authenticating
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(self.endpoint()).finish()
    }
}
