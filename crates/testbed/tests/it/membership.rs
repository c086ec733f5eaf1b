//! Members come, are promoted, change their flags, and go.

use std::time::Duration;

use testbed::{Cluster, EtcdVersion};

const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_learner_joins_becomes_a_voter_and_leaves() {
    for version in EtcdVersion::available() {
        // Else etcd takes the next change only when all have been connected for five seconds.
        let builder = Cluster::builder(version).members(1).flag("--strict-reconfig-check=false");
        let mut cluster = builder.start().await.unwrap();
        let id = cluster.add_learner().await.unwrap().id();
        assert_eq!(learners(&cluster).await, [false, true]);
        cluster.promote(id).await.unwrap();
        assert_eq!(learners(&cluster).await, [false, false]);

        cluster.add_member().await.unwrap();
        assert_eq!(learners(&cluster).await, [false, false, false]);
        let dir = cluster.member(1).data_dir();
        cluster.remove_member(id).await.unwrap();
        assert_eq!(learners(&cluster).await, [false, false]);
        assert!(!dir.exists());
        cluster.wait_ready().await.unwrap();
    }
}

/// Whether each listed member is a learner, voters first.
async fn learners(cluster: &Cluster) -> Vec<bool> {
    let list = cluster.client().members(DEADLINE).await.unwrap();
    let mut learners: Vec<_> = list.members.iter().map(|member| member.is_learner).collect();
    learners.sort_unstable();
    learners
}

#[tokio::test]
async fn a_restart_with_other_flags_keeps_the_data() {
    for version in EtcdVersion::available().into_iter().take(1) {
        let cluster = Cluster::builder(version).members(1).start().await.unwrap();
        cluster.client().put("key", "value", None, DEADLINE).await.unwrap();
        cluster.member(0).restart_with(&["--max-request-bytes=100"]).await.unwrap();
        cluster.wait_ready().await.unwrap();
        let reply = cluster.client().get(etcd::GetRequest::key("key"), DEADLINE).await.unwrap();
        assert_eq!(reply.kvs[0].value, "value");
        let large = cluster.client().put("key", "v".repeat(1000), None, DEADLINE).await;
        assert!(large.is_err());
    }
}
