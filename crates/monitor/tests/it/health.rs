//! A cluster that is well is seen as well, in full, whatever its version and protection.

use std::time::Duration;

use model::health::{ClusterState, Health, Role};
use testbed::{Cluster, EtcdVersion, Security};

use crate::watched::Watched;

async fn is_seen_in_full(version: EtcdVersion) {
    for security in Security::ALL {
        let watched = Watched::start(Cluster::builder(version).security(security)).await;
        let took = watched
            .until("healthy", Duration::from_secs(5), |v| v.state == ClusterState::Healthy)
            .await;
        println!("etcd {version:?} {security:?}: healthy after {took:?}");
        let view = watched.view();
        let leader = watched.etcd.leader().await.unwrap();
        assert_eq!(view.leader.as_ref().unwrap().member.id, Some(leader.id()));
        assert_eq!((view.quorum.voters, view.quorum.margin), (3, 1));
        assert_eq!(view.quorum.has_quorum, Some(true));
        assert_eq!(view.versions, [watched.etcd.version()]);
        assert_eq!(view.members.len(), 3);
        assert_eq!(view.members.iter().filter(|m| m.role == Role::Leader).count(), 1);
        let is_tls = security != Security::Plain;
        for member in &view.members {
            assert_eq!((member.health, member.is_reachable), (Health::Healthy, Some(true)));
            assert!(member.probes.linearizable_read.is_some(), "{member:?}");
            assert_eq!(member.certificate_expires_at.is_some(), is_tls);
            let status = member.status.as_ref().unwrap();
            assert!(status.db_size_bytes > 0 && status.raft_term > 0, "{status:?}");
        }
        // The quota comes from Status or, before 3.6, from the metrics.
        watched
            .until("quota and cluster version known", Duration::from_secs(5), |view| {
                view.cluster_version.is_some()
                    && view.members.iter().all(|member| {
                        let status = member.status.as_ref();
                        status.is_some_and(|status| status.db_size_quota_bytes.is_some())
                    })
            })
            .await;
        assert_eq!(watched.events(), [], "a healthy start is no news");
        watched.fleet.shutdown().await;
    }
}

mod tests {
    testbed::on_every_version!(is_seen_in_full);
}
