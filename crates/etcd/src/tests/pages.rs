//! Pages over kept connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{AMPLE, connector};
use crate::config::AuthConfig;
use crate::endpoint::{Endpoint, Scheme};
use crate::http::HttpTarget;
use crate::member::Member;

/// What a server does after each answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Waits,
    SaysThatItCloses,
    ClosesSilently,
    /// Closes only when the next request is there, so that its client cannot know before.
    ClosesAtTheNextRequest,
    SaysMore,
}

/// What a server was asked, whether it answered or not.
#[derive(Default)]
struct Asked {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Asked {
    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A server that answers each request with how many it has answered, by `Then`.
async fn serve(then: Then) -> (Member, Arc<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Asked::default());
    let (answers, counted) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer(stream, then, Arc::clone(&counted), Arc::clone(&answers)));
        }
    });
    let endpoint = Endpoint::new(Scheme::Http, "127.0.0.1", port);
    (connector(AuthConfig::default()).member(endpoint), asked)
}

/// Reads a request up to its empty line; answers whether there was one.
async fn request(stream: &mut BufReader<TcpStream>, asked: &Asked) -> bool {
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        if line == "\r\n" {
            asked.requests.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        line.clear();
    }
    false
}

async fn answer(stream: TcpStream, then: Then, asked: Arc<Asked>, answers: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    while request(&mut stream, &asked).await {
        let body = (answers.fetch_add(1, Ordering::Relaxed) + 1).to_string();
        let (length, end) = (body.len(), if then == Then::SaysMore { "HTTP/1.1 " } else { "" });
        let close = if then == Then::SaysThatItCloses { "Connection: Close\r\n" } else { "" };
        let head = format!("HTTP/1.1 200 OK\r\n{close}Content-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}{end}").as_bytes()).await.unwrap();
        match then {
            Then::Waits | Then::SaysMore | Then::SaysThatItCloses => {}
            Then::ClosesSilently => return,
            Then::ClosesAtTheNextRequest => {
                request(&mut stream, &asked).await;
                return;
            }
        }
    }
}

async fn pages(member: &Member, count: usize) -> Vec<String> {
    let mut pages = Vec::new();
    for _ in 0..count {
        let reply = member.http_get(&HttpTarget::of_member("/metrics"), AMPLE, 100).await.unwrap();
        pages.push(String::from_utf8(reply.body.to_vec()).unwrap());
    }
    pages
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_page() {
    let (member, asked) = serve(Then::Waits).await;
    assert_eq!(pages(&member, 5).await, ["1", "2", "3", "4", "5"]);
    assert_eq!(asked.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_is_of_no_more_use_is_made_anew() {
    for then in
        [Then::SaysThatItCloses, Then::ClosesSilently, Then::ClosesAtTheNextRequest, Then::SaysMore]
    {
        let (member, asked) = serve(then).await;
        assert_eq!(pages(&member, 3).await, ["1", "2", "3"]);
        assert_eq!(asked.connections(), 3);
    }
}

#[tokio::test]
async fn a_page_that_is_too_large_does_not_spoil_the_next() {
    let (member, _) = serve(Then::Waits).await;
    let target = HttpTarget::of_member("/metrics");
    let error = member.http_get(&target, AMPLE, 0).await.unwrap_err();
    assert!(error.to_string().contains("the body is larger than 0 bytes"), "{error}");
    assert_eq!(pages(&member, 2).await, ["2", "3"]);
}

#[tokio::test]
async fn a_form_is_not_sent_a_second_time() {
    let (member, asked) = serve(Then::ClosesAtTheNextRequest).await;
    pages(&member, 1).await;
    let target = HttpTarget::of_member("/form");
    let reply = member.http_post_form(&target, "a=b".to_owned(), AMPLE, 100).await.unwrap();
    assert_eq!((&reply.body[..], asked.connections()), (&b"2"[..], 2));
    // The page and the form, which the kept connection would have lost.
    assert_eq!(asked.requests.load(Ordering::Relaxed), 2);
}
