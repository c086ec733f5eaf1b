//! The HTTP/2 connection to one member, made when it is needed and replaced when it is no good.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tower::Service;
use tracing::debug;

use crate::certificate::CertificateInfo;
use crate::classify;
use crate::config::ClientConfig;
use crate::dial::{self, Protocol};
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{ErrorClass, Failure};
use crate::flight::Flight;
use crate::tls::TlsSource;

/// Bytes that a server may send ahead on one stream; only a snapshot or a large range needs more
/// than a few, and memory is taken only for what has arrived.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;
/// Youngest connection that is given up after a call without an answer.
///
/// A peer whose host vanished never closes its connections, so they must be replaced; but to a
/// peer that only hangs, new ones would pile up.
const MIN_AGE_TO_RETIRE: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("etcd-monitor/", env!("CARGO_PKG_VERSION"));

/// A connection to one member; clones share it.
#[derive(Clone)]
pub(crate) struct Channel(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    origin: Uri,
    tls: Arc<TlsSource>,
    lost: Arc<Notify>,
    dial_timeout: Duration,
    keepalive_time: Duration,
    keepalive_timeout: Duration,
    live: Mutex<Option<Live>>,
    dialling: Flight<Result<Live, Failure>>,
    /// Whether the last dial got as far as an open TCP connection.
    reached: AtomicBool,
    certificate: Mutex<Option<Arc<CertificateInfo>>>,
}

/// An open connection.
#[derive(Clone)]
struct Live {
    sender: SendRequest<Body>,
    generation: u64,
    opened: Instant,
    /// When the server last answered, in microseconds after `opened`.
    answered: Arc<AtomicU64>,
}

impl Live {
    fn note_answer(&self) {
        self.answered.store(self.opened.elapsed().as_micros() as u64, Ordering::Relaxed);
    }

    fn last_answer(&self) -> Instant {
        self.opened + Duration::from_micros(self.answered.load(Ordering::Relaxed))
    }
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
            .authority(endpoint.to_string())
            .path_and_query("/")
            .build()
            .expect("invariant: an endpoint is a valid authority");
        Self(Arc::new(Shared {
            endpoint,
            origin,
            tls,
            lost,
            dial_timeout: config.dial_timeout,
            keepalive_time: config.keepalive_time,
            keepalive_timeout: config.keepalive_timeout,
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
            live.opened.elapsed() >= MIN_AGE_TO_RETIRE && live.last_answer() < start
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

    async fn send(self, mut request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        request
            .headers_mut()
            .insert(header::USER_AGENT, header::HeaderValue::from_static(USER_AGENT));
        let mut is_repeated = false;
        loop {
            let mut live = self.0.live().await?;
            match live.sender.try_send_request(request).await {
                Ok(response) => {
                    live.note_answer();
                    return expect_grpc(response);
                }
                Err(mut error) => {
                    self.0.retire(&live);
                    match error.take_message() {
                        // The connection went away unseen before anything was sent: once more.
                        Some(unsent) if !is_repeated => {
                            is_repeated = true;
                            request = unsent;
                        }
                        unsent => return Err(broken(error.error(), unsent.is_some())),
                    }
                }
            }
        }
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
        live.take_if(|live| live.sender.is_closed() || live.generation != wanted);
        live.clone()
    }

    async fn live(self: &Arc<Self>) -> Result<Live, Failure> {
        if let Some(live) = self.usable() {
            return Ok(live);
        }
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
        let sender = timeout(left, self.greet(dialled.stream)).await.unwrap_or_else(|_| {
            let text = format!("connected, but no answer within {:?}", self.dial_timeout);
            Err(Failure::new(ErrorClass::Deadline, text).unsent())
        })?;
        let opened = Instant::now();
        let generation = dialled.generation;
        let live = Live { sender, generation, opened, answered: Arc::default() };
        *self.lock() = Some(live.clone());
        Ok(live)
    }

    /// Starts HTTP/2 and waits for the server's first frame.
    ///
    /// Only that proves a server that speaks HTTP/2 and took our certificate, which in TLS 1.3 it
    /// judges after the handshake.
    async fn greet(&self, stream: crate::stream::Stream) -> Result<SendRequest<Body>, Failure> {
        let greeting = stream.greeting();
        let (sender, mut connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(self.keepalive_time)
            .keep_alive_timeout(self.keepalive_timeout)
            // etcd closes connections that are tested without a call under way.
            .keep_alive_while_idle(false)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error, true))?;
        let ended = tokio::select! {
            biased;
            () = greeting.heard() => None,
            ended = &mut connection => Some(ended),
        };
        if let Some(problem) = greeting.problem(self.endpoint.scheme() == Scheme::Https) {
            return Err(problem);
        }
        match ended {
            Some(Err(error)) => return Err(broken(&error, true)),
            Some(Ok(())) => {
                let text = "the server closed the new connection";
                return Err(Failure::new(ErrorClass::Transport, text).unsent());
            }
            None => {}
        }
        let (endpoint, lost) = (self.endpoint.clone(), Arc::clone(&self.lost));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                let cause = classify::innermost(&error);
                debug!(%endpoint, cause, "connection ended");
            }
            lost.notify_one();
        });
        Ok(sender)
    }

    /// Forgets `live`, unless another one took its place already.
    fn retire(&self, live: &Live) {
        self.lock().take_if(|current| Arc::ptr_eq(&current.answered, &live.answered));
    }
}

fn broken(error: &hyper::Error, is_unsent: bool) -> Failure {
    let text = format!("the connection broke: {}", classify::innermost(error));
    let failure = Failure::new(ErrorClass::Transport, text);
    if is_unsent { failure.unsent() } else { failure }
}

/// Refuses answers that are not gRPC, which tonic would report as garbled messages.
fn expect_grpc(response: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        return Ok(response);
    }
    let kind = content_type.and_then(|value| value.to_str().ok()).unwrap_or("no content type");
    let status = response.status().as_u16();
    Err(Failure::new(ErrorClass::NotEtcd, format!("the answer is not gRPC: HTTP {status}, {kind}"))
        .with_remedy("give etcd's client port; a proxy in between must pass gRPC"))
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Failure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
