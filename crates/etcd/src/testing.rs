//! A scripted etcd on loopback, for tests of what real etcd does only under faults.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb as pb;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tonic::body::Body;
use tonic::{Code, server::Grpc};
use tonic_prost::ProstCodec;

use crate::answer::{Alarm, MemberList, Status};
use crate::endpoint::{Endpoint, Scheme};

/// A fake member; it is gone when dropped.
///
/// It answers Status, MemberList, Alarm, Range, Put and Authenticate, and HTTP pages on the same
/// port. Every other call is unimplemented.
pub struct FakeEtcd {
    endpoint: Endpoint,
    script: Arc<Mutex<Script>>,
    serving: JoinHandle<()>,
}

/// What a fake member answers.
#[derive(Debug, Default)]
pub struct Script {
    /// Its state, when asked; a header of zeros when `None`.
    pub status: Option<Status>,
    /// Its member list.
    pub members: Option<MemberList>,
    /// Its alarms.
    pub alarms: Vec<Alarm>,
    /// Pages by path: HTTP status, content type, body.
    pub pages: HashMap<String, (u16, &'static str, Bytes)>,
    /// Errors by operation, such as `Range`: gRPC code and text.
    pub errors: HashMap<&'static str, (i32, &'static str)>,
    /// How long operations take.
    pub delays: HashMap<&'static str, Duration>,
    /// User and password, when authentication is on.
    pub login: Option<(String, String)>,
    /// Answer everything as a proxy does that cannot reach etcd: HTTP status and content type.
    pub stranger: Option<(u16, &'static str)>,
    /// Operations that were called, and how often.
    pub calls: HashMap<String, u32>,
    tokens: HashSet<String>,
    issued: u32,
}

impl Script {
    /// Makes every token so far invalid, as a restart of the member does.
    pub fn forget_tokens(&mut self) {
        self.tokens.clear();
    }

    fn header(&self) -> Option<pb::ResponseHeader> {
        let header = self.status.as_ref()?.header;
        Some(pb::ResponseHeader {
            cluster_id: header.cluster_id.0,
            member_id: header.member_id.0,
            revision: header.revision,
            raft_term: header.raft_term,
        })
    }

    /// The operation's own error, or the lack of a token.
    fn refusal(&mut self, operation: &str, token: Option<&str>) -> Option<tonic::Status> {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        if let Some((code, text)) = self.errors.get(operation) {
            return Some(tonic::Status::new(Code::from_i32(*code), *text));
        }
        if operation == "Authenticate" {
            // etcd's own clients send no token here, and etcd would judge a stale one first.
            return token.map(|_| tonic::Status::invalid_argument("a token on Authenticate"));
        }
        let is_open =
            self.login.is_none() || token.is_some_and(|token| self.tokens.contains(token));
        let text = match token {
            _ if is_open => return None,
            None => return Some(tonic::Status::invalid_argument("etcdserver: user name is empty")),
            Some(_) => "etcdserver: invalid auth token",
        };
        Some(tonic::Status::unauthenticated(text))
    }

    fn authenticate(
        &mut self,
        request: &pb::AuthenticateRequest,
    ) -> Result<pb::AuthenticateResponse, tonic::Status> {
        let Some((user, password)) = &self.login else {
            let text = "etcdserver: authentication is not enabled";
            return Err(tonic::Status::failed_precondition(text));
        };
        if (user, password) != (&request.name, &request.password) {
            let text = "etcdserver: authentication failed, invalid user ID or password";
            return Err(tonic::Status::invalid_argument(text));
        }
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        self.tokens.insert(token.clone());
        Ok(pb::AuthenticateResponse { header: self.header(), token })
    }

    fn status(&self) -> pb::StatusResponse {
        let Some(status) = self.status.clone() else { return pb::StatusResponse::default() };
        pb::StatusResponse {
            header: self.header(),
            version: status.version,
            db_size: status.db_size_bytes as i64,
            db_size_in_use: status.db_size_in_use_bytes.unwrap_or(0) as i64,
            leader: status.leader.map_or(0, |leader| leader.0),
            raft_index: status.raft_index,
            raft_term: status.raft_term,
            raft_applied_index: status.raft_applied_index,
            errors: status.errors,
            is_learner: status.is_learner,
            storage_version: status.storage_version.unwrap_or_default(),
            db_size_quota: status.db_size_quota_bytes.unwrap_or(0) as i64,
            downgrade_info: status.downgrade.map(|downgrade| pb::DowngradeInfo {
                enabled: downgrade.enabled,
                target_version: downgrade.target_version,
            }),
        }
    }

