//! One request by HTTP/1.1, over a connection that is kept for the next one.
//!
//! What is kept is the bare stream. A connection of hyper with its task and buffers costs some 30 kB for
//! as long as it waits for the next scrape, and a new connection for each page a seventh of the time
//! that a scrape takes; so hyper's half is made anew for each request, on the stream that is there.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::classify;
use crate::dial::{self, Protocol};
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{ErrorClass, Failure};
use crate::http::HttpReply;
use crate::settle::settle;
use crate::stream::Stream;
use crate::tls::TlsSource;

/// How long an unused connection is kept: longer than the time between two scrapes.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Most bytes that one read takes. The buffer lasts as long as the request, and begins smaller.
const READ_BYTES: usize = 64 << 10;

/// A stream that waits for a request.
struct Kept {
    endpoint: Endpoint,
    /// Of the TLS settings that it was made with.
    generation: u64,
    since: Instant,
    stream: Stream,
}

/// Makes connections and keeps one to each endpoint.
pub(crate) struct KeptStreams {
    tls: Arc<TlsSource>,
    dial_timeout: Duration,
    kept: Mutex<Vec<Kept>>,
}

/// Why there is no answer.
enum Broken {
    /// Nothing of an answer came: as when the server closed the connection while it was unused.
    Unanswered(Failure),
    /// An answer began, and is not to be had or of no use.
    Later(Failure),
}

impl KeptStreams {
    pub(crate) fn new(tls: Arc<TlsSource>, dial_timeout: Duration) -> Self {
        Self { tls, dial_timeout, kept: Mutex::default() }
    }

    /// Sends `request`, which has its headers, and reads the answer, whose body may have
    /// `max_body_bytes`.
    pub(crate) async fn ask(
        &self,
        endpoint: &Endpoint,
        request: &Request<Full<Bytes>>,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Failure> {
        // Whatever else may not be sent a second time, when it is not known what became of the first.
        if request.method() == Method::GET
            && let Some(kept) = self.take(endpoint)
        {
            let (generation, stream) = (kept.generation, kept.stream);
            match exchange(endpoint, stream, request.clone(), max_body_bytes).await {
                Err(Broken::Unanswered(_)) => {}
                Err(Broken::Later(failure)) => return Err(failure),
                Ok((reply, stream)) => {
                    self.keep(endpoint, generation, stream);
                    return Ok(reply);
                }
            }
        }
        let reached = AtomicBool::new(false);
        let dialled =
            dial::dial(endpoint, &self.tls, Protocol::Http1, self.dial_timeout, &reached).await?;
        match exchange(endpoint, dialled.stream, request.clone(), max_body_bytes).await {
            Err(Broken::Unanswered(failure) | Broken::Later(failure)) => Err(failure),
            Ok((reply, stream)) => {
                self.keep(endpoint, dialled.generation, stream);
                Ok(reply)
            }
        }
    }

    /// The stream that is kept for `endpoint`, if it still is of use.
    fn take(&self, endpoint: &Endpoint) -> Option<Kept> {
        let mut all = self.kept.lock().expect("invariant: no holder of this lock panics");
        let at = all.iter().position(|kept| kept.endpoint == *endpoint)?;
        let kept = all.swap_remove(at);
        drop(all);
        let is_current = match endpoint.scheme() {
            Scheme::Http => true,
            Scheme::Https => kept.generation == self.tls.generation(),
        };
        (is_current && kept.since.elapsed() < IDLE_TIMEOUT && kept.stream.is_quiet())
            .then_some(kept)
    }

    /// Keeps `stream`, unless there is one for its endpoint; forgets those that nobody asks for.
    fn keep(&self, endpoint: &Endpoint, generation: u64, stream: Option<Stream>) {
        let Some(stream) = stream else { return };
        let since = Instant::now();
        let mut all = self.kept.lock().expect("invariant: no holder of this lock panics");
        all.retain(|kept| since - kept.since < IDLE_TIMEOUT);
        if all.iter().all(|kept| kept.endpoint != *endpoint) {
            all.push(Kept { endpoint: endpoint.clone(), generation, since, stream });
        }
    }
}

/// Sends one request over `stream` and reads the answer; hands the stream back if it takes another.
async fn exchange(
    endpoint: &Endpoint,
    stream: Stream,
    request: Request<Full<Bytes>>,
    max_body_bytes: usize,
) -> Result<(HttpReply, Option<Stream>), Broken> {
    let unanswered = |error: hyper::Error| Broken::Unanswered(broken(endpoint, &error));
    let mut settings = http1::Builder::new();
    settings.max_buf_size(READ_BYTES);
    let (mut sender, connection) =
        settings.handshake(TokioIo::new(stream)).await.map_err(unanswered)?;
    let mut connection = pin!(connection.without_shutdown());
    let mut answer = pin!(async move {
        let response = sender.send_request(request).await.map_err(unanswered)?;
        let is_kept = response.version() == Version::HTTP_11 && !closes(response.headers());
        Ok((read(response, max_body_bytes).await.map_err(Broken::Later)?, is_kept))
    });
    let mut ended = None;
    let together = poll_fn(|cx| {
        if ended.is_none()
            && let Poll::Ready(parts) = connection.as_mut().poll(cx)
        {
            ended = Some(parts);
        }
        answer.as_mut().poll(cx)
    });
    let (reply, is_kept) = settle(pin!(together)).await?;
    if !is_kept {
        return Ok((reply, None));
    }
    // With the sender gone the connection is at its end. It has no reason to wait, and is not waited for.
    let parts = match ended {
        Some(parts) => Some(parts),
        None => {
            poll_fn(|cx| match connection.as_mut().poll(cx) {
                Poll::Ready(parts) => Poll::Ready(Some(parts)),
                Poll::Pending => Poll::Ready(None),
            })
            .await
        }
    };
    // What came after the answer belongs to no request.
    let stream = match parts {
        Some(Ok(parts)) if parts.read_buf.is_empty() => Some(parts.io.into_inner()),
        _ => None,
    };
    Ok((reply, stream))
}

async fn read(response: Response<Incoming>, max_body_bytes: usize) -> Result<HttpReply, Failure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, max_body_bytes).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let text = format!("the body is larger than {max_body_bytes} bytes");
            Failure::new(ErrorClass::Other, text)
        } else {
            Failure::new(ErrorClass::Transport, format!("the connection broke: {error}"))
        }
    })?;
    Ok(HttpReply {
        status: head.status.as_u16(),
        date: date(&head.headers),
        content_type: text(&head.headers, &header::CONTENT_TYPE).map(str::to_owned),
        body: body.to_bytes(),
    })
}

fn broken(endpoint: &Endpoint, error: &hyper::Error) -> Failure {
    let cause = classify::innermost(error);
    let failure = Failure::new(ErrorClass::Transport, format!("the connection broke: {cause}"));
    match endpoint.scheme() {
        Scheme::Http => failure.with_remedy("if the server uses TLS, give the URL as https://"),
        Scheme::Https => failure,
    }
}

/// Whether the server says that it closes the connection.
fn closes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("close"))
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text(headers, &header::DATE)?).ok()
}
