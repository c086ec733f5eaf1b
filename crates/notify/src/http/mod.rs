//! A small HTTP client: one connection per request, whole deadlines, judged addresses, few redirects.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod dial;
pub(crate) mod reply;
pub(crate) mod target;
pub(crate) mod tls;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use model::config_error::ConfigError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::config::HttpConfig;
use crate::failure::{Failure, FailureClass};
use crate::scrub::Hidden;
use access::Access;
use reply::Reply;
use target::Target;
use tls::Tls;

/// How long a delivery may take, from the look-up of the name to the end of the answer.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const MAX_BODY_BYTES: usize = 64 << 10;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How much of a proxy's answer is read before it counts as nonsense.
const MAX_PROXY_HEAD_BYTES: usize = 8 << 10;
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("etcd-monitor/", env!("CARGO_PKG_VERSION")));

/// Posts to one receiver.
#[derive(Debug)]
pub(crate) struct Client {
    access: Access,
    tls: Tls,
    proxy: Option<Target>,
    timeout: Duration,
    follows_redirects: bool,
    pub(crate) allow_link_local: bool,
}

impl Client {
    /// A client as `config` has it; mistakes are told with paths from the integration's root.
    pub(crate) fn new(
        config: Option<&HttpConfig>,
        timeout: Option<Duration>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let default = HttpConfig::default();
        let config = config.unwrap_or(&default);
        let mut wrong = Vec::new();
        let access = Access::new(config, &mut wrong);
        let tls = config.tls_config.as_ref().map_or_else(|| Ok(Tls::default()), Tls::new);
        let tls = tls.unwrap_or_else(|found| {
            wrong.extend(found.into_iter().map(|error| error.within("tls_config")));
            Tls::default()
        });
        let allow_link_local = config.allow_link_local;
        let proxy = config.proxy_url.as_ref().and_then(|url| {
            match Target::parse(url.expose(), allow_link_local) {
                Ok(target) if !target.is_tls => Some(target),
                Ok(_) => {
                    wrong.push(ConfigError::new("proxy_url", "must begin with http://"));
                    None
                }
                Err(message) => {
                    wrong.push(ConfigError::new("proxy_url", message));
                    None
                }
            }
        });
        errors.extend(wrong.into_iter().map(|error| error.within("http_config")));
        // Alertmanager's 0 means no limit of its own.
        let timeout = timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(DEFAULT_TIMEOUT);
        let follows_redirects = config.follow_redirects.unwrap_or(true);
        Self { access, tls, proxy, timeout, follows_redirects, allow_link_local }
    }

    /// Adds what must not appear in messages.
    pub(crate) fn hide(&self, hidden: &mut Hidden) {
        self.access.hide(hidden);
        if let Some(userinfo) = self.proxy.as_ref().and_then(|proxy| proxy.userinfo.as_ref()) {
            hidden.add(userinfo);
        }
    }

    /// Posts `body`; any answer is one, whatever its status. Sensitive headers go to the server of
    /// `target` only, wherever redirects lead.
    pub(crate) async fn post(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<Reply, Failure> {
        let deadline = Instant::now() + self.timeout;
        let work = self.follow(target, headers, body.into(), deadline);
        timeout_at(deadline, work).await.unwrap_or_else(|_| {
            let text = format!("no answer within {:?}", self.timeout);
            Err(Failure::new(FailureClass::TimedOut, text).at(target))
        })
    }

    async fn follow(
        &self,
        first: &Target,
        mut headers: HeaderMap,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        for (name, value) in &self.access.headers().map_err(|failure| failure.at(first))? {
            headers.append(name, value.clone());
        }
        if let Some((user, password)) = first.userinfo.as_deref().map(split_userinfo)
            && !headers.contains_key(header::AUTHORIZATION)
        {
            headers.insert(
                header::AUTHORIZATION,
                access::sensitive(&access::basic(&user, &password))?,
            );
        }
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        let mut target = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let asked = self.ask(&target, headers.clone(), body.clone(), deadline).await;
            let reply = asked.map_err(|failure| failure.at(&target))?;
            // Only these two keep method and body; the others turn a POST into a GET, which loses it.
            if !self.follows_redirects || !matches!(reply.status.as_u16(), 307 | 308) {
                return Ok(reply);
            }
            let location =
                reply.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location else { return Ok(reply) };
            let next = target.join(location, self.allow_link_local).map_err(|message| {
                let text = format!("redirects to an address that {message}");
                Failure::new(FailureClass::Forbidden, text).at(&target)
            })?;
            if target.is_tls && !next.is_tls {
                let text =
                    "redirects from https to http, which would show the notification to anyone";
                return Err(Failure::new(FailureClass::Refused, text).at(&target));
            }
            if !target.is_same_server(&next) {
                let names: Vec<_> = headers
                    .iter()
                    .filter(|(_, value)| value.is_sensitive())
                    .map(|(name, _)| name.clone())
                    .collect();
                for name in &names {
                    headers.remove(name);
                }
            }
            target = next;
        }
        let text = format!("redirects more than {MAX_REDIRECTS} times");
        Err(Failure::new(FailureClass::Refused, text).at(first))
    }

