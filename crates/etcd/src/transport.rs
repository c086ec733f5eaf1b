//! The connection as tonic wants it, for calls whose requests or answers are streams.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use h2::{Reason, RecvStream, SendStream};
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tower::Service;

use crate::channel::{self, Channel};
use crate::error::Failure;
use crate::http2::{self, UnderWay};

/// What a server answers; the call ends when it is dropped.
pub(crate) struct Answers {
    receive: RecvStream,
    is_read: bool,
    _under_way: UnderWay,
    _sending: DropGuard,
}

impl http_body::Body for Answers {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if !self.is_read {
            match ready!(self.receive.poll_data(cx)) {
                Some(Ok(data)) => {
                    let _ = self.receive.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(http2::broken(&error)))),
                None => self.is_read = true,
            }
        }
        let trailers = ready!(self.receive.poll_trailers(cx));
        let trailers = trailers.map_err(|error| http2::broken(&error)).transpose();
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Answers>;
    type Error = Failure;
    type Future = futures::future::BoxFuture<'static, Result<Response<Answers>, Failure>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        send(self.clone(), request).boxed()
    }
}

async fn send(channel: Channel, request: Request<Body>) -> Result<Response<Answers>, Failure> {
    let (mut head, body) = request.into_parts();
    head.headers.insert(USER_AGENT, HeaderValue::from_static(channel::USER_AGENT));
    let head = Request::from_parts(head, ());
    let begun = channel.begin(&|| head.clone()).await?;
    let (live, mut call) = (begun.live, begun.call);
    let stop = CancellationToken::new();
    tokio::spawn(pass_on(body, begun.body, stop.clone()));
    let sending = stop.drop_guard();
    let response = match (&mut call.response).await {
        Ok(response) => response,
        Err(error) => {
            channel.retire(&live);
            return Err(call.broken(&error));
        }
    };
    channel::expect_grpc(&response)?;
    let under_way = call.under_way;
    Ok(response.map(|receive| Answers {
        receive,
        is_read: false,
        _under_way: under_way,
        _sending: sending,
    }))
}

/// Sends what a caller wants to send, until it has no more or does not want the answer.
async fn pass_on(body: Body, mut to: SendStream<Bytes>, stop: CancellationToken) {
    let mut body = pin!(body);
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = std::future::poll_fn(|cx| to.poll_reset(cx)) => return,
            frame = body.frame() => frame,
        };
        let sent = match frame {
            // What the server does not take yet waits in memory: requests are few and small.
            Some(Ok(frame)) => frame.into_data().map_or(Ok(()), |data| to.send_data(data, false)),
            Some(Err(_)) => return to.send_reset(Reason::CANCEL),
            None => {
                let _ = to.send_data(Bytes::new(), true);
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}
