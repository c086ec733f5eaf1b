//! Every call that the monitor makes, on every version, plain, in TLS, and with authentication.

use etcd::{Alarm, AlarmKind, ClientConfig, ErrorClass, GetRequest, HttpTarget};
use testbed::{Cluster, EtcdVersion, Login, Security};

use crate::{AMPLE, member, single};

#[tokio::test]
async fn a_plain_member_of_any_version_answers_every_call() {
    for version in EtcdVersion::available() {
        check(version, Security::Plain).await;
    }
}

#[tokio::test]
async fn a_member_in_tls_of_any_version_answers_every_call() {
    for version in EtcdVersion::available() {
        check(version, Security::Tls).await;
    }
}

#[tokio::test]
async fn a_member_with_authentication_of_any_version_answers_every_call() {
    for version in EtcdVersion::available() {
        check(version, Security::TlsAuth).await;
    }
}

async fn check(version: EtcdVersion, security: Security) {
    let cluster = single(version, security).await;
    check_probes(&cluster, version, security).await;
    check_pages(&cluster, security).await;
    check_work(&cluster).await;
    check_maintenance(&cluster, version).await;
}

/// What a monitor asks, as the user that has only a monitor's rights.
async fn check_probes(cluster: &Cluster, version: EtcdVersion, security: Security) {
    let member = member(cluster, 0, cluster.client_config(Login::Monitor));
    assert_eq!(member.server_certificate(), None);
    let status = member.status(AMPLE).await.unwrap();
    assert_eq!(status.version, cluster.version());
    assert_eq!(status.leader, Some(status.header.member_id));
    assert_eq!(status.header.member_id, cluster.member(0).id());
    assert!(!status.is_learner && status.errors.is_empty(), "{status:?}");
    assert!(status.db_size_bytes > 0 && status.raft_index > 0 && status.raft_applied_index > 0);
    assert!(status.db_size_in_use_bytes.is_some());
    let is_new = version >= EtcdVersion::V3_6;
    assert_eq!(status.db_size_quota_bytes.is_some(), is_new, "{status:?}");
    assert_eq!(status.storage_version.is_some(), is_new, "{status:?}");
    assert_eq!(status.downgrade.is_some(), is_new, "{status:?}");

    for linearizable in [false, true] {
        let list = member.members(linearizable, AMPLE).await.unwrap();
        assert_eq!(list.header.cluster_id, status.header.cluster_id);
        assert_eq!(list.members.len(), 1);
        assert_eq!(list.members[0].name, cluster.member(0).name());
        assert_eq!(list.members[0].client_urls, [cluster.member(0).client_url()]);
    }
    assert_eq!(member.alarms(AMPLE).await.unwrap(), []);
    for serializable in [false, true] {
        let header = member.probe_read(b"etcd-monitor/absent", serializable, AMPLE).await.unwrap();
        assert_eq!(header.member_id, status.header.member_id);
        let elsewhere = member.probe_read(b"absent", serializable, AMPLE).await;
        if security == Security::TlsAuth {
            assert_eq!(elsewhere.unwrap_err().class(), ErrorClass::PermissionDenied);
        } else {
            elsewhere.unwrap();
        }
    }
    let certificate = member.server_certificate();
    if security == Security::Plain {
        assert_eq!(certificate, None);
    } else {
        assert_eq!(certificate.unwrap().common_name.as_deref(), Some("testbed-server"));
    }
}

async fn check_pages(cluster: &Cluster, security: Security) {
    let member = member(cluster, 0, cluster.client_config(Login::Nobody));
    for (path, part) in [
        ("/version", "\"etcdserver\""),
        ("/health", "\"health\":\"true\""),
        ("/metrics", "etcd_server_has_leader 1"),
    ] {
        let page = HttpTarget::of_member(path);
        let reply = member.http_get(&page, AMPLE, 1 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 200, "{path}: {body}");
        assert!(body.contains(part), "{path}: {body}");
        assert!(reply.date.is_some(), "{path}");
    }
    let url = cluster.member(0).client_url();
    assert_eq!(url.starts_with("https://"), security != Security::Plain);
    let elsewhere = HttpTarget::parse(&format!("{url}/version"), "/").unwrap();
    assert_eq!(member.http_get(&elsewhere, AMPLE, 1024).await.unwrap().status, 200);
}

