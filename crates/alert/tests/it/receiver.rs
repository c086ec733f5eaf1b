//! A receiver on a loopback port, and the channel that speaks to it: a line for each notification,
//! answered `taken` or `no`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use alert::delivery::{Deliver, Failure, Receipt};
use model::notification::Notification;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// One notification that the receiver took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) at: Instant,
    pub(crate) receiver_channel: String,
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) status: String,
    pub(crate) severity: String,
}

/// A receiver that takes all but a part of what it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Receiver {
    /// Refuses `failing` of all, in `0.0..1.0`.
    pub(crate) async fn start(failing: f64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let receiver = Self { address, taken: Arc::default() };
        let shared = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(stream, failing));
            }
        });
        receiver
    }

    async fn serve(self, mut stream: TcpStream, failing: f64) {
        let _ = stream.set_nodelay(true);
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let is_taken = fastrand::f64() >= failing;
            let mut parts = line.split('\t').map(str::to_owned);
            let mut part = || parts.next().unwrap_or_default();
            let (receiver_channel, id, group) = (part(), part(), part());
            let (status, severity) = (part(), part());
            if is_taken {
                let at = Instant::now();
                let one = Taken { at, receiver_channel, id, group, status, severity };
                self.taken.lock().expect("a list").push(one);
            }
            let answer: &[u8] = if is_taken { b"taken\n" } else { b"no\n" };
            if write.write_all(answer).await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.taken.lock().expect("a list").len()
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("a list").clone()
    }
}

/// A channel that tells a [`Receiver`]; keeps its connections.
pub(crate) struct Line {
    name: String,
    address: SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Line {
    pub(crate) fn new(name: &str, address: SocketAddr) -> Self {
        Self { name: name.to_owned(), address, idle: Mutex::default() }
    }

    async fn ask(&self, line: &str) -> std::io::Result<String> {
        let idle = self.idle.lock().expect("a list").pop();
        let mut stream = if let Some(stream) = idle {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        };
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        self.idle.lock().expect("a list").push(stream);
        Ok(answer)
    }
}

impl Deliver for Line {
    async fn deliver(
        &self,
        notification: &Notification,
        _: Option<&str>,
    ) -> Result<Receipt, Failure> {
        let severity = notification.alerts[0].labels.get("severity").unwrap_or_default();
        let line = format!(
            "{}\t{}\t{}\t{}\t{severity}\n",
            self.name,
            notification.id,
            notification.group_key,
            notification.status(),
        );
        match self.ask(&line).await.as_deref() {
            Ok("taken\n") => Ok(Receipt::default()),
            Ok(_) => Err(Failure::passing("try_later", "it said no")),
            Err(problem) => Err(Failure::passing("unreachable", problem.to_string())),
        }
    }
}