    fn members(&self) -> pb::MemberListResponse {
        let members = self.members.iter().flat_map(|list| &list.members);
        let members = members.cloned().map(|member| pb::Member {
            id: member.id.0,
            name: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            is_learner: member.is_learner,
        });
        pb::MemberListResponse { header: self.header(), members: members.collect() }
    }

    fn alarms(&self) -> pb::AlarmResponse {
        let alarms = self
            .alarms
            .iter()
            .map(|alarm| pb::AlarmMember { member_id: alarm.member.0, alarm: alarm.kind.number() });
        pb::AlarmResponse { header: self.header(), alarms: alarms.collect() }
    }
}

impl FakeEtcd {
    /// A member on a free port that answers zeros.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_at(&Endpoint::new(Scheme::Http, "127.0.0.1", 0)).await
    }

    /// A member on the port of one that is gone.
    pub async fn start_at(endpoint: &Endpoint) -> std::io::Result<Self> {
        let listener = TcpListener::bind(endpoint.to_string()).await?;
        let endpoint = Endpoint::new(Scheme::Http, "127.0.0.1", listener.local_addr()?.port());
        let script = Arc::new(Mutex::new(Script::default()));
        let serving = tokio::spawn(serve(listener, Arc::clone(&script)));
        Ok(Self { endpoint, script, serving })
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it answers, to read and to change; not to be held across an await.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }

    /// How often `operation` was called.
    pub fn calls(&self, operation: &str) -> u32 {
        self.script().calls.get(operation).copied().unwrap_or(0)
    }
}

impl Drop for FakeEtcd {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().expect("invariant: no holder of this lock panics")
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    // Ends its connections when it is aborted.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        connections.spawn(async move {
            let answer = service_fn(|request| answer(Arc::clone(&script), request));
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away is no concern of the fake's.
            let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn answer(
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let path = request.uri().path().to_owned();
    let stranger = lock(&script).stranger;
    if let Some((status, kind)) = stranger {
        return Ok(page(status, kind, Bytes::from_static(b"<html></html>")));
    }
    if !path.starts_with("/etcdserverpb.") {
        let missing = (404, "text/plain", Bytes::from_static(b"404 page not found\n"));
        let (status, kind, body) = lock(&script).pages.get(&path).cloned().unwrap_or(missing);
        return Ok(page(status, kind, body));
    }
    let operation = path.rsplit('/').next().unwrap_or_default();
    let delay = lock(&script).delays.get(operation).copied();
    if let Some(delay) = delay {
        sleep(delay).await;
    }
    let token = request.headers().get("token").and_then(|token| token.to_str().ok());
    if let Some(refusal) = lock(&script).refusal(operation, token) {
        return Ok(refusal.into_http());
    }
    Ok(match operation {
        "Status" => unary(request, |_: pb::StatusRequest| Ok(lock(&script).status())).await,
        "MemberList" => {
            unary(request, |_: pb::MemberListRequest| Ok(lock(&script).members())).await
        }
        "Alarm" => unary(request, |_: pb::AlarmRequest| Ok(lock(&script).alarms())).await,
        "Authenticate" => unary(request, |login| lock(&script).authenticate(&login)).await,
        "Range" => {
            let reply = |header| pb::RangeResponse { header, ..pb::RangeResponse::default() };
            unary(request, |_: pb::RangeRequest| Ok(reply(lock(&script).header()))).await
        }
        "Put" => {
            let reply = |header| pb::PutResponse { header, prev_kv: None };
            unary(request, |_: pb::PutRequest| Ok(reply(lock(&script).header()))).await
        }
        _ => tonic::Status::unimplemented(format!("unknown method {operation}")).into_http(),
    })
}

fn page(status: u16, kind: &str, body: Bytes) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(Body::new(Full::new(body)))
        .expect("invariant: scripted pages have valid status codes")
}

async fn unary<Req, Res>(
    request: Request<Incoming>,
    reply: impl Fn(Req) -> Result<Res, tonic::Status>,
) -> Response<Body>
where
    Req: prost::Message + Default + Send + 'static,
    Res: prost::Message + Send + 'static,
{
    let service = tower::service_fn(|request: tonic::Request<Req>| {
        std::future::ready(reply(request.into_inner()).map(tonic::Response::new))
    });
    Grpc::new(ProstCodec::<Res, Req>::default()).unary(service, request).await
}
