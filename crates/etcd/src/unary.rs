//! A call with one answer, made on the connection itself: the load generator and the probes make so
//! many that what a general client puts around each of them is most of their cost.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::RecvStream;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri, Version};
use prost::Message;
use tonic::{Code, Status};

use crate::channel::{self, Begun, Channel, Live};
use crate::classify;
use crate::credentials::Token;
use crate::error::{ErrorClass, Failure};
use crate::http2::Call;

/// What etcd counts our calls under (`etcd_server_client_requests_total{client_api_version}`).
pub(crate) const CLIENT_API_VERSION: &str = concat!("etcd-monitor/", env!("CARGO_PKG_VERSION"));

/// Bytes before a message: whether it is compressed, and its length.
pub(crate) const PREFIX_BYTES: usize = 5;

/// A message as it travels.
pub(crate) fn encode(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(length as u32);
    message.encode(&mut bytes).expect("invariant: there is room for it");
    bytes.freeze()
}

/// Makes a call with an encoded message; the server, too, gives up when `left` is over.
pub(crate) async fn unary<Res: Message + Default>(
    channel: &Channel,
    path: PathAndQuery,
    message: Bytes,
    token: Option<Token>,
    left: Option<Duration>,
    limit: usize,
) -> Result<Res, Failure> {
    let mut answering = ask(channel, path, message, token, left).await?;
    match collect(&mut answering.body, limit).await {
        Ok(answer) => answer.and_then(decode),
        Err(error) => Err(answering.broken(channel, &error)),
    }
}

/// A call whose answer has begun.
pub(crate) struct Answering {
    live: Live,
    call: Call,
    pub(crate) body: RecvStream,
}

impl Answering {
    /// What it means that the answer ended with `error`.
    pub(crate) fn broken(&self, channel: &Channel, error: &h2::Error) -> Failure {
        // Of one stream alone it says nothing about the others.
        if !error.is_reset() {
            channel.retire(&self.live);
        }
        self.call.broken(error)
    }
}

/// Sends an encoded message and waits until an answer begins.
pub(crate) async fn ask(
    channel: &Channel,
    path: PathAndQuery,
    message: Bytes,
    token: Option<Token>,
    left: Option<Duration>,
) -> Result<Answering, Failure> {
    let request = || {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri(channel, path.clone());
        *request.headers_mut() = headers(token.as_ref(), left);
        request
    };
    let mut is_repeated = false;
    loop {
        let Begun { live, mut call, mut body } = channel.begin(&request).await?;
        let response = match body.send_data(message.clone(), true) {
            Ok(()) => (&mut call.response).await,
            Err(error) => Err(error),
        };
        let error = match response {
            Ok(response) => {
                channel::expect_grpc(&response)?;
                refusal(Some(response.headers())).map_or(Ok(()), Err)?;
                return Ok(Answering { live, call, body: response.into_body() });
            }
            Err(error) => error,
        };
        let failure = call.broken(&error);
        if !error.is_reset() {
            channel.retire(&live);
        }
        // The connection went away unseen before anything was sent: once more.
        if is_repeated || !failure.unsent {
            return Err(failure);
        }
        is_repeated = true;
    }
}

fn uri(channel: &Channel, path: PathAndQuery) -> Uri {
    let mut parts = channel.origin().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).expect("invariant: an origin with another path is a URI")
}

fn headers(token: Option<&Token>, left: Option<Duration>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(USER_AGENT, HeaderValue::from_static(channel::USER_AGENT));
    let version = HeaderValue::from_static(CLIENT_API_VERSION);
    headers.insert(HeaderName::from_static("client-api-version"), version);
    if let Some(left) = left {
        headers.insert(HeaderName::from_static("grpc-timeout"), grpc_timeout(left));
    }
    if let Some(token) = token {
        let mut value = HeaderValue::from_bytes(token.value.as_bytes())
            .expect("invariant: a value of metadata is one of a header");
        // Not to be printed, nor kept in tables of headers.
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static("token"), value);
    }
    headers
}

