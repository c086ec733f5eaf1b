//! An HTTP server that records what it is sent and answers as it is told.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server does with a request.
#[derive(Clone)]
pub(crate) enum Mood {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// A status, and those of the texts that the request has, and its `Authorization`.
    Repeat(u16, &'static [&'static str]),
    /// Takes the request and says nothing.
    Silent,
    /// Resets the connection once something arrives.
    Reset,
    /// Answers what is no HTTP.
    Garbage,
    /// Says 200 and breaks off within the body.
    Torn,
}

impl Mood {
    pub(crate) fn ok() -> Self {
        Self::status(200)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::Answer(200, Vec::new(), value.to_string())
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a printable header"))
    }
}

/// A server on a port of its own; ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Answers each request by the next of `moods`, the last one for ever.
    pub(crate) async fn start(moods: Vec<Mood>) -> Self {
        Self::listen(moods, None).await
    }

    /// The same, over TLS.
    pub(crate) async fn start_tls(moods: Vec<Mood>, acceptor: TlsAcceptor) -> Self {
        Self::listen(moods, Some(acceptor)).await
    }

    async fn listen(moods: Vec<Mood>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let record = received.clone();
        tokio::spawn(async move {
            let mut next = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let mood = moods[next.min(moods.len() - 1)].clone();
                next += 1;
                let (record, acceptor) = (record.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, mood, record).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                answer(stream, mood, record).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, received }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, mood: Mood, record: Arc<Mutex<Vec<Received>>>) {
    let mut some = [0; 1024];
    match mood {
        Mood::Reset => {
            let _ = stream.read(&mut some[..1]).await;
            // Closing with unread data resets.
        }
        Mood::Garbage => {
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await;
            let _ = stream.read(&mut some).await;
        }
        Mood::Torn => {
            let _ = stream.read(&mut some).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of";
            let _ = stream.write_all(head).await;
        }
        mood => answer(stream, mood, record).await,
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mood: Mood,
    record: Arc<Mutex<Vec<Received>>>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (mood, record) = (mood.clone(), record.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes);
            let body = String::from_utf8(body.unwrap_or_default().to_vec()).unwrap();
            let uri = head.uri.to_string();
            let received = Received { uri, headers: head.headers, body };
            record.lock().unwrap().push(received.clone());
            let (status, headers, text) = match mood {
                Mood::Answer(status, headers, text) => (status, headers, text),
                Mood::Repeat(status, texts) => {
                    let sent = format!("{received:?}");
                    let mut found = texts.to_vec();
                    found.retain(|text| sent.contains(text));
                    found.extend(received.header("authorization"));
                    let said = format!("you sent {}", found.join(" and "));
                    let answer = serde_json::json!({"ok": false, "error": said});
                    (status, Vec::new(), answer.to_string())
                }
                _ => {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                    return Ok::<_, Infallible>(Response::new(Full::default()));
                }
            };
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = status.try_into().unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            Ok(response)
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
