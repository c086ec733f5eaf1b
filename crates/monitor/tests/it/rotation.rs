//! Certificates that rotate and members that forget tokens never lead to a lasting failure.

use std::time::Duration;

use model::health::ClusterState;
use testbed::{Cluster, EtcdVersion, Security};

use crate::watched::Watched;

async fn rotation_and_restarts_with_auth_need_no_restart_of_ours(version: EtcdVersion) {
    let builder = Cluster::builder(version).security(Security::TlsAuth);
    let watched = Watched::start(builder).await;
    let soon = Duration::from_secs(20);
    let is_healthy = |view: &monitor::view::ClusterView| view.state == ClusterState::Healthy;
    watched.until("healthy", soon, is_healthy).await;

    watched.etcd.certs().unwrap().rotate_client().unwrap();
    for index in 0..3 {
        // A restarted member has forgotten all simple tokens, and wants a new handshake.
        let member = watched.etcd.member(index);
        member.restart().await.unwrap();
        let (id, restarted_at) = (member.id(), watched.fleet.clock().now());
        watched
            .until("healthy after a restart", soon, |view| {
                let member = view.members.iter().find(|member| member.id == Some(id)).unwrap();
                member.last_seen.is_some_and(|seen| seen > restarted_at) && is_healthy(view)
            })
            .await;
    }
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(rotation_and_restarts_with_auth_need_no_restart_of_ours);
}
