//! What `keys` says of a cluster's keys, and of whom.

use etcd::GetRequest;
use futures::future::join_all;
use testbed::{Cluster, EtcdVersion, wait_until};

use crate::operate::{AMPLE, ctl};

/// Keys of every kind; the last one is not text.
async fn fill(cluster: &Cluster) {
    let client = cluster.client();
    let pod = async |index| {
        let key = format!("/registry/pods/ns{}/p{index:03}", index % 7);
        client.put(key, vec![b'v'; 100], None, AMPLE).await.unwrap();
    };
    join_all((0..700).map(pod)).await;
    for index in 0..30 {
        client
            .put(format!("/registry/events/e{index}"), vec![b'e'; 3000], None, AMPLE)
            .await
            .unwrap();
    }
    let lease = client.lease_grant(3600, AMPLE).await.unwrap().id;
    client.put("/app/a", "1", Some(lease), AMPLE).await.unwrap();
    client.put("/app/b", "2", Some(lease), AMPLE).await.unwrap();
    for count in 0..5 {
        client.put("plain", count.to_string(), None, AMPLE).await.unwrap();
    }
    client.put(&b"\xff\x1b[2J/x"[..], "odd", None, AMPLE).await.unwrap();
}

/// Lines in words, without the first two.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_counted_and_measured_on_a_follower_at_one_revision() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    fill(&cluster).await;
    let revision = cluster.client().get(GetRequest::key("k"), AMPLE).await.unwrap().header.revision;

    let count = ctl(&cluster, "keys count").await;
    assert_eq!(count.code, 0, "{}", count.stderr);
    let first = format!("revision {revision}, read from 127.0.0.1:");
    assert!(count.stdout.starts_with(&first), "{}", count.stdout);
    assert!(count.stdout.contains(" (follower "), "{}", count.stdout);
    assert_eq!(rows(&count.stdout)[1], ["(all)", "734"]);
    let count = ctl(&cluster, "keys count /registry/ --depth 1").await;
    let expected = [["/registry/pods/", "700"], ["/registry/events/", "30"], ["(all)", "730"]];
    assert_eq!(rows(&count.stdout)[1..], expected, "{}", count.stdout);

    let du = ctl(&cluster, "keys du --page-keys 100 --top 2").await;
    assert_eq!(du.code, 0, "{}", du.stderr);
    let rows_of_du = rows(&du.stdout);
    assert_eq!(rows_of_du[1], ["/registry/events/", "30", "91", "kB"], "{}", du.stdout);
    assert_eq!(rows_of_du[2], ["/registry/pods/", "700", "86", "kB"], "{}", du.stdout);
    assert_eq!(rows_of_du[3][..2], ["(3", "more)"], "{}", du.stdout);
    assert_eq!(rows_of_du[4][..2], ["(all)", "734"], "{}", du.stdout);
    let du = ctl(&cluster, "keys du -w json").await;
    let json: serde_json::Value = serde_json::from_str(&du.stdout).unwrap();
    assert_eq!((&json["keys"], &json["role"]), (&734.into(), &"follower".into()));
    let prefixes = json["prefixes"].as_array().unwrap();
    assert_eq!(prefixes[0]["prefix"], "/registry/events/");
    let bytes = |value: &serde_json::Value| value["bytes"].as_u64().unwrap();
    assert_eq!(prefixes.iter().map(bytes).sum::<u64>(), bytes(&json));
    assert!(prefixes.iter().any(|prefix| prefix["prefix_base64"] == "/xtbMkov"), "{json}");

    let tree = ctl(&cluster, "keys tree /registry/ --top 2").await;
    assert_eq!(rows(&tree.stdout).len(), 7, "{}", tree.stdout);
    assert!(tree.stdout.contains("\n  ns"), "{}", tree.stdout);
    assert!(tree.stdout.contains("\n  (5 more)"), "{}", tree.stdout);

    let top = ctl(&cluster, "keys top --by versions --top 1").await;
    assert_eq!(rows(&top.stdout)[1][..2], ["plain", "5"], "{}", top.stdout);
    let top = ctl(&cluster, "keys top --by lease -w json").await;
    let json: serde_json::Value = serde_json::from_str(&top.stdout).unwrap();
    assert_eq!((&json["leases"], &json["top"][0]["keys"]), (&1.into(), &2.into()));
    let top = ctl(&cluster, "keys top --top 40").await;
    assert!(top.stdout.contains("\n/registry/events/e9"), "{}", top.stdout);
    assert_eq!(rows(&top.stdout)[41][..3], ["(all", "734", "keys)"], "{}", top.stdout);
    let odd = ctl(&cluster, "keys du").await;
    assert!(odd.stdout.contains(r#""\xff\x1b[2J/""#), "{}", odd.stdout);

    for wrong in ["keys du --depth -1", "keys du --separator ab", "keys du a b", "keys du --rev -1"]
    {
        assert_eq!(ctl(&cluster, wrong).await.code, 128, "{wrong}");
    }
    assert_eq!(ctl(&cluster, "keys top --by weight").await.code, 4);
    let old = ctl(&cluster, "keys count --depth 1 --rev 11").await;
    assert_eq!(rows(&old.stdout).last().unwrap()[..], ["(all)", "10"], "{}", old.stdout);
    cluster.client().compact(revision, true, AMPLE).await.unwrap();
    wait_until("the compaction everywhere", AMPLE * 3, async || {
        ctl(&cluster, "keys du --rev 11").await.code == 1
    })
    .await
    .unwrap();
    let compacted = ctl(&cluster, "keys du --rev 11").await;
    assert!(compacted.stderr.contains("has been compacted"), "{}", compacted.stderr);
    assert!(compacted.stderr.contains("0 keys were read at revision 11"), "{}", compacted.stderr);

    // A member that has enough to do is left alone; one that is lost is replaced.
    let spared = ctl(&cluster, "keys du --max-latency 1ns --patience 1ms --max-rate 300").await;
    assert_eq!(spared.code, 1, "{}", spared.stdout);
    assert!(spared.stderr.contains("stopped to spare 127.0.0.1:"), "{}", spared.stderr);
    assert!(spared.stderr.contains(" of 734 keys were read at "), "{}", spared.stderr);
    let slow = tokio::spawn({
        let endpoints = cluster.endpoints().join(",");
        async move { crate::operate::ctl_at(&endpoints, "keys du --max-rate 300 -w json").await }
    });
    let followed = cluster.follower().await.unwrap();
    let others = cluster.members().iter().filter(|member| member.name() != followed.name());
    // Whichever follower is read from: one after the other goes away.
    let leader = cluster.leader().await.unwrap();
    for other in others.filter(|member| member.name() != leader.name()).chain([followed]) {
        other.kill().await.unwrap();
        other.restart().await.unwrap();
        cluster.wait_ready().await.unwrap();
    }
    let slow = slow.await.unwrap();
    assert_eq!(slow.code, 0, "{}", slow.stderr);
    let json: serde_json::Value = serde_json::from_str(&slow.stdout).unwrap();
    assert_eq!(json["keys"], 734, "{}", slow.stderr);
}
