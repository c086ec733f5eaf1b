//! One HTTP/2 connection to a member: its beginning, the calls under way on it, its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, SendStream};
use http::Request;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use crate::classify;
use crate::config::ClientConfig;
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{ErrorClass, Failure};
use crate::stream::{Stream, Traffic};

/// Bytes that a server may send ahead on one stream; only a snapshot or a large range needs more
/// than a few, and memory is taken only for what has arrived.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;
/// Most bytes of headers that a server may send.
const MAX_HEADER_BYTES: u32 = 64 << 10;

/// When a connection is tested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive {
    /// How long nothing is heard before.
    pub(crate) time: Duration,
    /// How long the answer may take.
    pub(crate) timeout: Duration,
}

impl KeepAlive {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        Self { time: config.keepalive_time, timeout: config.keepalive_timeout }
    }
}

/// An open connection; clones share it.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    facts: Arc<Facts>,
}

struct Facts {
    traffic: Arc<Traffic>,
    is_closed: AtomicBool,
    /// Calls under way.
    calls: AtomicUsize,
}

/// A call under way, for as long as it is kept.
pub(crate) struct UnderWay(Arc<Facts>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call whose headers are on their way.
pub(crate) struct Call {
    pub(crate) response: ResponseFuture,
    pub(crate) under_way: UnderWay,
    /// What was written on the connection before.
    written: u64,
}

impl Http2 {
    /// Starts HTTP/2 and waits for the server's first frame.
    ///
    /// Only that proves a server that speaks HTTP/2 and took our certificate, which in TLS 1.3 it
    /// judges after the handshake. `lost` is told when the connection ends.
    pub(crate) async fn open(
        stream: Stream,
        endpoint: &Endpoint,
        keep_alive: KeepAlive,
        lost: &Arc<Notify>,
    ) -> Result<Self, Failure> {
        let (greeting, traffic) = (stream.greeting(), stream.traffic());
        let (sender, mut connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            // The few headers of an answer are sent whole: a table of them takes 8 kB of each
            // connection that is open, and saves 50 bytes of an answer.
            .header_table_size(0)
            .handshake::<_, Bytes>(stream)
            .await
            .map_err(|error| broken(&error).unsent())?;
        let ended = tokio::select! {
            biased;
            () = greeting.heard() => None,
            ended = &mut connection => Some(ended),
        };
        if let Some(problem) = greeting.problem(endpoint.scheme() == Scheme::Https) {
            return Err(problem);
        }
        match ended {
            Some(Err(error)) => return Err(broken(&error).unsent()),
            Some(Ok(())) => {
                let text = "the server closed the new connection";
                return Err(Failure::new(ErrorClass::Transport, text).unsent());
            }
            None => {}
        }
        let facts = Arc::new(Facts {
            traffic,
            is_closed: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
        });
        let ping = connection.ping_pong();
        let (shared, endpoint, lost) = (Arc::clone(&facts), endpoint.clone(), Arc::clone(lost));
        tokio::spawn(async move {
            let cause = tokio::select! {
                biased;
                ended = connection => ended.err().map(|error| classify::innermost(&error).to_string()),
                () = shared.keep_alive(ping, keep_alive) => Some("no answer to a ping".to_owned()),
            };
            shared.is_closed.store(true, Ordering::Relaxed);
            if let Some(cause) = cause {
                debug!(%endpoint, cause, "connection ended");
            }
            lost.notify_one();
        });
        Ok(Self { sender, facts })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.facts.is_closed.load(Ordering::Relaxed)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.facts, &other.facts)
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.facts.traffic
    }

    /// Begins a call; when this fails, nothing was sent.
    ///
    /// The request is made when it is needed, since what is kept while waiting is moved about.
    pub(crate) async fn begin(
        &self,
        request: &impl Fn() -> Request<()>,
    ) -> Result<(Call, SendStream<Bytes>), Failure> {
        let unsent = |error: h2::Error| broken(&error).unsent();
        let mut sender = self.sender.clone().ready().await.map_err(unsent)?;
        let written = self.facts.traffic.written();
        let (response, body) = sender.send_request(request(), false).map_err(unsent)?;
        self.facts.calls.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(Arc::clone(&self.facts));
        Ok((Call { response, under_way, written }, body))
    }
}

impl Call {
    /// What it means that this call ended with `error`.
    pub(crate) fn broken(&self, error: &h2::Error) -> Failure {
        let failure = broken(error);
        let is_unseen = self.under_way.0.traffic.written() == self.written;
        let is_refused = error.reason() == Some(Reason::REFUSED_STREAM);
        if is_unseen || is_refused { failure.unsent() } else { failure }
    }
}

impl Facts {
    /// Returns when the server does not answer any more while calls wait for it.
    ///
    /// etcd closes connections that are tested without a call under way.
    async fn keep_alive(&self, ping: Option<PingPong>, settings: KeepAlive) {
        let Some(mut ping) = ping else { return std::future::pending().await };
        let mut next = self.traffic.opened() + settings.time;
        loop {
            sleep_until(next).await;
            let due = self.traffic.heard() + settings.time;
            if due > Instant::now() {
                next = due;
                continue;
            }
            if self.calls.load(Ordering::Relaxed) > 0 {
                let answer = timeout(settings.timeout, ping.ping(Ping::opaque())).await;
                if !matches!(answer, Ok(Ok(_))) {
                    return;
                }
            }
            next = Instant::now() + settings.time;
        }
    }
}

/// What an error of the connection means.
pub(crate) fn broken(error: &h2::Error) -> Failure {
    let text = format!("the connection broke: {}", classify::innermost(error));
    Failure::new(ErrorClass::Transport, text)
}
