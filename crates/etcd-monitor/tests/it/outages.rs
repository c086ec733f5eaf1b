//! What clients of the service see when a cluster loses its leader.

use std::time::Duration;

use testbed::{Cluster, EtcdVersion};
use tokio::time::{Instant, timeout};

use crate::http::EventStream;
use crate::program::Program;

/// From the election to every client's knowing of it.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

async fn a_killed_leader_is_told_in_status_history_and_stream(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    let program = Program::watch(&cluster).await;
    program.until_healthy().await;
    let mut events = program.events().await;

    let old = cluster.leader().await.unwrap();
    old.kill().await.unwrap();
    let is_new = async || cluster.leader().await.is_some_and(|leader| leader.id() != old.id());
    cluster.wait_until("a new leader", Duration::from_secs(20), is_new).await.unwrap();
    let elected_at = Instant::now();
    let (old, new) = (old.id().to_string(), cluster.leader().await.unwrap().id().to_string());

    let told = async {
        let lost = events.next_named("leader_lost").await;
        let elected = events.next_named("leader_elected").await;
        (lost, elected)
    };
    let (lost, elected) = timeout(TOLD_WITHIN, told).await.expect("both events");
    assert_eq!((&lost["cluster"], &elected["cluster"]), (&"test".into(), &"test".into()));
    let in_stream = elected_at.elapsed();
    let left = TOLD_WITHIN.saturating_sub(in_stream);
    program
        .until("the new leader in the status", left, "/api/v1/cluster/status", |status| {
            status["leader"]["member"]["id"] == *new
        })
        .await;
    let in_status = elected_at.elapsed();
    println!("etcd {version}: the new leader is streamed {in_stream:?} after its election");
    assert!(in_status <= TOLD_WITHIN, "{in_status:?}");

    let leader = program.json("/api/v1/cluster/leader").await;
    let [newest, before, ..] = leader["history"].as_array().unwrap().as_slice() else {
        panic!("{leader:#}");
    };
    assert_eq!(newest["from"]["id"], *old);
    assert_eq!(newest["to"]["id"], *new);
    assert!(newest["leaderless_seconds"].as_f64().unwrap() > 0.0, "{newest:#}");
    assert!(before["to"].is_null(), "the loss is an entry of its own: {before:#}");

    // A client that was away gets what it missed.
    let seen = lost["sequence"].as_u64().unwrap();
    let mut again = EventStream::open_after(program.authority(), "/api/v1/stream", seen - 1).await;
    assert_eq!(again.next().await, Some(("leader_lost".to_owned(), lost)));
    let missed = timeout(TOLD_WITHIN, again.next_named("leader_elected")).await;
    assert_eq!(missed.expect("it is sent again"), elected);
}

mod tests {
    testbed::on_every_version!(a_killed_leader_is_told_in_status_history_and_stream);
}
