//! Quorum at risk: the next voter that fails takes the quorum with it. Specs call it D2.

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture::{self, Picture};
use crate::view::MemberView;

/// Only where a voter is missing: that a cluster of two has no margin at all is its size's fault, and
/// a cluster of one has none to lose.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let (voting, missing): (Vec<&MemberView>, Vec<&MemberView>) =
        picture.voters().partition(|member| takes_part(picture, member));
    let is_at_risk = voting.len() == picture.quorum.needed
        && !missing.is_empty()
        && picture::has_quorum(&picture.sweep) == Some(true);
    if !is_at_risk {
        return Vec::new();
    }
    vec![condition(picture, voting.len(), &missing)]
}

/// Whether a member votes, as far as we can tell: it answers and follows a leader. An alarm on it
/// does not keep it from voting.
fn takes_part(picture: &Picture, member: &MemberView) -> bool {
    let status = picture.sweep_of(member).and_then(|said| said.status.answer());
    status.is_some_and(|status| status.leader.is_some())
}

fn condition(picture: &Picture, voting: usize, missing: &[&MemberView]) -> Condition {
    let names: Vec<&str> = missing.iter().map(|member| member.name.as_str()).collect();
    let names = names.join(", ");
    let quorum = picture.quorum;
    let evidence = missing.iter().map(|member| Evidence {
        at: picture.at(),
        source: match &member.endpoint {
            Some(endpoint) => format!("{endpoint} Status"),
            None => "MemberList".to_owned(),
        },
        observed: member.reasons.first().map_or_else(
            || format!("{} takes part in no quorum", member.name),
            |why| format!("{}: {why}", member.name),
        ),
    });
    Condition::new(
        FindingKind::QuorumAtRisk,
        Severity::Warning,
        format!("one failure from outage: {names} missing, {voting} of {} voters left", quorum.voters),
    )
    .explained(format!(
        "The cluster serves, with exactly the {} voters that a majority needs. If one more fails, \
         every write and every linearizable read fails.",
        quorum.needed
    ))
    .resting_on(evidence)
    .caused_by([
        "a member is down, frozen or cut off",
        "a member was added and never started: it counts among the voters all the same",
    ])
    .next([
        format!("bring back {names}: check the host and start etcd there"),
        "do not restart, upgrade or defragment any other member until then".to_owned(),
        "if its data is lost: etcdctl member remove ID, wipe the data directory, etcdctl member add \
         NAME --peer-urls=URL"
            .to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind};

    fn is_open(scene: &mut Scene, sweeps: u32) -> bool {
        let verdict = scene.sweeps(sweeps);
        of_kind(&verdict, FindingKind::QuorumAtRisk).iter().any(|finding| finding.is_open())
    }

    #[test]
    fn one_of_three_missing_is_told_by_name_until_it_is_back() {
        let mut scene = Scene::new(3);
        scene.sweeps(2);
        scene.member(2).answers = false;
        let verdict = scene.sweeps(4);
        let finding = &of_kind(&verdict, FindingKind::QuorumAtRisk)[0];
        assert!(finding.is_open());
        assert_eq!(finding.summary, "one failure from outage: m2 missing, 2 of 3 voters left");
        scene.member(2).answers = true;
        assert!(!is_open(&mut scene, 4));
    }

    #[test]
    fn a_member_that_knows_no_leader_is_missing_too() {
        let mut scene = Scene::new(3);
        scene.member(3).status.leader = None;
        scene.member(3).reads = false;
        assert!(is_open(&mut scene, 4));
    }

    #[test]
    fn five_with_one_missing_two_that_are_well_and_one_alone_are_not_at_risk() {
        let mut five = Scene::new(5);
        five.member(5).answers = false;
        assert!(!is_open(&mut five, 6));
        assert!(!is_open(&mut Scene::new(2), 6));
        assert!(!is_open(&mut Scene::new(1), 6));
    }

    #[test]
    fn a_quorum_that_is_lost_is_not_at_risk() {
        let mut scene = Scene::new(3);
        for id in 1..=2 {
            scene.member(id).answers = false;
        }
        scene.member(3).reads = false;
        assert!(!is_open(&mut scene, 6));
    }
}
