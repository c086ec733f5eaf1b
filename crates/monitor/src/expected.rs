//! What is to be expected: trouble that a declared maintenance window explains.

use jiff::Timestamp;
use model::finding::FindingKind;
use model::maintenance::Maintenance;

use crate::detect::Condition;

/// What work on a cluster brings about: members that come and go, leaders that change. A quorum that
/// is lost, data that differ or a full database are none of it.
const EXPECTED: [FindingKind; 18] = [
    FindingKind::NoLeader,
    FindingKind::MemberDown,
    FindingKind::MemberUnreachable,
    FindingKind::QuorumAtRisk,
    FindingKind::StaleLeader,
    FindingKind::LeaderFlapping,
    FindingKind::UnstartedMember,
    FindingKind::LearnerStuck,
    FindingKind::MemberIsolated,
    FindingKind::LinkDown,
    FindingKind::SlowPeer,
    FindingKind::RaftLag,
    FindingKind::ApplyLag,
    FindingKind::GrpcErrors,
    FindingKind::SlowRequests,
    FindingKind::VersionSkew,
    FindingKind::FlagsDiffer,
    FindingKind::MetricsUnreadable,
];

/// Why `condition` was to be expected at `now`, if one of `windows` explains it.
pub fn why(condition: &Condition, windows: &[Maintenance], now: Timestamp) -> Option<String> {
    let window = windows.iter().find(|window| window.covers(now))?;
    EXPECTED.contains(&condition.kind).then(|| {
        format!("maintenance until {}: {}", window.until.strftime("%F %H:%M:%SZ"), window.why)
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use model::severity::Severity;

    use super::*;
    use crate::scene::{Scene, of_kind};

    #[test]
    fn a_member_that_is_restarted_in_a_window_is_told_for_information() {
        let mut scene = Scene::new(3);
        scene.sweep();
        let window = Maintenance {
            cluster: "test".to_owned(),
            from: scene.now,
            until: scene.now + SignedDuration::from_mins(1),
            why: "rolling restart".to_owned(),
        };
        scene.declare(vec![window]);
        scene.member(3).answers = false;
        let verdict = scene.sweeps(5);
        let found = &of_kind(&verdict, FindingKind::MemberUnreachable)[0];
        assert_eq!(found.severity, Severity::Info);
        assert!(found.expected.as_ref().unwrap().ends_with(": rolling restart"));
        // What outlasts the window is no part of it.
        let verdict = scene.sweeps(40);
        let found = &of_kind(&verdict, FindingKind::MemberUnreachable)[0];
        assert_eq!((found.severity, &found.expected), (Severity::Warning, &None));
    }

    #[test]
    fn a_window_explains_no_lost_quorum() {
        let mut scene = Scene::new(3);
        scene.sweep();
        let until = scene.now + SignedDuration::from_hours(1);
        let (cluster, why) = ("test".to_owned(), String::new());
        scene.declare(vec![Maintenance { cluster, from: scene.now, until, why }]);
        for id in 1..=3 {
            scene.member(id).reads = false;
        }
        let verdict = scene.sweeps(5);
        let found = &of_kind(&verdict, FindingKind::QuorumLost)[0];
        assert_eq!((found.severity, &found.expected), (Severity::Critical, &None));
    }
}
