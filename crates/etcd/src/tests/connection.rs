//! Deadlines, silence and broken connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{AMPLE, connector};
use crate::config::{AuthConfig, ClientConfig};
use crate::connector::Connector;
use crate::endpoint::{Endpoint, Scheme};
use crate::error::ErrorClass;
use crate::http::HttpTarget;
use crate::testing::FakeEtcd;

const SHORT: Duration = Duration::from_millis(200);
const LEADER_CHANGED: (i32, &str) = (tonic::Code::Unavailable as i32, "etcdserver: leader changed");

#[tokio::test]
async fn a_slow_answer_costs_the_deadline_and_no_more() {
    let fake = FakeEtcd::start().await.unwrap();
    fake.script().delays.insert("Status", Duration::from_mins(1));
    let member = connector(AuthConfig::default()).member(fake.endpoint().clone());
    member.alarms(AMPLE).await.unwrap();
    let start = Instant::now();
    let error = member.status(SHORT).await.unwrap_err();
    assert!(start.elapsed() < SHORT * 9, "{:?}", start.elapsed());
    assert_eq!(error.class(), ErrorClass::Deadline);
    let expect = format!("{} Status: no answer within 200ms", fake.endpoint());
    assert_eq!(error.to_string(), expect);
    // The connection is still good.
    member.alarms(AMPLE).await.unwrap();
}

#[tokio::test]
async fn nothing_there_is_refused_at_once_and_for_all_callers() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint::new(Scheme::Http, "127.0.0.1", free);
    let member = connector(AuthConfig::default()).member(endpoint.clone());
    for error in futures::future::join_all((0..5).map(|_| member.status(AMPLE))).await {
        let error = error.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refused);
        assert!(error.is_unsent());
        let expect = format!(
            "{endpoint} Status: connection refused; check that etcd runs there and that the port is its client port"
        );
        assert_eq!(error.to_string(), expect);
    }
}

#[tokio::test]
async fn an_unknown_host_is_a_matter_of_dns() {
    let endpoint = Endpoint::new(Scheme::Http, "no-such-host.invalid", 2379);
    let member = connector(AuthConfig::default()).member(endpoint);
    let error = member.status(AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Dns, "{error}");
}

/// A server that takes connections and never says a word; counts them.
async fn mute() -> (Endpoint, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(Scheme::Http, "127.0.0.1", listener.local_addr().unwrap().port());
    let count = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut sink = [0; 256];
                while stream.read(&mut sink).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    (endpoint, count)
}

#[tokio::test]
async fn a_frozen_server_costs_parallel_calls_one_dial_timeout_together() {
    let (endpoint, count) = mute().await;
    let config = ClientConfig { dial_timeout: SHORT, ..ClientConfig::default() };
    let member = Connector::new(config).unwrap().member(endpoint);
    let start = Instant::now();
    for error in futures::future::join_all((0..5).map(|_| member.status(AMPLE))).await {
        let error = error.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Deadline);
        assert_eq!(error.message(), "connected, but no answer within 200ms");
    }
    assert!(start.elapsed() < SHORT * 9, "{:?}", start.elapsed());
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_call_that_gives_up_while_dialling_says_whether_the_host_was_reached() {
    let (endpoint, _) = mute().await;
    let member = connector(AuthConfig::default()).member(endpoint);
    let error = member.status(SHORT).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Deadline);
    assert_eq!(error.message(), "no answer within 200ms");
}

#[tokio::test]
async fn a_member_that_restarts_is_reached_again_by_the_next_call() {
    let fake = FakeEtcd::start().await.unwrap();
    let endpoint = fake.endpoint().clone();
    let cluster = connector(AuthConfig::default()).cluster(vec![endpoint.clone()]);
    cluster.members(AMPLE).await.unwrap();
    drop(fake);
    let error = cluster.each()[0].status(SHORT).await.unwrap_err();
    assert!(matches!(error.class(), ErrorClass::Refused | ErrorClass::Transport), "{error}");
    let _again = FakeEtcd::start_at(&endpoint).await.unwrap();
    cluster.each()[0].status(AMPLE).await.unwrap();
}

#[tokio::test]
async fn work_goes_on_over_another_member() {
    let (bad, good) = (FakeEtcd::start().await.unwrap(), FakeEtcd::start().await.unwrap());
    bad.script().errors.insert("MemberList", LEADER_CHANGED);
    let endpoints = vec![bad.endpoint().clone(), good.endpoint().clone()];
    let cluster = connector(AuthConfig::default()).cluster(endpoints);
    cluster.members(AMPLE).await.unwrap();
    cluster.members(AMPLE).await.unwrap();
    // The second call goes to the member that works, though it was the other one's turn.
    assert_eq!((bad.calls("MemberList"), good.calls("MemberList")), (1, 2));
}

