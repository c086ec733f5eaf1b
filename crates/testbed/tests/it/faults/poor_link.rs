//! Members behind a link that loses packets, or is slow.

use std::time::Duration;

use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion};
use tokio::time::Instant;

use super::{DEADLINE, can};

/// After this long TCP sends again what was not acknowledged: 200 ms on Linux.
const RETRANSMITTED: Duration = Duration::from_millis(200);

#[tokio::test]
async fn lost_packets_delay_answers_and_a_slow_link_delays_large_ones() {
    testbed::on(EtcdVersion::V3_5, async |version| {
        if !can(&[Part::Network]) {
            return;
        }
        let builder = Cluster::builder(version).in_namespaces(true).members(1);
        let cluster = builder.start().await.unwrap();
        let member = cluster.member(0);
        let client = cluster.client_of(member);

        let fault = member.lose_packets(30).unwrap();
        let is_delayed = async || {
            let begin = Instant::now();
            client.status(DEADLINE).await.is_err() || begin.elapsed() >= RETRANSMITTED
        };
        cluster.wait_until("a packet that is lost", DEADLINE * 4, is_delayed).await.unwrap();
        fault.heal().unwrap();
        cluster.wait_ready().await.unwrap();

        client.put("large", vec![b'x'; 1 << 20], None, DEADLINE).await.unwrap();
        let read = async || {
            let begin = Instant::now();
            client.get(etcd::GetRequest::key("large"), DEADLINE * 4).await.unwrap();
            begin.elapsed()
        };
        // 8.4 Mbit at 4 Mbit/s, less what may go in one burst.
        let fault = member.limit_bandwidth(4_000_000).unwrap();
        let slow = read().await;
        assert!(slow > Duration::from_secs(1), "{slow:?}");
        assert!(member.limit_bandwidth(1_000_000).is_err(), "two limits");
        fault.heal().unwrap();
        let fast = read().await;
        assert!(fast < slow / 2, "{fast:?} after {slow:?}");
    })
    .await;
}
