//! The connection to one member, made when it is needed and replaced when it is no good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::header::CONTENT_TYPE;
use http::{Request, Response, Uri};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::certificate::CertificateInfo;
use crate::config::ClientConfig;
use crate::dial::{self, Protocol};
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{ErrorClass, Failure};
use crate::flight::Flight;
use crate::http2::{Call, Http2, KeepAlive};
use crate::tls::TlsSource;

/// Youngest connection that is given up after a call without an answer.
///
/// A peer whose host vanished never closes its connections, so they must be replaced; but to a
/// peer that only hangs, new ones would pile up.
const MIN_AGE_TO_RETIRE: Duration = Duration::from_secs(5);
pub(crate) const USER_AGENT: &str = concat!("etcd-monitor/", env!("CARGO_PKG_VERSION"));

/// A connection to one member; clones share it.
#[derive(Clone)]
pub(crate) struct Channel(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    origin: Uri,
    tls: Arc<TlsSource>,
    lost: Arc<Notify>,
    dial_timeout: Duration,
    keep_alive: KeepAlive,
    live: Mutex<Option<Live>>,
    dialling: Flight<Result<Live, Failure>>,
    /// Whether the last dial got as far as an open TCP connection.
    reached: AtomicBool,
    certificate: Mutex<Option<Arc<CertificateInfo>>>,
}

/// An open connection, and the TLS files that it was made with.
#[derive(Clone)]
pub(crate) struct Live {
    http2: Http2,
    generation: u64,
}

/// A call that was begun.
pub(crate) struct Begun {
    pub(crate) live: Live,
    pub(crate) call: Call,
    /// Where the request goes.
    pub(crate) body: SendStream<Bytes>,
}

impl Channel {
    /// `lost` is told when a connection of it ends.
    pub(crate) fn new(
        endpoint: Endpoint,
        tls: Arc<TlsSource>,
        lost: Arc<Notify>,
        config: &ClientConfig,
    ) -> Self {
        let origin = Uri::builder()
            .scheme(endpoint.scheme().as_str())
            .authority(match endpoint.socket_path() {
                // A path is no authority; the server does not ask for one.
                Some(_) => "localhost".to_owned(),
                None => endpoint.to_string(),
            })
            .path_and_query("/")
            .build()
            .expect("invariant: an endpoint is a valid authority");
        Self(Arc::new(Shared {
            endpoint,
            origin,
            tls,
            lost,
            dial_timeout: config.dial_timeout,
            keep_alive: KeepAlive::new(config),
            live: Mutex::default(),
            dialling: Flight::default(),
            reached: AtomicBool::new(false),
            certificate: Mutex::default(),
        }))
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    pub(crate) fn origin(&self) -> Uri {
        self.0.origin.clone()
    }

    /// The server's certificate at the last handshake.
    pub(crate) fn certificate(&self) -> Option<Arc<CertificateInfo>> {
        self.0.certificate.lock().expect("invariant: no holder of this lock panics").clone()
    }

    /// What it means that a call sent at `start` has no answer after `limit`.
    ///
    /// The connection is given up if nothing at all came over it since.
    pub(crate) fn overdue(&self, start: Instant, limit: Duration) -> Failure {
        let mut live = self.0.lock();
        let is_dead = live.as_ref().is_some_and(|live| {
            let traffic = live.http2.traffic();
            traffic.opened().elapsed() >= MIN_AGE_TO_RETIRE && traffic.heard() < start
        });
        let was_open = live.is_some() || self.0.reached.load(Ordering::Relaxed);
        if is_dead {
            *live = None;
        }
        drop(live);
        if was_open {
            Failure::new(ErrorClass::Deadline, format!("no answer within {limit:?}"))
        } else {
            let remedy = "check the network and firewalls on the way";
            Failure::new(ErrorClass::Transport, format!("cannot connect within {limit:?}"))
                .with_remedy(remedy)
        }
    }

    /// Begins a call, over a new connection when the one at hand went away unseen.
    pub(crate) async fn begin(&self, request: &impl Fn() -> Request<()>) -> Result<Begun, Failure> {
        let mut is_repeated = false;
        loop {
            let live = self.0.live().await?;
            match live.http2.begin(request).await {
                Ok((call, body)) => return Ok(Begun { live, call, body }),
                Err(failure) => {
                    self.retire(&live);
                    if is_repeated {
                        return Err(failure);
                    }
                    is_repeated = true;
                }
            }
        }
    }

    /// Forgets `live`, unless another one took its place already.
    pub(crate) fn retire(&self, live: &Live) {
        self.0.lock().take_if(|current| current.http2.is_same(&live.http2));
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Live>> {
        self.live.lock().expect("invariant: no holder of this lock panics")
    }

    /// The open connection, if it is still good.
    fn usable(&self) -> Option<Live> {
        let wanted = match self.endpoint.scheme() {
            Scheme::Http => 0,
            Scheme::Https => self.tls.generation(),
        };
        let mut live = self.lock();
        // Calls under way on an outdated connection keep it until they are done.
        live.take_if(|live| live.http2.is_closed() || live.generation != wanted);
        live.clone()
    }

    async fn live(self: &Arc<Self>) -> Result<Live, Failure> {
        match self.usable() {
            Some(live) => Ok(live),
            // On the heap: it is large, and most calls do without.
            None => Box::pin(self.dial_once()).await,
        }
    }

    async fn dial_once(self: &Arc<Self>) -> Result<Live, Failure> {
        let joined = self.dialling.join(|| {
            let shared = Arc::clone(self);
            async move { shared.dial().await }
        });
        let lost = Failure::new(ErrorClass::Other, "the program is shutting down").unsent();
        joined.outcome().await.unwrap_or(Err(lost))
    }

    async fn dial(&self) -> Result<Live, Failure> {
        // Another dial may have ended between the caller's look and this one's begin.
        if let Some(live) = self.usable() {
            return Ok(live);
        }
        let end = Instant::now() + self.dial_timeout;
        let protocol = Protocol::Http2;
        let dialled =
            dial::dial(&self.endpoint, &self.tls, protocol, self.dial_timeout, &self.reached)
                .await?;
        let certificate = dialled.certificate.map(Arc::new);
        *self.certificate.lock().expect("invariant: no holder of this lock panics") = certificate;
        let left = end.duration_since(Instant::now());
        let greeting = Http2::open(dialled.stream, &self.endpoint, self.keep_alive, &self.lost);
        let http2 = timeout(left, greeting).await.unwrap_or_else(|_| {
            let text = format!("connected, but no answer within {:?}", self.dial_timeout);
            Err(Failure::new(ErrorClass::Deadline, text).unsent())
        })?;
        let live = Live { http2, generation: dialled.generation };
        *self.lock() = Some(live.clone());
        Ok(live)
    }
}

/// Refuses answers that are not gRPC, which would be taken for garbled messages.
pub(crate) fn expect_grpc<T>(response: &Response<T>) -> Result<(), Failure> {
    let content_type = response.headers().get(CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        return Ok(());
    }
    let kind = content_type.and_then(|value| value.to_str().ok()).unwrap_or("no content type");
    let status = response.status().as_u16();
    Err(Failure::new(ErrorClass::NotEtcd, format!("the answer is not gRPC: HTTP {status}, {kind}"))
        .with_remedy("give etcd's client port; a proxy in between must pass gRPC"))
}
