//! Lease storm: leases end or are granted in masses.
//!
//! Only the leader counts what expires; grants and revocations are counted by every member as it
//! applies them, so that the greatest number among the members is taken. The finding is about the
//! cluster.

use model::finding::FindingKind;
use model::severity::Severity;

use super::reading::Reading;
use super::{Condition, Window};

/// Expirations per second: clusters were reported to stand still at 300 to 400 (etcd#9360).
const EXPIRED: f64 = 200.0;

/// Leases per second that clients grant, or revoke themselves: much, but asked for.
const ASKED_FOR: f64 = 1_000.0;

/// One condition at most.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let readings: Vec<Reading<'_>> = window.readings().collect();
    let most = |name| most(&readings, name);
    let expired = most("leases_expired_per_second").filter(|(_, rate)| *rate > EXPIRED);
    let granted = most("leases_granted_per_second").filter(|(_, rate)| *rate > ASKED_FOR);
    let revoked = most("leases_revoked_per_second").filter(|(_, rate)| *rate > ASKED_FOR);
    let (severity, summary) = match (&expired, &granted, &revoked) {
        (Some((of, _)), _, _) => {
            (Severity::Warning, format!("leases expire in masses on {}", of.member.name))
        }
        (None, Some(_), _) => (Severity::Info, "leases are granted in masses".to_owned()),
        (None, None, Some(_)) => (Severity::Info, "leases are revoked in masses".to_owned()),
        (None, None, None) => return Vec::new(),
    };
    let evidence = [
        ("etcd_debugging_server_lease_expired_total", expired),
        ("etcd_debugging_lease_granted_total", granted),
        ("etcd_debugging_lease_revoked_total", revoked),
    ];
    let evidence = evidence.into_iter().filter_map(|(metric, most)| {
        let (of, rate) = most?;
        Some(of.evidence(format!("{metric}: {rate:.1} per second over the last minute")))
    });
    let condition = Condition::new(FindingKind::LeaseStorm, severity, summary)
        .explained(
            "Each lease that ends is a write of its own and deletes its keys, and each deletion goes \
             to all who watch them. etcd revokes 1,000 per second at most; what waits holds up other \
             writes.",
        )
        .resting_on(evidence)
        .caused_by([
            "many clients lost their connection at once, and their leases run out together",
            "a client grants a lease for each request instead of keeping one alive",
            "leases with a TTL of a few seconds, whose clients are late to renew them",
            "a leader change: the new leader extends all leases, which then end at the same moment",
        ])
        .next([
            "etcdctl lease list | head -1: how many leases there are",
            "etcdctl lease timetolive LEASE --keys, for a few of them: whose keys are they?",
            "let clients share one lease for many keys, with a TTL of a minute or more",
        ]);
    vec![condition]
}

fn most<'a>(readings: &[Reading<'a>], name: &str) -> Option<(Reading<'a>, f64)> {
    readings
        .iter()
        .filter_map(|reading| Some((*reading, reading.figures?.get(name)?)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn with(scene: &mut Scene, metric: &str, per_second: f64) -> Vec<String> {
        let verdict = scene.run(Duration::from_mins(3), |scene, _| {
            let last = scene.member(1).page.get(metric).copied().unwrap_or(1.0);
            scene.metric(1, metric, last + 15.0 * per_second);
            scene.metric(2, metric, 0.0);
        });
        let found = of_kind(&verdict, FindingKind::LeaseStorm);
        assert_eq!(found.len(), open(&verdict).len());
        found.iter().map(|finding| format!("{} {}", finding.severity, finding.summary)).collect()
    }

    #[test]
    fn masses_that_expire_are_told_until_they_end() {
        let mut scene = Scene::new(3);
        let expired = "etcd_debugging_server_lease_expired_total";
        assert_eq!(with(&mut scene, expired, 350.0), ["warning leases expire in masses on m1"]);
        assert_eq!(with(&mut scene, expired, 100.0), [""; 0]);
        assert_eq!(with(&mut scene, expired, f64::NAN), [""; 0]);
    }

    #[test]
    fn what_clients_ask_for_is_only_told() {
        let granted = "etcd_debugging_lease_granted_total";
        assert_eq!(with(&mut Scene::new(3), granted, 350.0), [""; 0]);
        let told = with(&mut Scene::new(3), granted, 2_000.0);
        assert_eq!(told, ["info leases are granted in masses"]);
    }
}
