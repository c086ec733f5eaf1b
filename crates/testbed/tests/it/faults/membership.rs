//! Members added again, and learners that lag.

use std::time::Duration;

use testbed::{Cluster, EtcdVersion};

use super::DEADLINE;

/// Else etcd takes a change only when all have been connected for five seconds.
const CHANGE_AT_ONCE: &str = "--strict-reconfig-check=false";

async fn a_member_added_again_has_its_name_and_another_id(version: EtcdVersion) {
    let mut cluster = Cluster::builder(version).flag(CHANGE_AT_ONCE).start().await.unwrap();
    cluster.client().put("key", "value", None, DEADLINE).await.unwrap();
    let member = cluster.follower().await.unwrap();
    let (old, name, url) = (member.id(), member.name().to_owned(), member.client_url());
    assert!(member.wipe().is_err(), "it runs");
    let member = cluster.readd(old).await.unwrap();
    assert_eq!((member.name(), member.client_url()), (name.as_str(), url));
    let id = member.id();
    assert_ne!(id, old);
    let list = cluster.client().members(DEADLINE).await.unwrap().members;
    assert_eq!(list.len(), 3);
    assert!(list.iter().any(|member| member.id == id && member.name == name));
    let again = cluster.readd(old).await;
    assert!(again.unwrap_err().to_string().contains("not one of this cluster"));
    let member = cluster.members().iter().find(|member| member.id() == id).unwrap();
    let read = cluster.client_of(member).get(etcd::GetRequest::key("key"), DEADLINE).await;
    assert_eq!(read.unwrap().kvs[0].value, "value");
}

async fn a_learner_that_is_held_back_cannot_be_promoted(version: EtcdVersion) {
    let builder = Cluster::builder(version).members(1).flag(CHANGE_AT_ONCE);
    let mut cluster = builder.start().await.unwrap();
    let id = cluster.add_learner().await.unwrap().id();
    let learner = cluster.member(1);
    learner.pause().await.unwrap();
    let writer = cluster.client_of(cluster.member(0));
    for number in 0..200 {
        writer.put(format!("key{number}"), "value", None, DEADLINE).await.unwrap();
    }
    let refused = cluster.client().member_promote(id, DEADLINE).await.unwrap_err();
    assert!(refused.to_string().contains("in sync with leader"), "{refused}");
    learner.resume().unwrap();
    cluster.promote(id).await.unwrap();
}

async fn leadership_goes_round(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    for _ in 0..2 {
        for member in cluster.members() {
            cluster.move_leader_to(member).await.unwrap();
            cluster.move_leader_to(member).await.unwrap();
            assert_eq!(cluster.leader().await.unwrap().name(), member.name());
        }
    }
}

async fn a_rolling_upgrade_goes_through_mixed_versions(from: EtcdVersion, to: EtcdVersion) {
    let cluster = Cluster::builder(from).start().await.unwrap();
    cluster.client().put("key", "value", None, DEADLINE).await.unwrap();
    for (done, member) in cluster.members().iter().enumerate() {
        member.restart_with_version(to).await.unwrap();
        cluster.wait_ready().await.unwrap();
        for (index, client) in cluster.client().each().iter().enumerate() {
            let expected = if index <= done { to } else { from };
            let version = client.status(DEADLINE).await.unwrap().version;
            assert!(version.starts_with(expected.as_str()), "{version} of {index}");
        }
    }
    let read = cluster.client().get(etcd::GetRequest::key("key"), DEADLINE).await.unwrap();
    assert_eq!(read.kvs[0].value, "value");
}

async fn leases_are_granted_in_masses(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let leases = cluster.grant_leases(1000, Duration::from_hours(1)).await.unwrap();
    assert_eq!(leases.len(), 1000);
    let granted = "etcd_debugging_lease_granted_total";
    assert!(super::metric(&cluster, cluster.member(0), granted).await >= 1000.0);
    cluster.client().lease_revoke(leases[999], DEADLINE).await.unwrap();
}

mod tests {
    use testbed::{EtcdVersion, on};

    testbed::on_every_version!(a_member_added_again_has_its_name_and_another_id);

    #[tokio::test]
    async fn a_learner_that_is_held_back_cannot_be_promoted() {
        on(EtcdVersion::V3_5, super::a_learner_that_is_held_back_cannot_be_promoted).await;
    }

    #[tokio::test]
    async fn leadership_goes_round() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::leadership_goes_round).await;
        }
    }

    #[tokio::test]
    async fn a_rolling_upgrade_goes_through_mixed_versions() {
        for pair in EtcdVersion::ALL.windows(2) {
            // The older one is looked for here, the newer one before.
            if let Err(missing) = pair[1].binary() {
                testbed::version::skip(&missing);
                continue;
            }
            let upgrade =
                |from| super::a_rolling_upgrade_goes_through_mixed_versions(from, pair[1]);
            on(pair[0], upgrade).await;
        }
    }

    #[tokio::test]
    async fn leases_are_granted_in_masses() {
        on(EtcdVersion::V3_5, super::leases_are_granted_in_masses).await;
    }
}
