//! Learner stuck: a learner does not catch up, or was never promoted. Specs call it D2 and D10.

use model::finding::FindingKind;
use model::health::Role;
use model::severity::Severity;

use super::answers::{agreed_index, answers};
use super::{Condition, Window};

/// Entries behind from which a learner has not caught up.
const BEHIND: u64 = 1_000;

/// A learner is there for a while only: that it stays for an hour is for the hysteresis to say.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let answers = answers(picture);
    let agreed = agreed_index(picture, &answers);
    let learners = picture.members.iter().filter(|member| member.role == Role::Learner);
    learners
        .map(|member| {
            let answer = answers.iter().find(|answer| answer.member.id == member.id);
            let lag = answer.and_then(|answer| {
                Some(agreed?.saturating_sub(answer.status.raft_index))
            });
            let is_caught_up = lag.is_some_and(|lag| lag <= BEHIND);
            let name = &member.name;
            let id = member.id.map_or_else(String::new, |id| id.to_string());
            let (severity, summary) = if is_caught_up {
                (Severity::Info, format!("the learner {name} has caught up and was not promoted"))
            } else {
                (Severity::Warning, format!("the learner {name} does not catch up"))
            };
            let condition = Condition::new(FindingKind::LearnerStuck, severity, summary)
                .of(Some(member.reference()))
                .explained(
                    "A learner takes part in no vote and serves no linearizable reads. It is meant to \
                     be promoted once it has caught up; until then it adds load and no safety.",
                )
                .caused_by(if is_caught_up {
                    ["nobody promoted it", "it is kept as a standby on purpose"]
                } else {
                    [
                        "it is down, or its disk or its link is too slow for the load",
                        "the database is so large that its snapshot does not arrive in time",
                    ]
                })
                .next(if is_caught_up {
                    [
                        format!("etcdctl member promote {id}"),
                        format!("or, if it is not wanted: etcdctl member remove {id}"),
                    ]
                } else {
                    [
                        format!("look at the log of {name}, at its disk and its link to the leader"),
                        format!(
                            "if it does not come up: etcdctl member remove {id}, wipe its data \
                             directory, etcdctl member add {name} --learner --peer-urls=URL"
                        ),
                    ]
                });
            match (answer, lag, agreed) {
                (Some(answer), Some(lag), Some(agreed)) => condition.resting_on([
                    answer.evidence(format!(
                        "isLearner, raft index = {}; a majority has committed {agreed}: {lag} entries \
                         behind",
                        answer.status.raft_index
                    )),
                ]),
                _ => condition.seen(
                    picture.at(),
                    "MemberList",
                    format!("member {id} isLearner; it does not tell how far it is"),
                ),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn scene() -> Scene {
        let mut scene = Scene::new(4);
        scene.members[3].is_learner = true;
        scene.member(4).status.is_learner = true;
        scene
    }

    #[test]
    fn a_learner_that_nobody_promotes_is_told_after_an_hour_until_it_is() {
        let mut scene = scene();
        let verdict = scene.run(Duration::from_mins(55), |_, _| {});
        assert_eq!(open(&verdict), [""; 0]);
        assert!(verdict.is_calm, "it costs no extra sweeps");
        let verdict = scene.run(Duration::from_mins(6), |_, _| {});
        assert_eq!(open(&verdict), ["learner_stuck m4"]);
        assert_eq!(of_kind(&verdict, FindingKind::LearnerStuck)[0].severity, Severity::Info);
        scene.members[3].is_learner = false;
        assert!(of_kind(&scene.sweep(), FindingKind::LearnerStuck).is_empty());
    }

    #[test]
    fn one_that_stays_far_behind_is_a_warning() {
        let mut scene = scene();
        for id in 1..=3 {
            scene.member(id).status.raft_index = 50_000;
            scene.member(id).status.raft_applied_index = 50_000;
        }
        let verdict = scene.run(Duration::from_mins(62), |_, _| {});
        let finding = &of_kind(&verdict, FindingKind::LearnerStuck)[0];
        assert_eq!((finding.severity, finding.is_open()), (Severity::Warning, true));
        assert!(finding.evidence[0].observed.contains("49910 entries behind"));
    }
}
