//! Accepts connections and answers the requests that come on them, HTTP/1.1 alone.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long a connection may be without a request, or send the head of one; Prometheus' `--web.read-timeout`.
const IDLE: Duration = Duration::from_mins(5);

/// How long to wait when there is no room for another connection.
const NO_ROOM: Duration = Duration::from_secs(1);

/// Serves until `stop`, then lets running requests end.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    let service = TowerToHyperService::new(router);
    let open = GracefulShutdown::new();
    while let Some(stream) = stop.run_until_cancelled(accept(&listener)).await {
        // Without it the last part of an answer may wait for the client's word on the part before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke as it was made");
            continue;
        }
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// The next connection.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                sleep(NO_ROOM).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, timeout};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    async fn started(router: Router, stop: &CancellationToken) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, tokio::spawn(serve(listener, router, stop.clone())))
    }

    #[tokio::test]
    async fn a_request_that_runs_at_the_stop_is_answered_and_none_is_taken_after() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (has_begun, may_go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        let answer = async move || {
            begun.notify_one();
            go_on.notified().await;
            "done"
        };
        let stop = CancellationToken::new();
        let (address, serving) = started(Router::new().route("/", get(answer)), &stop).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        has_begun.notified().await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        // At its end, or reset: so it was closed.
        let end =
            timeout(Duration::from_secs(20), idle.read(&mut [0])).await.expect("it is closed");
        assert_eq!(end.unwrap_or(0), 0);
        assert!(TcpStream::connect(address).await.is_err());
        may_go_on.notify_one();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_closed_that_never_asks_or_does_not_get_to_the_end_of_it() {
        let router = Router::new().route("/", get(async || "here"));
        let (address, _) = started(router, &CancellationToken::new()).await;
        for sent in [&b""[..], &REQUEST[..20]] {
            let begun = Instant::now();
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(sent).await.unwrap();
            let mut answer = String::new();
            let end = timeout(IDLE * 2, client.read_to_string(&mut answer)).await;
            end.expect("it is closed").unwrap();
            assert!(!answer.contains("200"), "{answer}");
            assert!(begun.elapsed() >= IDLE, "{:?}", begun.elapsed());
        }
    }
}
