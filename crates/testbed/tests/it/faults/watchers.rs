//! Watchers that do not read.

use testbed::faults::StuckWatchers;
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, SOON, metric};

const WATCHERS: &str = "etcd_debugging_mvcc_watcher_total";
const SLOW: &str = "etcd_debugging_mvcc_slow_watcher_total";

async fn watchers_that_do_not_read_become_slow_and_end(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let member = cluster.member(0);
    let watchers = StuckWatchers::open(member, "watched/", 50).await.unwrap();
    let are_open = async || metric(&cluster, member, WATCHERS).await >= 50.0;
    cluster.wait_until("the watchers to be open", SOON, are_open).await.unwrap();
    let mut number = 0;
    let are_slow = async || {
        number += 1;
        let value = vec![b'x'; 16 << 10];
        let key = format!("watched/{}", number % 10);
        cluster.client().put(key, value, None, DEADLINE).await.unwrap();
        metric(&cluster, member, SLOW).await >= 25.0
    };
    cluster.wait_until("slow watchers", SOON, are_slow).await.unwrap();
    drop(watchers);
    let are_gone = async || metric(&cluster, member, WATCHERS).await < 1.0;
    cluster.wait_until("the watchers to end", SOON, are_gone).await.unwrap();
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test]
    async fn watchers_that_do_not_read_become_slow_and_end() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::watchers_that_do_not_read_become_slow_and_end).await;
        }
    }
}
