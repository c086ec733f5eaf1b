//! A webhook on a loopback port that takes all but a part of what it is told: a group of one alert each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// One notification that it took.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) at: Instant,
    pub(crate) alert: String,
    pub(crate) severity: String,
    pub(crate) status: String,
    pub(crate) starts_at: Timestamp,
    /// How many alerts it speaks of.
    pub(crate) alerts: usize,
}

/// The webhook.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) port: u16,
    told: Arc<Mutex<Vec<Told>>>,
    refused: Arc<AtomicUsize>,
    failing: Arc<Mutex<f64>>,
}

impl Webhook {
    /// Refuses `failing` of all, in `0.0..1.0`.
    pub(crate) async fn start(failing: f64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let webhook = Self {
            port,
            told: Arc::default(),
            refused: Arc::default(),
            failing: Arc::new(Mutex::new(failing)),
        };
        let shared = webhook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        webhook
    }

    /// One request; none where the one who asks died.
    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let (read, mut write) = stream.split();
        let mut reader = BufReader::new(read);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).await.ok()?;
        let is_taken = fastrand::f64() >= *self.failing.lock().expect("a number");
        if is_taken {
            let told = told(&serde_json::from_slice(&body).ok()?)?;
            self.told.lock().expect("a list").push(told);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let status = if is_taken { "200 OK" } else { "500 Internal Server Error" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        write.write_all(answer.as_bytes()).await.ok()
    }

    /// Refuses another part from now on.
    pub(crate) fn set_failing(&self, failing: f64) {
        *self.failing.lock().expect("a number") = failing;
    }

    pub(crate) fn count(&self) -> usize {
        self.told.lock().expect("a list").len()
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn taken(&self) -> Vec<Told> {
        self.told.lock().expect("a list").clone()
    }
}

fn told(body: &Value) -> Option<Told> {
    let alerts = body["alerts"].as_array()?;
    let first = alerts.first()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(Told {
        at: Instant::now(),
        alert: text(&first["labels"]["alertname"]),
        severity: text(&first["labels"]["severity"]),
        status: text(&body["status"]),
        starts_at: first["startsAt"].as_str()?.parse().ok()?,
        alerts: alerts.len(),
    })
}
