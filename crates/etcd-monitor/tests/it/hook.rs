//! A receiver of webhooks that keeps what it takes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use testbed::wait_until;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The receiver; it goes with the test.
pub(crate) struct Hook {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Value>>>,
    status: Arc<AtomicU16>,
}

impl Hook {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, status) = (Arc::default(), Arc::new(AtomicU16::new(200)));
        let (kept, answer) = (Arc::clone(&taken), Arc::clone(&status));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answer)));
            }
        });
        Self { address, taken, status }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bodies so far.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    /// Answers with this status from now on, and keeps nothing.
    pub(crate) fn refuse(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Waits until what was taken is as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        within: Duration,
        is_so: impl Fn(&[Value]) -> bool,
    ) {
        let holds = wait_until(what, within, async || is_so(&self.taken()));
        if let Err(error) = holds.await {
            panic!("{error}: {:#?}", self.taken());
        }
    }
}

async fn serve(stream: TcpStream, taken: Arc<Mutex<Vec<Value>>>, status: Arc<AtomicU16>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let status = status.load(Ordering::Relaxed);
        if status == 200 {
            taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        }
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
