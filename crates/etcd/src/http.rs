//! Pages that members serve by HTTP/1.1, such as `/metrics` and `/version`; forms may be posted as
//! well. Connections with TLS are kept, since a handshake is dear.

use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::time::timeout;
use tower::Service;

use crate::classify;
use crate::dial::{self, Protocol};
use crate::endpoint::{Endpoint, EndpointError, Scheme};
use crate::error::{Error, ErrorClass, Failure};
use crate::stream::Stream;
use crate::tls::TlsSource;

/// How long an unused connection is kept: longer than the time between two scrapes.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Largest buffer of a connection, the smallest that hyper takes. A page arrives in as many parts as
/// it takes, and each of a thousand members holds a buffer.
const BUFFER_BYTES: usize = 8 << 10;
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// A page, of a member or of another address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    endpoint: Option<Endpoint>,
    path: String,
}

impl HttpTarget {
    /// A page on the member's own client URL; `path` begins with a slash.
    pub fn of_member(path: impl Into<String>) -> Self {
        Self { endpoint: None, path: path.into() }
    }

    /// A page on another address, such as one of `--listen-metrics-urls`.
    pub fn at(endpoint: Endpoint, path: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint), path: path.into() }
    }

    /// Reads a URL such as `http://10.0.0.1:2381/metrics`; `default_path` is for one without path.
    pub fn parse(url: &str, default_path: &str) -> Result<Self, EndpointError> {
        let authority_start = url.find("://").map_or(0, |at| at + 3);
        let (base, path) = match url[authority_start..].find('/') {
            Some(at) => url.split_at(authority_start + at),
            None => (url, ""),
        };
        let endpoint = Endpoint::parse(base, Scheme::Http)?;
        let path = if path.is_empty() || path == "/" { default_path } else { path };
        if path.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(EndpointError::Path(url.to_owned()));
        }
        Ok(Self::at(endpoint, path))
    }

    /// The address, when it is not the member's own.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// The path and query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// An answer by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status code.
    pub status: u16,
    /// The server's clock, to the second, from the `Date` header.
    pub date: Option<Timestamp>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body, whole.
    pub body: Bytes,
}

type HttpClient = Client<Dialler, Full<Bytes>>;

/// The kept connections of one cluster.
pub(crate) struct HttpPool {
    dialler: Dialler,
    /// With the generation of the TLS settings that its connections were made with.
    client: Mutex<(u64, HttpClient)>,
}

impl HttpPool {
    pub(crate) fn new(tls: Arc<TlsSource>, dial_timeout: Duration) -> Self {
        let dialler = Dialler { tls, dial_timeout };
        let client = Mutex::new((0, dialler.client()));
        Self { dialler, client }
    }

    pub(crate) async fn get(
        &self,
        member: &Endpoint,
        target: &HttpTarget,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let request = Request::new(Full::default());
        self.ask("GET", member, target, request, deadline, max_body_bytes).await
    }

    /// Posts a form that is encoded already.
    pub(crate) async fn post_form(
        &self,
        member: &Endpoint,
        target: &HttpTarget,
        form: String,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let mut request = Request::new(Full::from(form));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(header::CONTENT_TYPE, FORM);
        self.ask("POST", member, target, request, deadline, max_body_bytes).await
    }

    /// Sends a body of JSON, or none, by any method.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        member: &Endpoint,
        target: &HttpTarget,
        json: Vec<u8>,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let operation = if method == Method::DELETE { "DELETE" } else { "POST" };
        let mut request = Request::new(Full::from(json));
        *request.method_mut() = method;
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, JSON);
        self.ask(operation, member, target, request, deadline, max_body_bytes).await
    }

    async fn ask(
        &self,
        operation: &'static str,
        member: &Endpoint,
        target: &HttpTarget,
        request: Request<Full<Bytes>>,
        deadline: Duration,
        max_body_bytes: usize,
    ) -> Result<HttpReply, Error> {
        let endpoint = target.endpoint.as_ref().unwrap_or(member);
        let work = self.fetch(endpoint, &target.path, request, max_body_bytes);
        timeout(deadline, work)
            .await
            .unwrap_or_else(|_| {
                let text = format!("no answer within {deadline:?}");
                Err(Failure::new(ErrorClass::Deadline, text))
            })
            .map_err(|failure| Error::new(endpoint, operation, failure.about(&target.path)))
    }

    async fn fetch(
        &self,
        endpoint: &Endpoint,
        path: &str,
        mut request: Request<Full<Bytes>>,
        max: usize,
    ) -> Result<HttpReply, Failure> {
        let uri: Uri = format!("{}{path}", endpoint.request_url())
            .parse()
            .map_err(|_| Failure::new(ErrorClass::Other, "not a path of a URL"))?;
        *request.uri_mut() = uri;
        if endpoint.scheme() == Scheme::Http {
            // Opening one again costs less than 30 kB for as long as it waits for the next scrape.
            request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let response = self.client(endpoint).request(request).await.map_err(|error| {
            classify::find::<Failure>(&error).cloned().unwrap_or_else(|| broken(endpoint, &error))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let text = format!("the body is larger than {max} bytes");
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

    /// The client whose connections have the TLS settings of now.
    fn client(&self, endpoint: &Endpoint) -> HttpClient {
        let mut kept = self.client.lock().expect("invariant: no holder of this lock panics");
        if endpoint.scheme() == Scheme::Https {
            let generation = self.dialler.tls.generation();
            if kept.0 != generation {
                *kept = (generation, self.dialler.client());
            }
        }
        kept.1.clone()
    }
}

fn broken(endpoint: &Endpoint, error: &hyper_util::client::legacy::Error) -> Failure {
    let cause = classify::innermost(error);
    let failure = Failure::new(ErrorClass::Transport, format!("the connection broke: {cause}"));
    match endpoint.scheme() {
        Scheme::Http => failure.with_remedy("if the server uses TLS, give the URL as https://"),
        Scheme::Https => failure,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text(headers, &header::DATE)?).ok()
}

/// Opens HTTP/1.1 connections for the pool.
#[derive(Clone)]
struct Dialler {
    tls: Arc<TlsSource>,
    dial_timeout: Duration,
}

impl Dialler {
    fn client(&self) -> HttpClient {
        Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(BUFFER_BYTES)
            .build(self.clone())
    }
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<Stream>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { tls, dial_timeout } = self.clone();
        Box::pin(async move {
            let scheme = uri.scheme_str().unwrap_or("http");
            let kind = if scheme == "https" { Scheme::Https } else { Scheme::Http };
            let socket = Endpoint::of_request_host(kind, uri.host().unwrap_or_default());
            let endpoint = if let Some(endpoint) = socket {
                endpoint
            } else {
                let authority = uri.authority().map_or("", |authority| authority.as_str());
                Endpoint::parse(&format!("{scheme}://{authority}"), Scheme::Http)
                    .map_err(|error| Failure::new(ErrorClass::Other, error.to_string()))?
            };
            let reached = AtomicBool::new(false);
            let dialled =
                dial::dial(&endpoint, &tls, Protocol::Http1, dial_timeout, &reached).await?;
            Ok(TokioIo::new(dialled.stream))
        })
    }
}