async fn check_work(cluster: &Cluster) {
    let client = cluster.client();
    let lease = client.lease_grant(60, AMPLE).await.unwrap();
    assert!(lease.ttl_seconds >= 60);
    client.put("work/a", "1", Some(lease.id), AMPLE).await.unwrap();
    let header = client.put("work/b", "2", None, AMPLE).await.unwrap();
    let reply = client.get(GetRequest::prefix("work/"), AMPLE).await.unwrap();
    assert_eq!((reply.count, reply.more), (2, false));
    assert_eq!((&reply.kvs[0].value[..], reply.kvs[0].lease), (&b"1"[..], lease.id));
    client.lease_revoke(lease.id, AMPLE).await.unwrap();
    let reply = client.get(GetRequest::prefix("work/"), AMPLE).await.unwrap();
    assert_eq!(reply.count, 1);
    check_large_messages(cluster).await;
    let end = etcd::prefix_end(b"work/");
    assert_eq!(client.delete("work/", end, AMPLE).await.unwrap(), 4);
    client.compact(header.revision, true, AMPLE).await.unwrap();
    let old = GetRequest { revision: header.revision - 1, ..GetRequest::key("work/a") };
    let error = client.get(old, AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Compacted, "{error}");
}

/// Messages that take many frames, and answers over the limit.
async fn check_large_messages(cluster: &Cluster) {
    let client = cluster.client();
    let value = bytes::Bytes::from(vec![7; 1 << 20]);
    for key in ["work/l1", "work/l2", "work/l3"] {
        client.put(key, value.clone(), None, AMPLE).await.unwrap();
    }
    let reply = client.get(GetRequest::prefix("work/l"), AMPLE).await.unwrap();
    assert!(reply.kvs.len() == 3 && reply.kvs.iter().all(|kv| kv.value == value));
    let config = ClientConfig { max_message_bytes: 2 << 20, ..cluster.client_config(Login::Root) };
    let limited = member(cluster, 0, config);
    let error = limited.get(GetRequest::prefix("work/l"), AMPLE).await.unwrap_err();
    assert!(error.message().starts_with("the answer is larger than 2097152 bytes"), "{error}");
    limited.get(GetRequest::key("work/l1"), AMPLE).await.unwrap();
}

async fn check_maintenance(cluster: &Cluster, version: EtcdVersion) {
    let member = &cluster.client().each()[0];
    member.defragment(AMPLE).await.unwrap();
    let hash = member.hash_kv(0, AMPLE).await.unwrap();
    assert_eq!(hash.hash_revision.is_some(), version >= EtcdVersion::V3_6);
    assert!(hash.compact_revision > 0);

    let alarm = Alarm { member: cluster.member(0).id(), kind: AlarmKind::Nospace };
    member.alarm_activate(alarm, AMPLE).await.unwrap();
    assert_eq!(member.alarms(AMPLE).await.unwrap(), [alarm]);
    let error = cluster.client().put("k", "v", None, AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Nospace, "{error}");
    member.alarm_disarm(alarm, AMPLE).await.unwrap();
    assert_eq!(member.alarms(AMPLE).await.unwrap(), []);

    let mut snapshot = cluster.client().snapshot(AMPLE).await.unwrap();
    let (mut size, mut remaining) = (0, 0);
    while let Some(chunk) = snapshot.next(AMPLE).await.unwrap() {
        size += chunk.bytes();
        remaining = chunk.remaining_bytes;
    }
    assert!(size > 16 << 10, "{size}");
    assert_eq!(remaining, 0);
}
