//! What every HTTP channel does when a server is well, slow, broken or elsewhere.

use std::time::Duration;

use notify::FailureClass;
use serde_json::{Value, json};

use crate::notification::{channel, firing};
use crate::server::{Mood, Server};

async fn failure(mood: Mood, more: Value) -> notify::Failure {
    let server = Server::start(vec![mood]).await;
    let mut config = json!({"url": server.url("/hook/s3cret-path-of-it")});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let failure = channel("webhook", &config).deliver(&firing(), None).await.unwrap_err();
    assert!(!failure.message.contains("s3cret"), "{failure}");
    assert!(failure.message.contains(&format!("127.0.0.1:{}", server.port)), "{failure}");
    failure
}

#[tokio::test]
async fn a_notification_is_posted_with_its_headers() {
    let server = Server::start(vec![Mood::status(204)]).await;
    let config = json!({
        "url": server.url("/hook?x=1"),
        "headers": {"X-Team": "storage"},
        "hmac_secret": "k3y",
        "http_config": {"basic_auth": {"username": "ann", "password": "pw"}},
    });
    channel("webhook", &config).deliver(&firing(), None).await.unwrap();
    let received = &server.received()[0];
    assert_eq!(received.uri, "/hook?x=1");
    assert_eq!(received.header("x-team"), Some("storage"));
    assert_eq!(received.header("idempotency-key"), Some("n-1"));
    assert_eq!(received.header("authorization"), Some("Basic YW5uOnB3"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert_eq!(received.json()["groupKey"], "{}:{cluster=\"prod\"}");
    let timestamp = received.header("x-etcd-monitor-timestamp").unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"k3y");
    let tag = ring::hmac::sign(&key, format!("{timestamp}.{}", received.body).as_bytes());
    let hex: Vec<_> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    assert_eq!(received.header("x-etcd-monitor-signature"), Some(&*format!("sha256={hex}")));
}

#[tokio::test]
async fn answers_are_told_by_class_and_pauses_are_kept() {
    let retry = |value: &str| vec![("retry-after", value.to_owned())];
    let body = "no\r\nsuch place".to_owned();
    for (mood, class, pause) in [
        (Mood::Answer(429, retry("7"), String::new()), FailureClass::TryLater, Some(7)),
        (Mood::Answer(503, retry("120"), String::new()), FailureClass::TryLater, Some(120)),
        (Mood::status(500), FailureClass::TryLater, None),
        (Mood::Answer(404, Vec::new(), body), FailureClass::Refused, None),
        (
            Mood::Answer(302, vec![("location", "/b".to_owned())], String::new()),
            FailureClass::Refused,
            None,
        ),
        (Mood::Garbage, FailureClass::Garbled, None),
        (Mood::Reset, FailureClass::Unreachable, None),
    ] {
        let failure = failure(mood, json!({})).await;
        assert_eq!(failure.class, class, "{failure}");
        assert_eq!(failure.retry_after, pause.map(Duration::from_secs), "{failure}");
        assert_eq!(failure.class.is_permanent(), class == FailureClass::Refused);
    }
}

#[tokio::test]
async fn a_silent_server_costs_the_timeout_and_no_more() {
    let before = tokio::time::Instant::now();
    let failure = failure(Mood::Silent, json!({"timeout": "300ms"})).await;
    assert_eq!(failure.class, FailureClass::TimedOut);
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_answer_that_breaks_off_after_its_status_is_one() {
    let server = Server::start(vec![Mood::Torn]).await;
    let channel = channel("webhook", &json!({"url": server.url("/")}));
    assert_eq!(channel.deliver(&firing(), None).await.unwrap().remark, None);
}

#[tokio::test]
async fn a_large_answer_is_not_read_to_its_end() {
    let large = Mood::Answer(200, Vec::new(), "x".repeat(50 << 20));
    let server = Server::start(vec![large]).await;
    let channel = channel("webhook", &json!({"url": server.url("/")}));
    channel.deliver(&firing(), None).await.unwrap();
}

#[tokio::test]
async fn nobody_listening_is_told_as_such() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = json!({"url": format!("http://127.0.0.1:{port}/s3cret")});
    let failure = channel("webhook", &config).deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Unreachable);
    assert!(!failure.message.contains("s3cret"), "{failure}");
}

#[tokio::test]
async fn a_post_is_repeated_where_307_leads_without_the_secrets_of_the_first_server() {
    let last = Server::start(vec![Mood::ok()]).await;
    let location = vec![("location", last.url("/moved"))];
    let first = Server::start(vec![Mood::Answer(307, location, String::new())]).await;
    let config = json!({
        "url": first.url("/"),
        "headers": {"X-Token": "t0ken"},
        "http_config": {"authorization": {"credentials": "t0ken"}},
    });
    channel("webhook", &config).deliver(&firing(), None).await.unwrap();
    assert_eq!(first.received()[0].header("x-token"), Some("t0ken"));
    let received = &last.received()[0];
    assert_eq!(received.uri, "/moved");
    assert_eq!(received.json()["version"], "4");
    assert_eq!(received.header("idempotency-key"), Some("n-1"));
    assert_eq!((received.header("x-token"), received.header("authorization")), (None, None));
}

#[tokio::test]
async fn redirects_end_and_may_be_switched_off() {
    let loop_ = Mood::Answer(307, vec![("location", "/again".to_owned())], String::new());
    assert!(failure(loop_.clone(), json!({})).await.message.contains("more than 5 times"));
    let off = failure(loop_, json!({"http_config": {"follow_redirects": false}})).await;
    assert!(off.message.contains("answered 307"), "{off}");
}

#[tokio::test]
async fn link_local_addresses_are_not_reached_by_a_redirect_either() {
    for location in
        ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://metadata.google.internal/"]
    {
        let mood = Mood::Answer(308, vec![("location", location.to_owned())], String::new());
        let failure = failure(mood, json!({})).await;
        assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");
        assert!(failure.class.is_permanent());
    }
}

#[tokio::test]
async fn a_proxy_is_asked_where_one_is_configured() {
    let proxy = Server::start(vec![Mood::ok()]).await;
    let config = json!({
        "url": "http://hooks.invalid/s3cret",
        "http_config": {"proxy_url": format!("http://ann:pw@127.0.0.1:{}", proxy.port)},
    });
    channel("webhook", &config).deliver(&firing(), None).await.unwrap();
    let received = &proxy.received()[0];
    assert_eq!(received.uri, "http://hooks.invalid/s3cret");
    assert_eq!(received.header("proxy-authorization"), Some("Basic YW5uOnB3"));
}