    async fn ask(
        &self,
        target: &Target,
        mut headers: HeaderMap,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let host = HeaderValue::from_str(&target.authority(false))
            .map_err(|_| Failure::new(FailureClass::Refused, "the host makes no header"))?;
        headers.insert(header::HOST, host);
        let mut uri = Uri::from(target.path.clone());
        let stream = match &self.proxy {
            None => dial::connect(&target.host, target.port, self.allow_link_local).await?,
            Some(proxy) => {
                let named = |failure: Failure| failure.at(format_args!("proxy {proxy}"));
                let connected = dial::connect(&proxy.host, proxy.port, self.allow_link_local).await;
                let mut stream = connected.map_err(named)?;
                if target.is_tls {
                    tunnel(&mut stream, proxy, target).await.map_err(named)?;
                } else {
                    let absolute = target.expose().parse();
                    uri = absolute.expect("invariant: a target is a URL");
                    if let Some(value) = proxy_authorization(proxy) {
                        headers.insert(header::PROXY_AUTHORIZATION, access::sensitive(&value)?);
                    }
                }
                stream
            }
        };
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if target.is_tls {
            exchange(dial::secure(stream, &target.host, &self.tls).await?, request, deadline).await
        } else {
            exchange(stream, request, deadline).await
        }
    }
}

/// Ends the task of a connection when the request is over or given up.
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    deadline: Instant,
) -> Result<Reply, Failure> {
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection): (SendRequest<Full<Bytes>>, _) = shaken.map_err(|e| failed(&e))?;
    let task = tokio::spawn(async move {
        // Its errors reach whoever waits for the answer.
        let _ = connection.await;
    });
    let _running = Running(task.abort_handle());
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let (head, body) = response.into_parts();
    // The status is what counts: an answer that breaks off after it is an answer.
    let mut read = BytesMut::new();
    let _ = timeout_at(deadline, read_some(body, &mut read)).await;
    Ok(Reply { status: head.status, headers: head.headers, body: read.freeze() })
}

async fn read_some(mut body: Incoming, read: &mut BytesMut) {
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        read.extend_from_slice(&data[..data.len().min(MAX_BODY_BYTES - read.len())]);
        if read.len() == MAX_BODY_BYTES {
            return;
        }
    }
}

fn failed(error: &hyper::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(inner) = inner.downcast_ref() {
            return dial::broken(inner);
        }
        source = inner.source();
    }
    if error.is_parse() {
        return Failure::new(FailureClass::Garbled, "the answer is no HTTP");
    }
    Failure::new(FailureClass::Unreachable, format!("the connection broke: {error}"))
}

/// Has `proxy` connect `stream` to `target`.
async fn tunnel(stream: &mut TcpStream, proxy: &Target, target: &Target) -> Result<(), Failure> {
    let authority = target.authority(true);
    let authorization = proxy_authorization(proxy)
        .map(|value| format!("Proxy-Authorization: {value}\r\n"))
        .unwrap_or_default();
    let ask = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n");
    stream.write_all(ask.as_bytes()).await.map_err(|error| dial::broken(&error))?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to TLS.
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.map_err(|error| dial::broken(&error))?;
        head.push(byte);
        if head.len() > MAX_PROXY_HEAD_BYTES {
            return Err(Failure::new(FailureClass::Garbled, "the answer to CONNECT has no end"));
        }
    }
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or(&[]));
    match line.split(' ').nth(1) {
        Some(code) if code.starts_with('2') => Ok(()),
        code => {
            let is_refusal = code.is_some_and(|code| code.starts_with('4') && code != "429");
            let class = if is_refusal { FailureClass::Refused } else { FailureClass::TryLater };
            let code = code.filter(|code| code.len() == 3).unwrap_or("nonsense");
            Err(Failure::new(class, format!("answered {code} to CONNECT")))
        }
    }
}

fn proxy_authorization(proxy: &Target) -> Option<String> {
    let (user, password) = split_userinfo(proxy.userinfo.as_deref()?);
    Some(access::basic(&user, &password))
}

/// User and password of a URL, with their percent-encoding undone.
fn split_userinfo(info: &str) -> (String, String) {
    let (user, password) = info.split_once(':').unwrap_or((info, ""));
    (decode_percent(user), decode_percent(password))
}

fn decode_percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) =
            hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%')
        {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
