//! Disks that are slow, or fail.

use std::time::Duration;

use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion};
use tokio::time::Instant;

use super::{DEADLINE, SOON, can, metric};

const DELAY: Duration = Duration::from_millis(300);

const SYNC_SECONDS: &str = "etcd_disk_wal_fsync_duration_seconds_sum";
const SYNCS: &str = "etcd_disk_wal_fsync_duration_seconds_count";

async fn slow_syncs_are_seen_in_puts_and_metrics_until_they_heal(version: EtcdVersion) {
    if !can(&[Part::Tracing]) {
        return;
    }
    let cluster = Cluster::builder(version).members(1).durable(true).start().await.unwrap();
    let member = cluster.member(0);
    let put = async || {
        let begin = Instant::now();
        cluster.client().put("key", "value", None, DEADLINE).await.unwrap();
        begin.elapsed()
    };
    let totals = async || {
        (metric(&cluster, member, SYNC_SECONDS).await, metric(&cluster, member, SYNCS).await)
    };
    put().await;

    let fault = member.slow_syncs(DELAY).await.unwrap();
    let (seconds, count) = totals().await;
    assert!(put().await >= DELAY);
    let (later, more) = totals().await;
    assert!(more > count);
    assert!(later - seconds >= DELAY.as_secs_f64(), "{seconds} s, then {later} s");
    assert!(member.slow_syncs(DELAY).await.is_err(), "two tracers");
    fault.heal().unwrap();

    let is_fast = async || put().await < DELAY / 2;
    cluster.wait_until("fast puts", SOON, is_fast).await.unwrap();
}

async fn failing_syncs_end_the_member_and_it_starts_again(version: EtcdVersion) {
    if !can(&[Part::Tracing]) {
        return;
    }
    let cluster = Cluster::builder(version).durable(true).start().await.unwrap();
    let member = cluster.follower().await.unwrap();
    let fault = member.fail_syncs(1).await.unwrap();
    let has_ended = async || {
        let _ = cluster.client().put("key", "value", None, DEADLINE).await;
        !member.is_running()
    };
    cluster.wait_until("the member to end", SOON, has_ended).await.unwrap();
    assert!(member.log_tail().contains("input/output error"), "{}", member.log_tail());
    fault.heal().unwrap();
    member.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
}

mod tests {
    use testbed::{EtcdVersion, on};

    testbed::on_every_version!(slow_syncs_are_seen_in_puts_and_metrics_until_they_heal);

    #[tokio::test]
    async fn failing_syncs_end_the_member_and_it_starts_again() {
        on(EtcdVersion::V3_5, super::failing_syncs_end_the_member_and_it_starts_again).await;
    }
}
