//! A relay in front of a member that keeps every page of metrics that passes through it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use model::clock::{Clock as _, SystemClock};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What HTTP/2, and so gRPC, begins with; what begins otherwise is HTTP/1.
const HTTP2_PREFACE: &[u8] = b"PRI ";

/// A page of metrics, and when it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct RecordedPage {
    pub(crate) asked_at: Timestamp,
    pub(crate) text: String,
}

/// A relay in front of one member; it ends when dropped.
pub(crate) struct Recorder {
    address: SocketAddr,
    pages: Arc<Mutex<Vec<RecordedPage>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Begins to relay to `member`, a `host:port`.
    pub(crate) async fn before(member: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&pages);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (member, pages) = (member.clone(), Arc::clone(&kept));
                // A connection that breaks is the client's to notice.
                tokio::spawn(async move { relay(client, &member, &pages).await });
            }
        });
        Self { address, pages, task }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// The pages so far, oldest first.
    pub(crate) fn pages(&self) -> Vec<RecordedPage> {
        self.pages.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(
    mut client: TcpStream,
    member: &str,
    pages: &Mutex<Vec<RecordedPage>>,
) -> io::Result<()> {
    let mut begin = [0; HTTP2_PREFACE.len()];
    while client.peek(&mut begin).await? < begin.len() {
        client.readable().await?;
    }
    if begin == HTTP2_PREFACE {
        let mut upstream = TcpStream::connect(member).await?;
        return copy_bidirectional(&mut client, &mut upstream).await.map(|_| ());
    }
    let mut client = BufReader::new(client);
    loop {
        let Some(path) = requested_path(&mut client).await? else { return Ok(()) };
        let asked_at = SystemClock.now();
        let (status, text) = ask(member, &path).await?;
        if path == "/metrics" {
            pages.lock().unwrap().push(RecordedPage { asked_at, text: text.clone() });
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        client.write_all(answer.as_bytes()).await?;
    }
}

/// Reads the head of a GET; `None` when there is none any more.
async fn requested_path(client: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut lines = client.lines();
    let Some(first) = lines.next_line().await? else { return Ok(None) };
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    Ok(first.split(' ').nth(1).map(str::to_owned))
}

/// Asks in HTTP 1.0, where an answer ends with its connection; returns status and body.
async fn ask(member: &str, path: &str) -> io::Result<(String, String)> {
    let mut upstream = TcpStream::connect(member).await?;
    upstream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    upstream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status =
        head.lines().next().and_then(|line| line.split_once(' ')).map(|(_, status)| status);
    Ok((status.unwrap_or("502 Bad Gateway").to_owned(), body.to_owned()))
}
