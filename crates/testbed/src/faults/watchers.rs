//! Watchers that do not read what they asked for, so that their member has to keep it.

use std::convert::Infallible;
use std::net::Shutdown;

use bytes::{BufMut, Bytes, BytesMut};
use etcd_proto::etcdserverpb::{WatchCreateRequest, WatchRequest, watch_request::RequestUnion};
use futures::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;
use crate::{Error, Member};

/// How much the member may send of each watch, and of all together, before it has to keep the
/// rest: what HTTP/2 begins with.
const WINDOW_BYTES: u32 = (1 << 16) - 1;

/// Watches that nobody reads; they end when this is dropped.
#[derive(Debug)]
pub struct StuckWatchers {
    _answers: Vec<Response<Incoming>>,
    /// Its other owner is a task of hyper's that outlives the answers.
    connection: std::net::TcpStream,
}

impl StuckWatchers {
    /// Opens `count` watches of all keys that begin with `prefix` at `member`, each in a stream of
    /// its own, and reads nothing of what they bring.
    ///
    /// The member holds them slow when it has more to tell than its buffers take: some hundred
    /// kilobytes.
    ///
    /// # Errors
    /// [`Error::Fault`] when it takes no connection in plain HTTP (a cluster with TLS does not), or
    /// does not answer within 10 s.
    pub async fn open(member: &Member, prefix: &str, count: usize) -> Result<Self, Error> {
        let refused = |reason: String| Error::Fault {
            what: format!("open watchers at member {}", member.name()),
            reason,
        };
        let opened = timeout(DEADLINE, open(member, prefix, count)).await;
        opened
            .map_err(|_| refused(format!("no answer within {DEADLINE:?}")))?
            .map_err(|error| refused(error.to_string()))
    }
}

impl Drop for StuckWatchers {
    fn drop(&mut self) {
        // Fails only when the member has closed it.
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}

async fn open(
    member: &Member,
    prefix: &str,
    count: usize,
) -> Result<StuckWatchers, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(member.endpoint()).await?.into_std()?;
    let shared = stream.try_clone()?;
    let stream = TcpStream::from_std(stream)?;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(async {
        // When it breaks, the watches have ended, which is all there is to know.
        let _ = connection.await;
    });
    let mut answers = Vec::with_capacity(count);
    for _ in 0..count {
        let create = Frame::data(message(&create(prefix)));
        // It never ends, and so neither does the watch.
        let asked = stream::iter([Ok::<_, Infallible>(create)]).chain(stream::pending());
        let request = Request::post(format!("{}/etcdserverpb.Watch/Watch", member.client_url()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(StreamBody::new(asked))?;
        sender.ready().await?;
        answers.push(sender.send_request(request).await?);
    }
    Ok(StuckWatchers { _answers: answers, connection: shared })
}

fn create(prefix: &str) -> WatchRequest {
    let create = WatchCreateRequest {
        key: Bytes::copy_from_slice(prefix.as_bytes()),
        range_end: etcd::prefix_end(prefix.as_bytes()),
        ..WatchCreateRequest::default()
    };
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

/// As gRPC frames it: not compressed, its length, itself.
fn message(message: &impl Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(body.len()).expect("invariant: a request is small"));
    frame.put_slice(&body);
    frame.freeze()
}
