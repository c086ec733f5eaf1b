//! Slow links between members.

use std::time::Duration;

use testbed::{Cluster, EtcdVersion, Member, Security};
use tokio::time::Instant;

use super::{DEADLINE, SOON};

/// In each direction: well below the heartbeats' deadline of a second.
const DELAY: Duration = Duration::from_millis(100);

/// The fastest of some puts by way of the leader.
async fn put(cluster: &Cluster, leader: &Member) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        cluster.client_of(leader).put("key", "value", None, DEADLINE).await.unwrap();
        fastest = fastest.min(begin.elapsed());
    }
    fastest
}

async fn a_put_takes_as_long_as_the_faster_half_of_the_links(version: EtcdVersion) {
    let security = if version == EtcdVersion::V3_7 { Security::Tls } else { Security::Plain };
    let builder = Cluster::builder(version).with_peer_proxies(true).security(security);
    let cluster = builder.start().await.unwrap();
    let leader = cluster.leader().await.unwrap();
    let others: Vec<_> =
        cluster.members().iter().filter(|member| member.name() != leader.name()).collect();

    let one = leader.delay_to(others[0], DELAY).unwrap();
    assert!(put(&cluster, leader).await < DELAY, "the other link makes the quorum");
    let other = others[1].delay_to(leader, DELAY).unwrap();
    // What was on its way when the delay came has passed by the time of the fastest of several.
    let both = put(&cluster, leader).await;
    assert!(both >= 2 * DELAY && both < 4 * DELAY, "{both:?}");
    one.heal().unwrap();
    other.heal().unwrap();
    let is_fast = async || put(&cluster, leader).await < DELAY;
    cluster.wait_until("fast puts", SOON, is_fast).await.unwrap();

    let all = leader.delay_peers(DELAY).unwrap();
    assert!(put(&cluster, leader).await >= 2 * DELAY);
    drop(all);
    cluster.wait_until("fast puts", SOON, is_fast).await.unwrap();
    cluster.wait_ready().await.unwrap();
}

mod tests {
    testbed::on_every_version!(a_put_takes_as_long_as_the_faster_half_of_the_links);
}
