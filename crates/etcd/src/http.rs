//! Pages that members serve by HTTP/1.1, such as `/metrics` and `/version`; forms may be posted as
//! well. A connection is kept for the next page.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::endpoint::{Endpoint, EndpointError, Scheme};
use crate::error::{Error, ErrorClass, Failure};
use crate::http1::KeptStreams;
use crate::tls::TlsSource;

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

/// The connections of one cluster, for pages.
pub(crate) struct HttpPool {
    kept: KeptStreams,
}

impl HttpPool {
    pub(crate) fn new(tls: Arc<TlsSource>, dial_timeout: Duration) -> Self {
        Self { kept: KeptStreams::new(tls, dial_timeout) }
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
        max_body_bytes: usize,
    ) -> Result<HttpReply, Failure> {
        let not_a_path = || Failure::new(ErrorClass::Other, "not a path of a URL");
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| not_a_path())?;
        let host = match endpoint.socket_path() {
            // As curl has it: a path cannot be the name of a host.
            Some(_) => "localhost".to_owned(),
            None => endpoint.to_string(),
        };
        let host = HeaderValue::try_from(host).map_err(|_| not_a_path())?;
        request.headers_mut().insert(header::HOST, host);
        self.kept.ask(endpoint, &request, max_body_bytes).await
    }
}
