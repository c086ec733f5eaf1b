//! Watches and leases that live on when members go, and answers as they were sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use etcd::wire::mvccpb::event::EventType;
use etcd::wire::{etcdserverpb as pb, rpc};
use etcd::{ErrorClass, Watch};
use testbed::{Cluster, EtcdVersion, Security};

use crate::{AMPLE, newest, single};

fn everything() -> pb::WatchCreateRequest {
    pb::WatchCreateRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        ..pb::WatchCreateRequest::default()
    }
}

async fn next(watch: &mut Watch) -> Option<pb::WatchResponse> {
    tokio::time::timeout(AMPLE, watch.next()).await.unwrap().unwrap()
}

/// The keys of the next events, marked with `-` where they were deleted, until `count` have come.
async fn events(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        for event in next(watch).await.unwrap().events {
            let is_delete = event.r#type == EventType::Delete as i32;
            let key = String::from_utf8(event.kv.unwrap().key.to_vec()).unwrap();
            all.push(if is_delete { format!("-{key}") } else { key });
        }
    }
    all
}

#[tokio::test]
async fn a_watch_tells_creation_events_progress_and_compaction_on_every_version() {
    for version in EtcdVersion::available() {
        let cluster = single(version, Security::TlsAuth).await;
        let client = cluster.client();
        let create = pb::WatchCreateRequest { prev_kv: true, fragment: true, ..everything() };
        let mut watch = client.watch(create);
        let created = next(&mut watch).await.unwrap();
        assert!(created.created, "{created:?}");
        let begun = created.header.unwrap().revision;
        assert_eq!(watch.next_revision(), begun + 1);
        client.put("a", "1", None, AMPLE).await.unwrap();
        client.put("a", vec![b'x'; 1 << 20], None, AMPLE).await.unwrap();
        let last = client.delete("a", "", AMPLE).await.unwrap();
        assert_eq!(last, 1);
        assert_eq!(events(&mut watch, 3).await, ["a", "a", "-a"]);
        assert_eq!(watch.next_revision(), begun + 4);
        assert!(watch.request_progress());
        let progress = next(&mut watch).await.unwrap();
        assert!(progress.events.is_empty() && !progress.created, "{progress:?}");
        assert_eq!(progress.header.unwrap().revision, begun + 3);

        client.compact(begun + 2, true, AMPLE).await.unwrap();
        let create = pb::WatchCreateRequest { start_revision: 1, ..everything() };
        let mut watch = client.watch(create);
        assert!(next(&mut watch).await.unwrap().created);
        let end = next(&mut watch).await.unwrap();
        assert!(end.canceled && end.compact_revision == begun + 2, "{end:?}");
        assert!(watch.is_over());
        assert_eq!(next(&mut watch).await, None);
    }
}

#[tokio::test]
async fn a_watch_and_a_lease_go_on_while_the_members_restart_one_by_one() {
    let Some(version) = newest() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let client = cluster.client();
    let troubles = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&troubles);
    let mut watch = client.watch(everything()).on_trouble(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    assert!(next(&mut watch).await.unwrap().created);
    let lease = client.lease_grant(60, AMPLE).await.unwrap();
    let mut keeper = client.keep_alive(lease.id);
    assert_eq!(keeper.next().await.unwrap().unwrap().ttl, 60);
    let mut expected = Vec::new();
    for member in cluster.members() {
        member.kill().await.unwrap();
        let key = format!("without {}", member.name());
        let written = client.put(key.clone(), "", Some(lease.id), AMPLE).await;
        // A write on the way to a leader that is gone may be lost, and is told as such.
        if let Err(error) = written {
            assert!(!error.is_unsent(), "{error}");
            client.put(key.clone(), "", Some(lease.id), AMPLE).await.unwrap();
        }
        client.keep_alive_once(lease.id, AMPLE).await.unwrap();
        expected.push(key);
        member.restart().await.unwrap();
        cluster.wait_ready().await.unwrap();
    }
    let mut seen = events(&mut watch, 3).await;
    client.put("end", "", None, AMPLE).await.unwrap();
    while seen.last().is_none_or(|key| key != "end") {
        seen.extend(events(&mut watch, 1).await);
    }
    seen.dedup();
    expected.push("end".to_owned());
    assert_eq!(seen, expected);
    assert!(troubles.load(Ordering::Relaxed) > 0);

    client.lease_revoke(lease.id, AMPLE).await.unwrap();
    assert_eq!(client.keep_alive_once(lease.id, AMPLE).await.unwrap().ttl, 0);
    assert_eq!(client.keep_alive(lease.id).next().await.unwrap(), None);
}

#[tokio::test]
async fn a_watch_is_refused_with_the_reason_and_answers_come_as_they_were_sent() {
    for version in EtcdVersion::available() {
        let cluster = single(version, Security::Plain).await;
        let client = cluster.client();
        let granted = client
            .change(&rpc::LEASE_GRANT, pb::LeaseGrantRequest { ttl: 60, id: 7 }, AMPLE)
            .await
            .unwrap();
        assert_eq!((granted.id, granted.ttl), (7, 60));
        let put = pb::PutRequest { key: "k".into(), lease: 7, ..pb::PutRequest::default() };
        client.change(&rpc::PUT, put, AMPLE).await.unwrap();
        let request = pb::PutRequest {
            key: "k".into(),
            value: "2".into(),
            prev_kv: true,
            ignore_lease: true,
            ..pb::PutRequest::default()
        };
        let previous = client.change(&rpc::PUT, request, AMPLE).await.unwrap().prev_kv.unwrap();
        assert_eq!((previous.lease, previous.version), (7, 1));
        let request = pb::LeaseTimeToLiveRequest { id: 7, keys: true };
        let life = client.read(&rpc::LEASE_TIME_TO_LIVE, request, AMPLE).await.unwrap();
        assert_eq!((life.granted_ttl, &life.keys[..]), (60, &["k".into()][..]));
        let leases =
            client.read(&rpc::LEASE_LEASES, pb::LeaseLeasesRequest {}, AMPLE).await.unwrap().leases;
        assert_eq!(leases, [pb::LeaseStatus { id: 7 }]);
        let absent = pb::LeaseRevokeRequest { id: 8 };
        let error = client.change(&rpc::LEASE_REVOKE, absent, AMPLE).await.unwrap_err();
        let said = error.server_said().unwrap();
        assert_eq!(said, ("NotFound", "etcdserver: requested lease not found"));

        let status = client.read(&rpc::AUTH_STATUS, pb::AuthStatusRequest {}, AMPLE).await;
        if version >= EtcdVersion::V3_5 {
            assert!(!status.unwrap().enabled);
        } else {
            assert_eq!(status.unwrap_err().class(), ErrorClass::Unsupported);
        }
        let request = pb::DowngradeRequest { version: "3.1.0".into(), ..Default::default() };
        let error = client.each()[0].call(&rpc::DOWNGRADE, request, AMPLE).await.unwrap_err();
        assert!(error.server_said().is_some(), "{error}");
        let range = pb::RangeRequest { key: "k".into(), ..pb::RangeRequest::default() };
        if version >= EtcdVersion::V3_7 {
            let mut parts = client.each()[0].range_stream(range, AMPLE).await.unwrap();
            let mut keys = 0;
            while let Some(part) = parts.next(AMPLE).await.unwrap() {
                keys += part.kvs.len();
            }
            assert_eq!(keys, 1);
        }
    }
}
