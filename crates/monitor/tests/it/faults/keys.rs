//! Keys in masses, large values, the memory that reading them takes, and the pages that they leave.

use std::time::Duration;

use etcd::wire::etcdserverpb::{PutRequest, RequestOp, TxnRequest, request_op};
use etcd::{GetRequest, prefix_end};
use futures::future::join_all;
use model::clock::Clock as _;
use model::finding::FindingKind;
use model::severity::Severity;
use monitor::detect::Condition;
use monitor::keyspace::{Budget, scan};
use testbed::{Cluster, EtcdVersion};

use super::{DEADLINE, SOON, closes, opens, watched};
use crate::watched::Watched;

/// A tenth of the number from which on it is told by default.
const KEYS: usize = 100_000;

/// In one transaction.
const AT_ONCE: usize = 10_000;

/// More than 100 MiB, which are worth a defragmentation.
const FREE_MIB: usize = 110;

/// More than a member takes that was started again, beyond what it takes without keys.
const MEMORY_MB: u64 = 200;

/// What is read at once, so often at the same time, takes more.
const READ_MIB: usize = 20;
const READERS: usize = 8;

/// All that is stored, as fast as it can be read: nobody else needs the member.
async fn scanned(watched: &Watched) -> Vec<Condition> {
    let budget = Budget {
        page_keys: 20_000,
        between_pages: Duration::ZERO,
        slowest_page: SOON,
        ..Budget::default()
    };
    let member = watched.etcd.client_of(watched.etcd.member(0));
    let found = scan(member, &budget, watched.clock.now(), || None).await.unwrap();
    assert_eq!((found.counted, &found.cut_short), (found.total, &None));
    found.conditions_of(KEYS as u64)
}

/// Forgets all that was.
async fn compact(watched: &Watched) {
    let client = watched.etcd.client();
    let revision = client.get(GetRequest::key("key"), DEADLINE).await.unwrap().header.revision;
    client.compact(revision, true, SOON).await.unwrap();
}

fn put_all(range: std::ops::Range<usize>) -> TxnRequest {
    let put = |number| {
        let key = format!("events/{number:06}").into();
        let put = PutRequest { key, ..PutRequest::default() };
        RequestOp { request: Some(request_op::Request::RequestPut(put)) }
    };
    TxnRequest { success: range.map(put).collect(), ..TxnRequest::default() }
}

async fn large_values_many_keys_memory_and_free_pages_are_told_until_they_are_gone(
    version: EtcdVersion,
) {
    let flag = format!("--max-txn-ops={AT_ONCE}");
    let builder = Cluster::builder(version).members(1).flag(flag);
    let watched = watched(builder).await;
    let resident = || {
        let of = watched.handle().metrics().into_iter().next()?;
        Some(of.figures?.get("resident_memory_bytes")? as u64 >> 20)
    };
    watched.until("its memory", SOON, |_| resident().is_some()).await;
    let most = resident().unwrap() + MEMORY_MB;
    watched.change(|config| config.thresholds.max_resident_memory_mb = Some(most));
    let client = watched.etcd.client();

    assert_eq!(scanned(&watched).await, []);
    client.put("config/large", vec![b'x'; 1_200 << 10], None, DEADLINE).await.unwrap();
    let found = scanned(&watched).await;
    assert_eq!((found.len(), found[0].kind), (1, FindingKind::BigValue), "{found:?}");
    assert_eq!((found[0].severity, found[0].about.as_str()), (Severity::Warning, "config/"));
    client.delete("config/large", "", DEADLINE).await.unwrap();
    assert_eq!(scanned(&watched).await, []);

    for begin in (0..KEYS).step_by(AT_ONCE) {
        client.txn(put_all(begin..begin + AT_ONCE), SOON).await.unwrap();
    }
    let found = scanned(&watched).await;
    assert_eq!((found.len(), found[0].kind), (1, FindingKind::HotPrefix), "{found:?}");
    assert_eq!((found[0].severity, found[0].about.as_str()), (Severity::Info, "events/"));
    client.delete("events/", prefix_end(b"events/"), SOON).await.unwrap();
    assert_eq!(scanned(&watched).await, []);

    let of = Some(watched.etcd.member(0));
    for number in 0..READ_MIB {
        client.put(format!("read/{number}"), vec![b'x'; 1 << 20], None, DEADLINE).await.unwrap();
    }
    let read = async {
        loop {
            // An answer is larger than what our client takes; the member makes it all the same.
            let reads = (0..READERS).map(|_| client.get(GetRequest::prefix("read/"), DEADLINE));
            join_all(reads).await;
        }
    };
    tokio::select! {
        () = read => {}
        _ = opens(&watched, FindingKind::MemoryPressure, of, Severity::Warning) => {}
    }
    println!("etcd {version}: {:?} MiB of {most}", resident());
    watched.etcd.member(0).restart().await.unwrap();
    closes(&watched, FindingKind::MemoryPressure).await;
    println!("etcd {version}: {:?} MiB of {most}", resident());

    for number in 0..FREE_MIB {
        client.put(format!("free/{number}"), vec![b'x'; 1 << 20], None, DEADLINE).await.unwrap();
    }
    client.delete("free/", prefix_end(b"free/"), DEADLINE).await.unwrap();
    compact(&watched).await;
    opens(&watched, FindingKind::Fragmented, of, Severity::Info).await;
    client.each()[0].defragment(SOON).await.unwrap();
    closes(&watched, FindingKind::Fragmented).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn large_values_many_keys_memory_and_free_pages_are_told_until_they_are_gone() {
        on(
            EtcdVersion::V3_7,
            super::large_values_many_keys_memory_and_free_pages_are_told_until_they_are_gone,
        )
        .await;
    }
}
