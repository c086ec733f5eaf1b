//! Whatever else may listen on a port: web servers, proxies, the other of TLS and plain text.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{AMPLE, connector};
use crate::config::AuthConfig;
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{Error, ErrorClass};
use crate::http::HttpTarget;
use crate::testing::FakeEtcd;

/// A server that reads a little, answers `bytes` and closes.
async fn answering(scheme: Scheme, bytes: &'static [u8]) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                if stream.read(&mut request).await.is_ok() {
                    let _ = stream.write_all(bytes).await;
                }
                let _ = stream.shutdown().await;
                while stream.read(&mut request).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    Endpoint::new(scheme, "127.0.0.1", port)
}

async fn status_of(endpoint: Endpoint) -> Error {
    connector(AuthConfig::default()).member(endpoint).status(AMPLE).await.unwrap_err()
}

#[track_caller]
fn check(error: &Error, class: ErrorClass, text: &str) {
    let got = error.to_string();
    let got = got.split_once(" Status: ").map_or(got.as_str(), |(_, text)| text);
    assert_eq!((got, error.class()), (text, class));
}

#[tokio::test]
async fn a_web_server_is_not_etcd() {
    let page = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>";
    let error = status_of(answering(Scheme::Http, page).await).await;
    let text = "a web server without HTTP/2 answers; give etcd's client port; a proxy in between must pass gRPC";
    check(&error, ErrorClass::NotEtcd, text);
}

#[tokio::test]
async fn a_proxy_that_answers_html_over_http2_is_not_etcd() {
    let fake = FakeEtcd::start().await.unwrap();
    fake.script().stranger = Some((502, "text/html"));
    let error = status_of(fake.endpoint().clone()).await;
    let text = "the answer is not gRPC: HTTP 502, text/html; give etcd's client port; a proxy in between must pass gRPC";
    check(&error, ErrorClass::NotEtcd, text);
}

#[tokio::test]
async fn a_tls_server_given_as_http_is_told_from_its_alert_or_its_silence() {
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    let error = status_of(answering(Scheme::Http, alert).await).await;
    let text = "the server speaks TLS on this port; give the endpoint as https://";
    check(&error, ErrorClass::NotEtcd, text);

    let error = status_of(answering(Scheme::Http, b"").await).await;
    let text = "the server closed the connection without an answer; if it uses TLS, give the endpoint as https://";
    check(&error, ErrorClass::Transport, text);
}

#[tokio::test]
async fn a_plain_server_given_as_https_is_told_from_its_words_or_its_silence() {
    let error =
        status_of(answering(Scheme::Https, b"HTTP/1.1 400 Bad Request\r\n\r\n").await).await;
    let text = "the server does not speak TLS on this port; give the endpoint as http://";
    check(&error, ErrorClass::NotEtcd, text);

    let error = status_of(answering(Scheme::Https, b"").await).await;
    let text = "the server closed the connection during the TLS handshake; if it does not use TLS, give the endpoint as http://";
    check(&error, ErrorClass::Transport, text);
}

#[tokio::test]
async fn some_other_protocol_is_not_etcd() {
    let error = status_of(answering(Scheme::Http, b"SSH-2.0-OpenSSH_9.2\r\n").await).await;
    let text = "something else than etcd answers; give etcd's client port";
    check(&error, ErrorClass::NotEtcd, text);
}

#[tokio::test]
async fn another_grpc_server_is_not_etcd() {
    let fake = FakeEtcd::start().await.unwrap();
    let unknown = (tonic::Code::Unimplemented as i32, "unknown service etcdserverpb.Maintenance");
    fake.script().errors.insert("Status", unknown);
    let error = status_of(fake.endpoint().clone()).await;
    assert_eq!(error.class(), ErrorClass::NotEtcd, "{error}");
}

#[tokio::test]
async fn a_page_by_the_wrong_scheme_says_so() {
    let endpoint = answering(Scheme::Https, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let member = connector(AuthConfig::default()).member(endpoint);
    let target = HttpTarget::of_member("/metrics");
    let error = member.http_get(&target, AMPLE, 1024).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotEtcd, "{error}");

    let endpoint = answering(Scheme::Http, b"\x15\x03\x01\x00\x02\x02\x46").await;
    let member = connector(AuthConfig::default()).member(endpoint);
    let error = member.http_get(&target, AMPLE, 1024).await.unwrap_err();
    assert!(error.to_string().contains("give the URL as https://"), "{error}");
}
