//! Disks without room.

use testbed::faults::Part;
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, SOON, can};

/// etcd reserves 128 MB for its log, and writes some of the rest.
const DISK_BYTES: u64 = 160 << 20;

async fn a_member_with_a_full_disk_ends_and_comes_back_when_there_is_room(version: EtcdVersion) {
    if !can(&[Part::Mounting]) {
        return;
    }
    let cluster = Cluster::builder(version).disk_bytes(0, DISK_BYTES).start().await.unwrap();
    assert!(cluster.member(1).fill_disk().is_err(), "it has the disk of all");
    let member = cluster.member(0);
    cluster.move_leader_to(cluster.member(1)).await.unwrap();
    let fault = member.fill_disk().unwrap();
    let client = cluster.client_of(cluster.member(1));
    let mut number = 0;
    let has_ended = async || {
        number += 1;
        client.put(format!("key{number}"), vec![b'x'; 1 << 20], None, DEADLINE).await.unwrap();
        !member.is_running()
    };
    cluster.wait_until("the member to end", SOON, has_ended).await.unwrap();
    assert!(member.log_tail().contains("no space left on device"), "{}", member.log_tail());
    fault.heal().unwrap();
    member.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test]
    async fn a_member_with_a_full_disk_ends_and_comes_back_when_there_is_room() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::a_member_with_a_full_disk_ends_and_comes_back_when_there_is_room)
                .await;
        }
    }
}