#[tokio::test]
async fn a_change_that_may_have_happened_is_not_repeated() {
    let fakes = [FakeEtcd::start().await.unwrap(), FakeEtcd::start().await.unwrap()];
    for fake in &fakes {
        fake.script().errors.insert("Put", LEADER_CHANGED);
    }
    let endpoints = fakes.iter().map(|fake| fake.endpoint().clone()).collect();
    let cluster = connector(AuthConfig::default()).cluster(endpoints);
    let error = cluster.put("k", "v", None, AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NoLeader);
    assert_eq!(fakes.iter().map(|fake| fake.calls("Put")).sum::<u32>(), 1);
}

#[tokio::test]
async fn a_change_that_was_certainly_not_made_is_repeated_elsewhere() {
    let (full, good) = (FakeEtcd::start().await.unwrap(), FakeEtcd::start().await.unwrap());
    let too_many = (tonic::Code::ResourceExhausted as i32, "etcdserver: too many requests");
    full.script().errors.insert("Put", too_many);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = Endpoint::new(Scheme::Http, "127.0.0.1", free);
    let endpoints = vec![nobody, full.endpoint().clone(), good.endpoint().clone()];
    let cluster = connector(AuthConfig::default()).cluster(endpoints);
    cluster.put("k", "v", None, AMPLE).await.unwrap();
    assert_eq!((full.calls("Put"), good.calls("Put")), (1, 1));
}

#[tokio::test]
async fn pages_come_with_status_clock_and_body_and_within_the_limit() {
    let fake = FakeEtcd::start().await.unwrap();
    let page = (503, "text/plain", bytes::Bytes::from(vec![b'x'; 100_000]));
    fake.script().pages.insert("/health".into(), page);
    let member = connector(AuthConfig::default()).member(fake.endpoint().clone());
    let target = HttpTarget::of_member("/health");
    let reply = member.http_get(&target, AMPLE, 100_000).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (503, 100_000));
    assert!(reply.date.is_some());
    let error = member.http_get(&target, AMPLE, 99_999).await.unwrap_err();
    let expect = format!("{} GET: /health: the body is larger than 99999 bytes", fake.endpoint());
    assert_eq!(error.to_string(), expect);
}

/// A relay in front of `target` that can lose a connection as a vanished host does: in silence.
async fn relay(target: Endpoint) -> (Endpoint, Arc<tokio::sync::Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(Scheme::Http, "127.0.0.1", listener.local_addr().unwrap().port());
    let lose = Arc::new(tokio::sync::Notify::new());
    let lost = Arc::clone(&lose);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (target, lost) = (target.to_string(), Arc::clone(&lost));
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(target).await.unwrap();
                let relaying = tokio::io::copy_bidirectional(&mut near, &mut far);
                tokio::select! {
                    _ = relaying => {}
                    // Both ends stay open, and nothing passes any more.
                    () = lost.notified() => std::future::pending().await,
                }
            });
        }
    });
    (endpoint, lose)
}

#[tokio::test]
async fn a_connection_whose_peer_vanished_is_replaced_after_a_few_seconds() {
    let fake = FakeEtcd::start().await.unwrap();
    let (endpoint, lose) = relay(fake.endpoint().clone()).await;
    let member = connector(AuthConfig::default()).member(endpoint);
    member.status(AMPLE).await.unwrap();
    lose.notify_waiters();
    let start = Instant::now();
    while let Err(error) = member.status(SHORT).await {
        assert_eq!(error.class(), ErrorClass::Deadline, "{error}");
        assert!(start.elapsed() < AMPLE, "the connection was never replaced");
    }
}

#[tokio::test]
async fn a_call_to_a_peer_that_vanished_ends_when_a_ping_is_not_answered() {
    let fake = FakeEtcd::start().await.unwrap();
    fake.script().delays.insert("Status", Duration::from_mins(1));
    let (endpoint, lose) = relay(fake.endpoint().clone()).await;
    let config =
        ClientConfig { keepalive_time: SHORT, keepalive_timeout: SHORT, ..ClientConfig::default() };
    let member = Connector::new(config).unwrap().member(endpoint);
    member.alarms(AMPLE).await.unwrap();
    let (outcome, ()) = tokio::join!(member.status(AMPLE), async { lose.notify_waiters() });
    let error = outcome.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transport, "{error}");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_while_pings_are_answered() {
    let fake = FakeEtcd::start().await.unwrap();
    fake.script().delays.insert("Status", SHORT * 6);
    let config =
        ClientConfig { keepalive_time: SHORT, keepalive_timeout: AMPLE, ..ClientConfig::default() };
    let member = Connector::new(config).unwrap().member(fake.endpoint().clone());
    member.status(AMPLE).await.unwrap();
}
