//! Every version, however protected, starts, survives the loss of its leader, and knows its users.

use std::time::Duration;

use etcd::{Connector, ErrorClass};
use testbed::{Cluster, EtcdVersion, Login, Security};

const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_version_starts_and_survives_the_kill_of_its_leader() {
    for version in EtcdVersion::available() {
        for security in Security::ALL {
            let cluster =
                Cluster::builder(version).security(security).metrics_urls(true).start().await;
            let cluster = cluster.unwrap();
            assert!(cluster.version().starts_with(version.as_str()), "{}", cluster.version());
            survives_the_kill_of_its_leader(&cluster).await;
            if security == Security::TlsAuth {
                knows_its_users(&cluster).await;
            }
        }
    }
}

async fn survives_the_kill_of_its_leader(cluster: &Cluster) {
    let old = cluster.leader().await.unwrap();
    old.kill().await.unwrap();
    assert!(!old.is_running() && old.pid().is_none());
    cluster.wait_ready().await.unwrap();
    assert_ne!(cluster.leader().await.unwrap().id(), old.id());
    old.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
    assert!(old.is_running());
}

async fn knows_its_users(cluster: &Cluster) {
    let read = async |login, key: &[u8]| {
        let connector = Connector::new(cluster.client_config(login)).unwrap();
        let endpoint = cluster.client().each()[0].endpoint().clone();
        connector.member(endpoint).probe_read(key, false, DEADLINE).await
    };
    let class = |result: Result<_, etcd::Error>| result.map(drop).map_err(|error| error.class());
    assert_eq!(class(read(Login::Root, b"anything").await), Ok(()));
    assert_eq!(class(read(Login::Monitor, b"etcd-monitor/key").await), Ok(()));
    let refused = class(read(Login::Monitor, b"anything").await);
    assert_eq!(refused, Err(ErrorClass::PermissionDenied));
    assert!(read(Login::Nobody, b"anything").await.is_err());
}

#[tokio::test]
async fn a_paused_member_answers_again_after_it_is_resumed() {
    for version in EtcdVersion::available().into_iter().rev().take(1) {
        let cluster = Cluster::builder(version).members(5).start().await.unwrap();
        let member = cluster.follower().await.unwrap();
        let client = cluster.client_of(member);
        member.pause().await.unwrap();
        assert!(member.is_running());
        assert!(client.status(Duration::from_millis(300)).await.is_err());
        member.resume().unwrap();
        cluster.wait_ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_member_that_cannot_start_shows_why() {
    for version in EtcdVersion::available().into_iter().rev().take(1) {
        let builder = Cluster::builder(version).flag("--auto-compaction-mode=nonsense");
        let error = builder.start().await.unwrap_err();
        let text = error.to_string();
        // All of them end; which is seen first is chance.
        assert!(text.contains("member m") && text.contains(" ended"), "{text}");
        assert!(text.contains("unknown auto-compaction-mode"), "{text}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_etcd_is_told_apart() {
    let error = Cluster::builder_with_binary("/bin/true").start().await.unwrap_err();
    assert!(error.to_string().contains("give an etcd server binary"), "{error}");
}
