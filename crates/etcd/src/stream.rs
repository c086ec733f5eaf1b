//! The bytes of one connection, plain or in TLS, with a note of how the server began.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::classify;
use crate::error::{ErrorClass, Failure};
use crate::socket::Socket;

/// What came first from the server.
#[derive(Debug)]
enum Opening {
    Bytes([u8; 5]),
    Closed,
    Failed(Failure),
}

/// How the server began to speak: tells etcd from a web server and TLS from plain text.
///
/// hyper would report all of these alike, as a broken connection.
#[derive(Debug, Default)]
pub(crate) struct Greeting {
    opening: OnceLock<Opening>,
    heard: Notify,
}

impl Greeting {
    /// Waits for the server's first bytes.
    pub(crate) async fn heard(&self) {
        while self.opening.get().is_none() {
            self.heard.notified().await;
        }
    }

    /// Why what came first is not how an HTTP/2 server begins, if it is not.
    pub(crate) fn problem(&self, is_tls: bool) -> Option<Failure> {
        let not_etcd = |text: &'static str| Failure::new(ErrorClass::NotEtcd, text);
        let problem = match self.opening.get()? {
            Opening::Bytes(bytes) => match *bytes {
                // Frame header of SETTINGS: a length of three bytes, type 4.
                [_, _, _, 4, _] => return None,
                [b'H', b'T', b'T', b'P', b'/'] => not_etcd("a web server without HTTP/2 answers")
                    .with_remedy("give etcd's client port; a proxy in between must pass gRPC"),
                [21 | 22, 3, ..] => not_etcd("the server speaks TLS on this port")
                    .with_remedy("give the endpoint as https://"),
                _ => not_etcd("something else than etcd answers")
                    .with_remedy("give etcd's client port"),
            },
            Opening::Closed if is_tls => {
                Failure::new(ErrorClass::Transport, "the server closed the new connection")
            }
            // So does a proxy without a live member behind it: nothing is proven but silence.
            Opening::Closed => {
                let text = "the server closed the connection without an answer";
                Failure::new(ErrorClass::Transport, text)
                    .with_remedy("if it uses TLS, give the endpoint as https://")
            }
            Opening::Failed(failure) => failure.clone(),
        };
        Some(problem.unsent())
    }

    fn note(&self, opening: Opening) {
        if self.opening.set(opening).is_ok() {
            self.heard.notify_waiters();
            self.heard.notify_one();
        }
    }
}

/// What passed over a connection.
#[derive(Debug)]
pub(crate) struct Traffic {
    opened: Instant,
    /// When bytes last came, in microseconds after `opened`.
    heard: AtomicU64,
    /// Bytes that were written.
    written: AtomicU64,
}

impl Traffic {
    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// When the server was last heard of.
    pub(crate) fn heard(&self) -> Instant {
        self.opened + Duration::from_micros(self.heard.load(Ordering::Relaxed))
    }

    /// Bytes that were written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn note_read(&self) {
        self.heard.store(self.opened.elapsed().as_micros() as u64, Ordering::Relaxed);
    }

    fn note_written(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = result {
            self.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
    }
}

enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// One connection.
pub(crate) struct Stream {
    io: Io,
    greeting: Arc<Greeting>,
    traffic: Arc<Traffic>,
    /// First bytes so far, until there are five; `None` when done.
    first: Option<Vec<u8>>,
}

impl Stream {
    pub(crate) fn plain(io: Socket) -> Self {
        Self::new(Io::Plain(io))
    }

    pub(crate) fn tls(io: TlsStream<Socket>) -> Self {
        Self::new(Io::Tls(Box::new(io)))
    }

    fn new(io: Io) -> Self {
        let traffic = Arc::new(Traffic {
            opened: Instant::now(),
            heard: AtomicU64::new(0),
            written: AtomicU64::new(0),
        });
        Self { io, greeting: Arc::default(), traffic, first: Some(Vec::new()) }
    }

    /// Whether the server has said nothing since the last answer, and not closed the connection.
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.io {
            Io::Plain(io) => io.is_quiet(),
            Io::Tls(io) => io.get_ref().0.is_quiet(),
        }
    }

    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    pub(crate) fn greeting(&self) -> Arc<Greeting> {
        self.greeting.clone()
    }

    /// Notes what the server says first: bytes, an end, or an error.
    fn listen(&mut self, result: Result<&[u8], &io::Error>) {
        let Some(first) = &mut self.first else { return };
        let opening = match result {
            Ok([]) => Opening::Closed,
            Ok(bytes) => {
                first.extend_from_slice(&bytes[..bytes.len().min(5 - first.len())]);
                match first.as_slice().try_into() {
                    Ok(bytes) => Opening::Bytes(bytes),
                    Err(_) => return,
                }
            }
            Err(error) => match self.io {
                // A close with our bytes still unread arrives as a reset.
                Io::Plain(_) => Opening::Closed,
                Io::Tls(_) => Opening::Failed(classify::handshake(error)),
            },
        };
        self.first = None;
        self.greeting.note(opening);
    }

    /// Lets a failed write pass until the server's first words are read.
    ///
    /// A server that refuses us says why and closes, and our next write may fail before we have
    /// heard the why. The reading side will end the connection soon enough.
    fn forgive<T>(&self, result: Poll<io::Result<T>>, pretended: T) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Err(_)) if self.first.is_some() => Poll::Ready(Ok(pretended)),
            result => result,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        });
        self.traffic.note_read();
        if self.first.is_some() {
            self.listen(result.as_ref().map(|()| &buffer.filled()[before..]));
        }
        Poll::Ready(result)
    }
}

// Without vectored writes on purpose: h2 would send each message of 256 bytes and more by a system call
// of its own, where it now collects many.
impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Io::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        };
        self.traffic.note_written(&result);
        self.forgive(result, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        };
        self.forgive(result, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
