//! Certificates that are about to expire.

use jiff::SignedDuration;
use model::finding::FindingKind;
use model::severity::Severity;
use testbed::{Cluster, EtcdVersion, Security};

use super::{all_are_well, closes, opens, watched};

/// What a member shows is seen at a handshake, which a restart brings about.
async fn a_certificate_with_two_days_left_is_told_until_it_is_renewed(version: EtcdVersion) {
    let watched = watched(Cluster::builder(version).security(Security::Tls)).await;
    let certs = watched.etcd.certs().unwrap();
    let now = watched.fleet.clock().now();
    let in_days = |days: i64| now + SignedDuration::from_hours(24 * days);
    let member = watched.etcd.follower().await.unwrap();
    for (days, severity) in [(2, Severity::Critical), (10, Severity::Warning)] {
        certs.rotate_server(in_days(days)).unwrap();
        member.restart().await.unwrap();
        opens(&watched, FindingKind::CertExpiry, Some(member), severity).await;
    }
    certs.rotate_server(in_days(365)).unwrap();
    member.restart().await.unwrap();
    closes(&watched, FindingKind::CertExpiry).await;
    all_are_well(&watched).await;
    watched.fleet.shutdown().await;
}

mod tests {
    use testbed::{EtcdVersion, on};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_certificate_with_two_days_left_is_told_until_it_is_renewed() {
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_7] {
            on(version, super::a_certificate_with_two_days_left_is_told_until_it_is_renewed).await;
        }
    }
}
