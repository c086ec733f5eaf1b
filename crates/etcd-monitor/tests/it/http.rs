//! The plainest HTTP client: version 1.0, where an answer ends with its connection.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Sends a GET for `path`; what the server says can be read from what is returned.
async fn ask(authority: &str, path: &str) -> io::Result<BufReader<TcpStream>> {
    ask_with(authority, path, "").await
}

/// The same with more header lines, each with its end.
async fn ask_with(authority: &str, path: &str, headers: &str) -> io::Result<BufReader<TcpStream>> {
    let mut connection = TcpStream::connect(authority).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).await?;
    Ok(BufReader::new(connection))
}

/// The whole answer as it comes, from a server that may be killed meanwhile.
pub(crate) async fn try_get(authority: &str, path: &str) -> io::Result<String> {
    let mut answer = String::new();
    ask(authority, path).await?.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The status and the body of the answer.
pub(crate) async fn get(authority: &str, path: &str) -> (u16, String) {
    let answer = try_get(authority, path).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Sends a body as JSON, as a program on this machine does; the status and the body of the answer.
pub(crate) async fn send(authority: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(authority).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The answer, which must be good.
pub(crate) async fn get_json(authority: &str, path: &str) -> Value {
    let (status, body) = get(authority, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// A stream of server-sent events.
pub(crate) struct EventStream {
    lines: tokio::io::Lines<BufReader<TcpStream>>,
}

impl EventStream {
    /// Opens the stream at `path`; from now on nothing is missed.
    pub(crate) async fn open(authority: &str, path: &str) -> Self {
        Self::open_with(authority, path, "").await
    }

    /// Opens it as a client that comes back, and has seen the event `last`.
    pub(crate) async fn open_after(authority: &str, path: &str, last: u64) -> Self {
        Self::open_with(authority, path, &format!("Last-Event-ID: {last}\r\n")).await
    }

    async fn open_with(authority: &str, path: &str, headers: &str) -> Self {
        let mut lines = ask_with(authority, path, headers).await.unwrap().lines();
        let status = lines.next_line().await.unwrap().unwrap();
        assert!(status.ends_with("200 OK"), "{status}");
        while lines.next_line().await.unwrap().is_some_and(|line| !line.is_empty()) {}
        Self { lines }
    }

    /// The name and the data of the next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        // However the connection ends, nothing more comes.
        while let Ok(Some(line)) = self.lines.next_line().await {
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).unwrap()));
            }
        }
        None
    }

    /// The data of the next event of this name.
    pub(crate) async fn next_named(&mut self, wanted: &str) -> Value {
        loop {
            let (name, data) = self.next().await.expect("the stream goes on");
            if name == wanted {
                return data;
            }
        }
    }
}
