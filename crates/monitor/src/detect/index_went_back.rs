//! Index went back: the raft index or the revision of a member is lower than it was, and its process
//! was not started again in between. Specs call it D10.

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::{Condition, Window};
use crate::chronicle::StepBack;
use crate::view::MemberView;

/// A step back is told once, in the sweep in which it became certain, and stays for a day.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let went_back = picture.members.iter().filter_map(|member| {
        let step = window.chronicle.member(member.id?)?.went_back?;
        (step.known_at == picture.at()).then(|| condition(member, &step))
    });
    went_back.collect()
}

fn condition(member: &MemberView, step: &StepBack) -> Condition {
    let name = &member.name;
    let endpoint = member.endpoint.as_deref().unwrap_or_default();
    let what = match (step.to.index < step.from.index, step.to.revision < step.from.revision) {
        (true, true) => "raft index and the revision",
        (true, false) => "raft index",
        _ => "revision",
    };
    let evidence = [step.from, step.to].map(|position| Evidence {
        at: position.at,
        source: format!("{endpoint} Status"),
        observed: format!("raft index = {}, revision = {}", position.index, position.revision),
    });
    Condition::new(
        FindingKind::IndexWentBack,
        Severity::Critical,
        format!("the {what} of {name} went back while its process ran on"),
    )
    .of(Some(member.reference()))
    .explained(
        "Both only ever grow in a member that works. Either its data was rolled back or damaged, or \
         two processes answer in its name.",
    )
    .resting_on(evidence)
    .caused_by([
        "its machine was set back to a snapshot, or its disk lost writes that it had confirmed",
        "two processes run with copies of one data directory",
        "a defect of the etcd version (etcd#17780, up to 3.4.31 and 3.5.13): see version_cve",
    ])
    .next([
        format!("do not trust {name} until its data was compared: etcdctl --endpoints=ALL_ENDPOINTS endpoint hashkv --write-out=table"),
        format!("etcdctl --endpoints={endpoint} endpoint status --write-out=json, several times: watch raftIndex and revision"),
        format!("if its data differs, remove {name}, wipe its data directory and add it anew"),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{SCRAPES, Scene, of_kind};

    const START: &str = "process_start_time_seconds";

    fn scene(starts: f64) -> Scene {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.metric(id, START, starts);
            scene.metric(id, "etcd_server_has_leader", 1.0);
        }
        scene
    }

    #[test]
    fn a_revision_that_drops_in_a_running_process_is_told_when_that_is_certain() {
        let mut scene = scene(1_700_000_000.0);
        scene.run(Duration::from_secs(20), |_, _| {});
        scene.member(2).status.header.revision = 60;
        let verdict = scene.run(2 * SCRAPES, |_, _| {});
        let finding = &of_kind(&verdict, FindingKind::IndexWentBack)[0];
        assert!(finding.is_open(), "it stays for a day after the moment");
        assert_eq!(finding.summary, "the revision of m2 went back while its process ran on");
        assert_eq!(finding.evidence[0].observed, "raft index = 90, revision = 70");
        assert_eq!(finding.evidence[1].observed, "raft index = 90, revision = 60");
    }

    #[test]
    fn a_member_that_was_started_again_may_be_behind() {
        let mut scene = scene(1_700_000_000.0);
        scene.run(Duration::from_secs(20), |_, _| {});
        scene.member(2).status.raft_index = 60;
        let started = scene.now.as_second() as f64;
        scene.metric(2, START, started);
        let verdict = scene.run(2 * SCRAPES, |_, _| {});
        assert!(of_kind(&verdict, FindingKind::IndexWentBack).is_empty());
    }
}
