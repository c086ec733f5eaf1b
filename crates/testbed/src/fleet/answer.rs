//! What a simulated member says: which path goes where, `/metrics`, `/version` and `/health`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb::AlarmType;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use model::clock::{Clock as _, SystemClock};
use tokio::time::Instant;
use tonic::body::Body;

use super::page::{Reading, Template};
use super::state::{ClusterState, Identity, View};

/// The version that every member runs.
pub(super) const VERSION: &str = "3.6.16";
/// The version of its storage.
pub(super) const STORAGE_VERSION: &str = "3.6.0";
/// etcd's default: 2 GiB.
pub(super) const QUOTA_BYTES: i64 = 2 << 30;

/// How long a member seems to have run when the fleet starts: its counters are large.
const FIRST_UPTIME: Duration = Duration::from_hours(72);

/// The voice of one member.
#[derive(Debug)]
pub(super) struct Answerer {
    pub(super) cluster: Arc<ClusterState>,
    pub(super) index: usize,
    template: Arc<Template>,
    latency_nanos: AtomicU64,
    boot: Mutex<Boot>,
}

/// When the member's process started.
#[derive(Debug, Clone, Copy)]
struct Boot {
    seen: Instant,
    uptime_before: Duration,
    unix_seconds: f64,
}

impl Boot {
    fn now(uptime_before: Duration) -> Self {
        let now = SystemClock.now().as_millisecond() as f64 / 1000.0;
        let unix_seconds = now - uptime_before.as_secs_f64();
        Self { seen: Instant::now(), uptime_before, unix_seconds }
    }
}

impl Answerer {
    pub(super) fn new(
        cluster: Arc<ClusterState>,
        index: usize,
        template: Arc<Template>,
        latency: Duration,
    ) -> Self {
        let boot = Mutex::new(Boot::now(FIRST_UPTIME));
        let answerer = Self { cluster, index, template, latency_nanos: AtomicU64::new(0), boot };
        answerer.set_latency(latency);
        answerer
    }

    /// A new process begins.
    pub(super) fn boot(&self) {
        *self.boot.lock().expect("invariant: no holder of this lock panics") =
            Boot::now(Duration::ZERO);
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        self.latency_nanos.store(latency.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.cluster.members()[self.index]
    }

    pub(super) fn view(&self) -> View {
        self.cluster.view(self.index)
    }

    /// Size of the file and of the part in use, in bytes: the revision in small values.
    pub(super) fn db_size(&self) -> (i64, i64) {
        let in_use = self.view().revision as i64 * 90;
        // bbolt's file grows in steps.
        let step = 4 << 20;
        ((in_use * 5 / 4 / step + 1) * step, in_use)
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let latency = self.latency_nanos.load(Ordering::Relaxed);
        if latency > 0 {
            tokio::time::sleep(Duration::from_nanos(latency)).await;
        }
        let is_grpc = request
            .headers()
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        if is_grpc {
            return self.call(request).await;
        }
        match request.uri().path() {
            "/metrics" => plain(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
                self.page(),
            ),
            "/version" => plain(
                StatusCode::OK,
                "application/json",
                format!(
                    r#"{{"etcdserver":"{VERSION}","etcdcluster":"3.6.0","storage":"{STORAGE_VERSION}"}}"#
                ),
            ),
            "/health" => self.health(),
            _ => plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n"),
        }
    }

    fn health(&self) -> Response<Body> {
        let reason = if self.cluster.has_alarm(AlarmType::Nospace) {
            "ALARM NOSPACE"
        } else if self.cluster.has_alarm(AlarmType::Corrupt) {
            "ALARM CORRUPT"
        } else if self.view().leader_id == 0 {
            "RAFT NO LEADER"
        } else {
            ""
        };
        let is_healthy = reason.is_empty();
        let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = format!(r#"{{"health":"{is_healthy}","reason":"{reason}"}}"#);
        plain(status, "text/plain; charset=utf-8", body)
    }

    fn page(&self) -> String {
        let boot = *self.boot.lock().expect("invariant: no holder of this lock panics");
        let others = self.cluster.members().iter().enumerate().filter(|(at, _)| *at != self.index);
        let (db_bytes, db_in_use_bytes) = self.db_size();
        self.template.render(&Reading {
            id: self.identity().id,
            peers: others.map(|(_, member)| member.id).collect(),
            view: self.view(),
            uptime: boot.seen.elapsed() + boot.uptime_before,
            start_unix_seconds: boot.unix_seconds,
            db_bytes,
            db_in_use_bytes,
        })
    }
}

fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body.into())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
