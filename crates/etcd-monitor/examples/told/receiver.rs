//! A webhook that remembers what it is told, and when.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// The receiving end of one way from the fault to a person.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    told: mpsc::UnboundedReceiver<(Instant, Value)>,
}

impl Receiver {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let _ = serve(stream, sender).await;
                });
            }
        });
        Self { address, told }
    }

    /// Forgets what came so far.
    pub(crate) fn clear(&mut self) {
        while self.told.try_recv().is_ok() {}
    }

    /// When it was told the next time that one of `alerts` is `status`; `None` when it was not
    /// within `limit`.
    pub(crate) async fn next(
        &mut self,
        alerts: &[&str],
        status: &str,
        limit: Duration,
    ) -> Option<Instant> {
        let wanted = async {
            while let Some((at, body)) = self.told.recv().await {
                let told = body["alerts"].as_array().into_iter().flatten();
                let mut same = told.filter(|alert| {
                    alert["labels"]["alertname"].as_str().is_some_and(|name| alerts.contains(&name))
                });
                if same.any(|alert| alert["status"] == status) {
                    return at;
                }
            }
            panic!("invariant: the receiver listens as long as the program runs");
        };
        timeout(limit, wanted).await.ok()
    }
}

async fn serve(
    stream: TcpStream,
    sender: mpsc::UnboundedSender<(Instant, Value)>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let at = Instant::now();
        if let Ok(body) = serde_json::from_slice(&body) {
            let _ = sender.send((at, body));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
}
