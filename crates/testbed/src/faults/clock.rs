//! A member whose clock seems wrong, by a proxy in front of its client port.
//!
//! What a member says of its clock is the `Date` header of its plain HTTP/1.1 answers; the proxy
//! shifts that. Anything else (gRPC, TLS) passes through untouched.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http::header::DATE;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::{Error, Member};

/// With what a connection of HTTP/2 begins; enough of it to tell it from a method.
const HTTP2_BEGIN: &[u8] = b"PRI ";

/// With what TLS begins: a handshake record.
const TLS_BEGIN: u8 = 0x16;

type HttpClient = Client<HttpConnector, Incoming>;

/// Stands in front of a member and tells another time; ends when dropped.
#[derive(Debug)]
pub struct ClockProxy {
    endpoint: String,
    offset_seconds: Arc<AtomicI64>,
    _task: AbortOnDropHandle<()>,
}

impl ClockProxy {
    /// Stands in front of `member` and tells its time by now.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no port to listen on.
    pub async fn start(member: &Member) -> Result<Self, Error> {
        let what = || format!("cannot stand in front of member {}", member.name());
        let io = |source| Error::Io { what: what(), source };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let endpoint = listener.local_addr().map_err(io)?.to_string();
        let offset_seconds = Arc::new(AtomicI64::new(0));
        let behind = member.endpoint();
        let task = tokio::spawn(accept(listener, behind, Arc::clone(&offset_seconds)));
        Ok(Self { endpoint, offset_seconds, _task: AbortOnDropHandle::new(task) })
    }

    /// Where clients reach the member through it, `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Tells a time from now on that is `offset` ahead of the member's, or behind it when
    /// negative; whole seconds, as the header has.
    pub fn set_offset(&self, offset: SignedDuration) {
        self.offset_seconds.store(offset.as_secs(), Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, behind: String, offset_seconds: Arc<AtomicI64>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    // Dropped with this task, it ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let (client, behind) = (client.clone(), behind.clone());
        let offset_seconds = Arc::clone(&offset_seconds);
        connections.spawn(async move {
            // A connection that breaks is its client's to notice.
            let _ = serve(stream, client, behind, offset_seconds).await;
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    client: HttpClient,
    behind: String,
    offset_seconds: Arc<AtomicI64>,
) -> io::Result<()> {
    if !is_http1(&stream).await? {
        let mut member = TcpStream::connect(behind).await?;
        copy_bidirectional(&mut stream, &mut member).await?;
        return Ok(());
    }
    let authority: Authority = behind.parse().map_err(io::Error::other)?;
    let service = service_fn(|request: Request<Incoming>| {
        let (client, authority) = (client.clone(), authority.clone());
        let offset = SignedDuration::from_secs(offset_seconds.load(Ordering::Relaxed));
        async move {
            let answer = client.request(redirect(request, authority)?).await;
            answer.map(|answer| shift(answer, offset)).map_err(io::Error::other)
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.await.map_err(io::Error::other)
}

/// Looks at the first bytes, which stay to be read.
async fn is_http1(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; HTTP2_BEGIN.len()];
    loop {
        match stream.peek(&mut first).await? {
            0 => return Ok(false),
            1.. if first[0] == TLS_BEGIN => return Ok(false),
            length if length == first.len() => return Ok(first != HTTP2_BEGIN),
            // So few bytes come alone only in theory.
            _ => tokio::task::yield_now().await,
        }
    }
}

fn redirect(mut request: Request<Incoming>, authority: Authority) -> io::Result<Request<Incoming>> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts).map_err(io::Error::other)?;
    Ok(request)
}

fn shift(mut answer: Response<Incoming>, offset: SignedDuration) -> Response<Incoming> {
    let shifted = answer.headers().get(DATE).and_then(|date| shifted(date.to_str().ok()?, offset));
    if let Some(date) = shifted {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}

fn shifted(date: &str, offset: SignedDuration) -> Option<HeaderValue> {
    let time: Timestamp = rfc2822::parse(date).ok()?.timestamp().checked_add(offset).ok()?;
    let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?;
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_shifted_both_ways() {
        let date = "Sat, 31 Dec 2022 23:59:50 GMT";
        let by = |seconds| shifted(date, SignedDuration::from_secs(seconds)).unwrap();
        assert_eq!(by(0), date);
        assert_eq!(by(15), "Sun, 01 Jan 2023 00:00:05 GMT");
        assert_eq!(by(-60), "Sat, 31 Dec 2022 23:58:50 GMT");
        assert_eq!(shifted("yesterday", SignedDuration::ZERO), None);
    }
}