/// As gRPC writes it, in at most eight digits. In whole milliseconds or seconds, so that calls in a row
/// have the same and it is sent once for all of them.
fn grpc_timeout(left: Duration) -> HeaderValue {
    let millis = left.as_micros().div_ceil(1_000);
    let text = if millis < 100_000_000 {
        format!("{millis}m")
    } else {
        format!("{}S", millis.div_ceil(1_000).min(99_999_999))
    };
    HeaderValue::try_from(text).expect("invariant: digits and a letter are a header's value")
}

/// Collects an answer of one message; an error is one of the connection.
async fn collect(body: &mut RecvStream, limit: usize) -> Result<Result<Bytes, Failure>, h2::Error> {
    let mut answer = Bytes::new();
    let mut parts = BytesMut::new();
    while let Some(part) = body.data().await {
        let part = part?;
        let _ = body.flow_control().release_capacity(part.len());
        // Nearly every answer comes in one part, which is not copied then.
        if answer.is_empty() && parts.is_empty() {
            answer = part;
        } else {
            if parts.is_empty() {
                let announced = answer.first_chunk().map_or(0, |start| prefix(*start).1);
                parts.reserve(PREFIX_BYTES + announced.min(limit));
            }
            parts.extend_from_slice(&std::mem::take(&mut answer));
            parts.extend_from_slice(&part);
        }
        let length = answer.len().max(parts.len()).saturating_sub(PREFIX_BYTES);
        if length > limit {
            let text =
                format!("the answer is larger than {limit} bytes: {length} have come so far");
            return Ok(Err(out_of_range(text)));
        }
    }
    if !parts.is_empty() {
        answer = parts.freeze();
    }
    Ok(end(body).await?.map(|()| answer))
}

/// Whether a message is compressed, and the length that it says it has.
pub(crate) fn prefix([compressed, length @ ..]: [u8; PREFIX_BYTES]) -> (bool, usize) {
    (compressed != 0, u32::from_be_bytes(length) as usize)
}

/// Reads the status behind the last message.
pub(crate) async fn end(body: &mut RecvStream) -> Result<Result<(), Failure>, h2::Error> {
    let trailers = body.trailers().await?;
    Ok(match refusal(trailers.as_ref()) {
        Some(failure) => Err(failure),
        None if trailers.is_none() => {
            let text = "the server ended its answer without a status";
            Err(Failure::new(ErrorClass::Transport, text))
        }
        None => Ok(()),
    })
}

/// What a status other than OK means.
fn refusal(headers: Option<&HeaderMap>) -> Option<Failure> {
    let status = Status::from_header_map(headers?)?;
    (status.code() != Code::Ok).then(|| classify::status(&status))
}

pub(crate) fn out_of_range(text: String) -> Failure {
    classify::status(&Status::out_of_range(text))
}

fn decode<Res: Message + Default>(mut answer: Bytes) -> Result<Res, Failure> {
    let Some(&start) = answer.first_chunk() else { return Err(garbled("it has no message")) };
    answer.advance(PREFIX_BYTES);
    match prefix(start) {
        (true, _) => return Err(garbled("it is compressed, which was not asked for")),
        (false, length) if length != answer.len() => {
            return Err(garbled("its length is not as it says"));
        }
        (false, _) => {}
    }
    Res::decode(answer).map_err(|error| garbled(&error.to_string()))
}

pub(crate) fn garbled(what: &str) -> Failure {
    classify::status(&Status::internal(format!("the answer is garbled: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_at_most_eight_digits_and_is_never_shorter() {
        for (micros, expected) in [
            (0, "0m"),
            (1, "1m"),
            (4_999_876, "5000m"),
            (5_000_000, "5000m"),
            (200_000_000_000, "200000S"),
        ] {
            assert_eq!(grpc_timeout(Duration::from_micros(micros)), expected);
        }
        assert_eq!(grpc_timeout(Duration::MAX), "99999999S");
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let encoded = encode(&"text".to_owned());
        assert_eq!(decode::<String>(encoded.clone()).unwrap(), "text");
        for bytes in [&b""[..], b"\0\0\0", b"\x01\0\0\0\0", b"\0\0\0\0\x09x", b"\0\0\0\0\x01\xff"] {
            let error = decode::<String>(Bytes::copy_from_slice(bytes)).unwrap_err();
            assert!(error.message.starts_with("the answer is garbled"), "{error:?}");
        }
    }
}
