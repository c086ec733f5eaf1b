//! Clusters of three that are restored from a snapshot: they elect a leader and hold all keys.

use backup::{RestoreOptions, SaveOptions};
use etcd::GetRequest;
use testbed::{Cluster, EtcdVersion};

use crate::{AMPLE, peers, restore, save, unseen};

mod each {
    testbed::on_every_version!(a_cluster_of_three_starts_from_a_restored_snapshot);
}

/// Puts a restored member in place of each member of a cluster, and starts them.
async fn replace(cluster: &Cluster, options: &RestoreOptions) {
    let pairs: Vec<_> = cluster
        .members()
        .iter()
        .map(|member| format!("{}={}", member.name(), member.peer_url()))
        .collect();
    for member in cluster.members() {
        member.kill().await.unwrap();
        member.wipe().unwrap();
        let restored = restore(&RestoreOptions {
            name: member.name().to_owned(),
            initial_cluster: pairs.join(","),
            initial_advertise_peer_urls: member.peer_url(),
            data_dir: Some(member.data_dir()),
            ..options.clone()
        });
        // The same as when the cluster was new, for the same addresses.
        assert_eq!(restored.unwrap().member_id, member.id());
    }
    for member in cluster.members() {
        member.restart().await.unwrap();
    }
    cluster.wait_ready().await.unwrap();
}

async fn a_cluster_of_three_starts_from_a_restored_snapshot(version: EtcdVersion) {
    let builder = Cluster::builder(version).members(3).flag(peers::LARGE_TRANSACTIONS);
    let cluster = builder.start().await.unwrap();
    peers::fill(&cluster, &version.etcdctl().unwrap()).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    let members: Vec<_> =
        cluster.members().iter().map(|member| cluster.client_of(member)).collect();
    let members: Vec<_> = members.into_iter().cloned().collect();
    // From a follower, compressed.
    let order = backup::candidates(&members, AMPLE).await;
    assert_eq!(order.len(), 3);
    let leader = cluster.leader().await.unwrap().endpoint();
    assert!(order[2].endpoint().to_string().ends_with(&leader), "the leader comes last");
    let options = SaveOptions { compression: Some(3), ..SaveOptions::new(&path) };
    let saved = backup::save(&order, &options, &mut unseen()).await.unwrap();
    assert!(saved.file_bytes * 4 < saved.snapshot_bytes, "{saved:?}");
    assert!(!saved.endpoint.ends_with(&leader));
    let status = backup::status(&path).unwrap();
    let hash = backup::hashkv(&path, None).unwrap();

    cluster.client().put("after the snapshot", "lost", None, AMPLE).await.unwrap();
    replace(&cluster, &RestoreOptions::new(&path)).await;
    for member in &members {
        let of_member = member.hash_kv(status.revision, AMPLE).await.unwrap();
        assert_eq!(of_member.hash, hash.hash);
        let all = GetRequest { serializable: true, count_only: true, ..GetRequest::prefix("") };
        assert_eq!(member.get(all, AMPLE).await.unwrap().count as u64, status.total_key);
    }
    let large = cluster.client().get(GetRequest::key("large"), AMPLE).await.unwrap();
    assert_eq!(large.kvs[0].value, vec![8; 1 << 20]);
    let header = cluster.client().put("goes", "on", None, AMPLE).await.unwrap();
    assert_eq!(header.revision, status.revision + 1);

    // Once more, from a plain copy of a member's file, with revisions that do not go back.
    if version < EtcdVersion::V3_6 {
        return;
    }
    cluster.member(0).stop().await.unwrap();
    let copy = directory.path().join("copy.db");
    std::fs::copy(backup::database_path(&cluster.member(0).data_dir()), &copy).unwrap();
    let options = RestoreOptions {
        skip_hash_check: true,
        bump_revision: 1_000_000,
        mark_compacted: true,
        ..RestoreOptions::new(&copy)
    };
    replace(&cluster, &options).await;
    let bumped = status.revision + 1 + 1_000_000;
    let header = cluster.client().put("goes", "on", None, AMPLE).await.unwrap();
    assert_eq!(header.revision, bumped + 1);
    let mut hashes = Vec::new();
    for member in &members {
        hashes.push(member.hash_kv(bumped, AMPLE).await.unwrap().hash);
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
    let path = directory.path().join("bumped.db");
    save(&members[1], &path).await;
    let found = backup::verify(&path, false).unwrap();
    assert_eq!(found.problems, [] as [String; 0]);
}
