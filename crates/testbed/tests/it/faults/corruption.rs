//! Data that differs, and the alarm.

use etcd::{AlarmKind, GetRequest};
use testbed::{Cluster, EtcdVersion, Member};

use super::DEADLINE;

const VALUE: &[u8] = b"a value that occurs nowhere else, c0ffee";
const ALTERED: &[u8] = b"a value that occurs nowhere else, decade";

async fn hashes(cluster: &Cluster, revision: i64) -> Vec<u32> {
    let mut hashes = Vec::new();
    for client in cluster.client().each() {
        hashes.push(client.hash_kv(revision, DEADLINE).await.unwrap().hash);
    }
    hashes
}

async fn restart(cluster: &Cluster, member: &Member) {
    member.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
}

async fn an_altered_value_changes_the_hash_of_one_member(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    let revision = cluster.client().put("key", VALUE, None, DEADLINE).await.unwrap().revision;
    let member = cluster.member(1);
    assert!(member.alter_value(VALUE, ALTERED).is_err(), "it runs");
    member.stop().await.unwrap();
    assert!(member.alter_value(VALUE, b"short").is_err());
    assert!(member.alter_value(ALTERED, VALUE).is_err(), "not there");
    assert!(member.alter_value(VALUE, ALTERED).unwrap() >= 1);
    restart(&cluster, member).await;

    let read = GetRequest { serializable: true, ..GetRequest::key("key") };
    let reply = cluster.client_of(member).get(read, DEADLINE).await.unwrap();
    assert_eq!(reply.kvs[0].value, ALTERED);
    let different = hashes(&cluster, revision).await;
    assert!(different[0] == different[2] && different[0] != different[1], "{different:?}");

    member.stop().await.unwrap();
    member.alter_value(ALTERED, VALUE).unwrap();
    restart(&cluster, member).await;
    assert_eq!(hashes(&cluster, revision).await, [different[0]; 3]);
}

async fn the_alarm_of_corruption_stops_work_until_it_is_disarmed(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    let member = cluster.member(2);
    cluster.raise_corrupt(member).await.unwrap();
    let alarms = cluster.client().alarms(DEADLINE).await.unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!((alarms[0].member, alarms[0].kind), (member.id(), AlarmKind::Corrupt));
    assert!(cluster.client().put("key", "value", None, DEADLINE).await.is_err());
    cluster.disarm_alarms().await.unwrap();
    cluster.client().put("key", "value", None, DEADLINE).await.unwrap();
}

mod tests {
    use testbed::{EtcdVersion, on};

    testbed::on_every_version!(an_altered_value_changes_the_hash_of_one_member);

    #[tokio::test]
    async fn the_alarm_of_corruption_stops_work_until_it_is_disarmed() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::the_alarm_of_corruption_stops_work_until_it_is_disarmed).await;
        }
    }
}
