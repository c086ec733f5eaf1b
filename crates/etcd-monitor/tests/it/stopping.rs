//! The program ends when it is told to, and survives when it was not.

use std::time::Duration;

use rustix::process::Signal;
use testbed::{Cluster, EtcdVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::http;
use crate::program::Program;

/// From the first signal to the end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

async fn cluster() -> Option<Cluster> {
    let version = EtcdVersion::available().pop()?;
    Some(Cluster::builder(version).start().await.unwrap())
}

/// A client that never finishes its request.
async fn unfinished_request(program: &Program) -> TcpStream {
    let mut connection = TcpStream::connect(program.authority()).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nHost:").await.unwrap();
    connection
}

#[tokio::test]
async fn a_signal_ends_it_within_five_seconds_whatever_is_under_way() {
    let Some(cluster) = cluster().await else { return };
    let frozen = cluster.follower().await.unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::watch(&cluster).await;
        program.until_healthy().await;
        let mut events = program.events().await;
        let _unfinished = unfinished_request(&program).await;
        // Questions to it are under way until they time out.
        frozen.pause().await.unwrap();
        events.next_named("member_health_changed").await;

        let told_at = Instant::now();
        program.signal(signal);
        let status = program.ended(STOP_WITHIN).await;
        println!("{signal:?}: ended after {:?}", told_at.elapsed());
        assert_eq!(status.code(), Some(0), "{}", program.output());
        while events.next().await.is_some() {}
        frozen.resume().unwrap();
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let Some(cluster) = cluster().await else { return };
    let mut program = Program::watch(&cluster).await;
    program.until_healthy().await;
    let _unfinished = unfinished_request(&program).await;
    sleep(Duration::from_millis(100)).await;
    program.signal(Signal::TERM);
    // Signals of one kind that come together are one.
    sleep(Duration::from_millis(100)).await;
    let told_at = Instant::now();
    program.signal(Signal::TERM);
    let status = program.ended(STOP_WITHIN).await;
    assert_eq!(status.code(), Some(5), "{}", program.output());
    assert!(told_at.elapsed() < Duration::from_secs(1), "{:?}", told_at.elapsed());
}

#[tokio::test]
async fn killed_at_any_moment_it_starts_again() {
    let Some(cluster) = cluster().await else { return };
    let data_dir = tempfile::tempdir().unwrap();
    // In the first sweep, between two sweeps, in a scrape, and in the middle of an answer.
    for moment_ms in [0, 3, 10, 30, 100, 1_000] {
        let mut program = Program::watch_with_data(&cluster, &data_dir).await;
        let authority = program.authority().to_owned();
        let client = tokio::spawn(async move {
            while http::try_get(&authority, "/api/v1/cluster/status").await.is_ok() {}
        });
        sleep(Duration::from_millis(moment_ms)).await;
        program.signal(Signal::KILL);
        assert_eq!(program.ended(STOP_WITHIN).await.code(), None);
        client.abort();
    }
    let program = Program::watch_with_data(&cluster, &data_dir).await;
    program.until_healthy().await;
    let status = program.json("/api/v1/cluster/status").await;
    assert_eq!(status["members"].as_array().unwrap().len(), 3, "{status:#}");
}
