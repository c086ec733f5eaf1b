//! The gRPC calls that a simulated member answers; every other is 'unimplemented'.

use std::time::Duration;

use etcd_proto::etcdserverpb as pb;
use http::{Request, Response};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::answer::{Answerer, QUOTA_BYTES, STORAGE_VERSION, VERSION};

/// How long etcd looks for a quorum before it gives up: 5 s and two election timeouts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);

impl Answerer {
    /// Answers one call.
    pub(super) async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        // The path lives in the request, which the call takes.
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/etcdserverpb.Maintenance/Status" => {
                unary(request, |_: pb::StatusRequest| async { Ok(self.status()) }).await
            }
            "/etcdserverpb.Maintenance/Alarm" => unary(request, |q| self.alarm(q)).await,
            "/etcdserverpb.Cluster/MemberList" => unary(request, |q| self.member_list(q)).await,
            "/etcdserverpb.KV/Range" => unary(request, |q| self.range(q)).await,
            "/etcdserverpb.KV/Put" => unary(request, |q| self.put(q)).await,
            "/etcdserverpb.KV/DeleteRange" => unary(request, |q| self.delete_range(q)).await,
            "/etcdserverpb.Lease/LeaseGrant" => unary(request, |q| self.lease_grant(q)).await,
            "/etcdserverpb.Lease/LeaseRevoke" => unary(request, |q| self.lease_revoke(q)).await,
            _ => {
                Status::unimplemented(format!("simulated members do not answer {path}")).into_http()
            }
        }
    }

    fn header(&self) -> pb::ResponseHeader {
        let view = self.view();
        pb::ResponseHeader {
            cluster_id: self.cluster.id(),
            member_id: self.identity().id,
            revision: view.revision as i64,
            raft_term: view.term,
        }
    }

    fn status(&self) -> pb::StatusResponse {
        let view = self.view();
        let (db_size, db_size_in_use) = self.db_size();
        let mut errors: Vec<String> = self
            .cluster
            .alarms()
            .iter()
            .map(|alarm| {
                format!("memberID:{} alarm:{} ", alarm.member_id, alarm.alarm().as_str_name())
            })
            .collect();
        if view.leader_id == 0 {
            errors.push("etcdserver: no leader".to_owned());
        }
        pb::StatusResponse {
            header: Some(self.header()),
            version: VERSION.to_owned(),
            db_size,
            leader: view.leader_id,
            raft_index: view.index,
            raft_term: view.term,
            raft_applied_index: view.index,
            errors,
            db_size_in_use,
            storage_version: STORAGE_VERSION.to_owned(),
            db_size_quota: QUOTA_BYTES,
            ..pb::StatusResponse::default()
        }
    }

    async fn alarm(&self, request: pb::AlarmRequest) -> Result<pb::AlarmResponse, Status> {
        use pb::alarm_request::AlarmAction;

        let member_id = (request.member_id != 0).then_some(request.member_id);
        let alarms = match request.action() {
            AlarmAction::Get => self.cluster.alarms(),
            AlarmAction::Deactivate => {
                self.quorum().await?;
                let alarm = Some(request.alarm()).filter(|alarm| *alarm != pb::AlarmType::None);
                self.cluster.disarm_alarms(member_id, alarm)
            }
            AlarmAction::Activate => {
                self.quorum().await?;
                let members = self.cluster.members();
                let index = members.iter().position(|member| Some(member.id) == member_id);
                self.cluster.raise_alarm(index.unwrap_or(self.index), request.alarm);
                self.cluster.alarms()
            }
        };
        Ok(pb::AlarmResponse { header: Some(self.header()), alarms })
    }

    async fn member_list(
        &self,
        request: pb::MemberListRequest,
    ) -> Result<pb::MemberListResponse, Status> {
        if request.linearizable {
            self.quorum().await?;
        }
        let members = self.cluster.members().iter().map(|member| pb::Member {
            id: member.id,
            name: member.name.clone(),
            peer_urls: vec![format!("http://{}.sim.invalid:2380", member.name)],
            client_urls: vec![format!("http://{}", member.address)],
            is_learner: false,
        });
        Ok(pb::MemberListResponse { header: Some(self.header()), members: members.collect() })
    }

    async fn range(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, Status> {
        if !request.serializable {
            self.quorum().await?;
        }
        Ok(pb::RangeResponse { header: Some(self.header()), ..pb::RangeResponse::default() })
    }

    async fn put(&self, _request: pb::PutRequest) -> Result<pb::PutResponse, Status> {
        self.space()?;
        self.quorum().await?;
        self.cluster.write();
        Ok(pb::PutResponse { header: Some(self.header()), prev_kv: None })
    }

    async fn delete_range(
        &self,
        _request: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Status> {
        self.quorum().await?;
        let header = Some(self.header());
        Ok(pb::DeleteRangeResponse { header, deleted: 0, prev_kvs: Vec::new() })
    }

    async fn lease_grant(
        &self,
        request: pb::LeaseGrantRequest,
    ) -> Result<pb::LeaseGrantResponse, Status> {
        self.space()?;
        self.quorum().await?;
        let id = if request.id == 0 { fastrand::i64(1..) } else { request.id };
        let header = Some(self.header());
        Ok(pb::LeaseGrantResponse { header, id, ttl: request.ttl, error: String::new() })
    }

    async fn lease_revoke(
        &self,
        _request: pb::LeaseRevokeRequest,
    ) -> Result<pb::LeaseRevokeResponse, Status> {
        self.quorum().await?;
        Ok(pb::LeaseRevokeResponse { header: Some(self.header()) })
    }

    /// Waits for a quorum as long as etcd does.
    async fn quorum(&self) -> Result<(), Status> {
        if self.view().leader_id != 0 {
            return Ok(());
        }
        tokio::time::sleep(REQUEST_TIMEOUT).await;
        Err(Status::unavailable("etcdserver: request timed out"))
    }

    fn space(&self) -> Result<(), Status> {
        if self.cluster.has_alarm(pb::AlarmType::Nospace) {
            return Err(Status::resource_exhausted("etcdserver: mvcc: database space exceeded"));
        }
        Ok(())
    }
}

/// Reads one message, calls and writes one message.
async fn unary<Q, A, F>(request: Request<Incoming>, mut call: impl FnMut(Q) -> F) -> Response<Body>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + 'static,
    F: Future<Output = Result<A, Status>>,
{
    let service = service_fn(|asked: tonic::Request<Q>| {
        let answer = call(asked.into_inner());
        async { answer.await.map(tonic::Response::new) }
    });
    Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await
}
