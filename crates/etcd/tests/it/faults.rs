//! Members that restart, freeze or lose their quorum.

use std::time::Duration;

use etcd::ErrorClass;
use testbed::{Cluster, EtcdVersion, Login, Security, wait_until};
use tokio::time::Instant;

use crate::{AMPLE, member, newest, single};

const SHORT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_restart_with_authentication_on_is_no_lasting_failure_on_any_version() {
    for version in EtcdVersion::available() {
        let cluster = single(version, Security::TlsAuth).await;
        let member = member(&cluster, 0, cluster.client_config(Login::Monitor));
        member.status(AMPLE).await.unwrap();
        for graceful in [true, false] {
            if graceful {
                cluster.member(0).stop().await.unwrap();
            } else {
                cluster.member(0).kill().await.unwrap();
            }
            let error = member.status(AMPLE).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Refused, "{error}");
            cluster.member(0).restart().await.unwrap();
            wait_until("the member answers again", AMPLE, async || {
                member.probe_read(b"etcd-monitor/absent", false, SHORT).await.is_ok()
            })
            .await
            .unwrap();
        }
    }
}

#[tokio::test]
async fn a_frozen_member_costs_its_deadline_and_answers_again_when_it_thaws() {
    let Some(version) = newest() else { return };
    tokio::join!(freeze(version, Security::Plain), freeze(version, Security::Tls));
}

async fn freeze(version: EtcdVersion, security: Security) {
    let cluster = single(version, security).await;
    let member = member(&cluster, 0, cluster.client_config(Login::Monitor));
    member.status(AMPLE).await.unwrap();
    cluster.member(0).pause().await.unwrap();
    let start = Instant::now();
    // Longer than the age at which a silent connection is given up.
    while start.elapsed() < Duration::from_secs(7) {
        let call = Instant::now();
        let error = member.status(SHORT).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Deadline, "{error}");
        assert!(call.elapsed() < SHORT * 3, "{:?}", call.elapsed());
    }
    cluster.member(0).resume().unwrap();
    wait_until("the member answers again", AMPLE, async || member.status(SHORT).await.is_ok())
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_quorum_a_member_still_tells_its_state() {
    let Some(version) = newest() else { return };
    let cluster = Cluster::builder(version).security(Security::TlsAuth).start().await.unwrap();
    let member = member(&cluster, 0, cluster.client_config(Login::Monitor));
    member.status(AMPLE).await.unwrap();
    cluster.member(1).kill().await.unwrap();
    cluster.member(2).kill().await.unwrap();
    wait_until("the member knows no leader", AMPLE, async || {
        member.status(SHORT).await.is_ok_and(|status| status.leader.is_none())
    })
    .await
    .unwrap();
    let error = member.probe_read(b"etcd-monitor/absent", false, SHORT).await.unwrap_err();
    assert!(matches!(error.class(), ErrorClass::Deadline | ErrorClass::NoLeader), "{error}");
    member.probe_read(b"etcd-monitor/absent", true, AMPLE).await.unwrap();
}
