//! Zombie member: one that was removed from the cluster goes on serving, or goes on in the list of a
//! member. Specs call it D2.

use std::collections::BTreeSet;

use etcd::MemberList;
use model::finding::{Evidence, FindingKind};
use model::id::MemberId;
use model::severity::Severity;

use super::answers::{Answer, answers};
use super::{Condition, Window};
use crate::picture::{self, Picture, QuorumRead};

/// A member whose applied index is further away than this may not have heard of the removal.
const COMPARABLE: u64 = 100;

/// The list that a member gave which also reads with the quorum.
type Agreed<'a> = (Answer<'a>, &'a MemberList);

/// Both cases. A removed member ends by itself within a second: what lasts is for the hysteresis.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let answers = answers(picture);
    let lists: Vec<Agreed<'_>> = answers
        .iter()
        .filter(|answer| picture::quorum_read(&picture.sweep, answer.said) == QuorumRead::Succeeded)
        .filter_map(|answer| {
            let call = answer.said.members.since(picture.sweep.started_at)?;
            let list = call.result.as_ref().ok()?;
            (picture.cluster_id == Some(list.header.cluster_id)).then_some((*answer, list))
        })
        .collect();
    let serving = answers.iter().filter_map(|answer| serving(picture, answer, &lists));
    let in_lists = answers.iter().filter_map(|answer| in_list(picture, answer, &lists));
    serving.chain(in_lists).collect()
}

/// A list without `id`, if most of those who answered have none of it. Before 3.5 a member answers
/// with its own list, so that its word does not count for itself.
fn without<'a, 'b>(lists: &'b [Agreed<'a>], id: MemberId) -> Option<&'b Agreed<'a>> {
    let others = || lists.iter().filter(|(answer, _)| answer.status.header.member_id != id);
    let lacks = |(_, list): &&Agreed<'_>| list.members.iter().all(|member| member.id != id);
    if others().filter(lacks).count() * 2 <= others().count() {
        return None;
    }
    others().find(lacks)
}

fn evidence_of((answer, list): &Agreed<'_>) -> Evidence {
    let ids: Vec<String> = list.members.iter().map(|member| member.id.to_string()).collect();
    Evidence {
        at: answer.at(),
        source: format!("{} MemberList (linearizable)", answer.said.endpoint),
        observed: format!("members {}", ids.join(", ")),
    }
}

/// It answers, and the quorum's list does not have it.
fn serving(picture: &Picture, answer: &Answer<'_>, lists: &[Agreed<'_>]) -> Option<Condition> {
    let id = answer.status.header.member_id;
    let agreed = without(lists, id)?;
    let endpoint = &answer.said.endpoint;
    let name = &answer.member.name;
    let reads = picture::quorum_read(&picture.sweep, answer.said) == QuorumRead::Succeeded;
    let condition = Condition::new(
        FindingKind::ZombieMember,
        Severity::Critical,
        format!("{name} was removed from the cluster (member {id}) and goes on serving"),
    )
    .of(Some(answer.member.reference()))
    .explained(if reads {
        "The members' list does not have it, and yet it reads with a quorum: it counts in somebody's \
         votes. Clients that are connected to it may get another cluster's truth."
    } else {
        "The members' list does not have it. Clients that are connected to it get old data from \
         serializable reads, and errors from everything else."
    })
    .resting_on([
        answer.evidence(format!(
            "member_id = {id}, leader = {}, raft index = {}",
            answer.status.leader.map_or("none".to_owned(), |leader| leader.to_string()),
            answer.status.raft_index
        )),
        evidence_of(agreed),
    ])
    .caused_by([
        "it was cut off when it was removed, so that it never heard of it",
        "it was removed to be replaced, and the old process was not stopped",
        "an upgrade from 3.5 (before 3.5.26) to 3.6 brought a removed member back (etcd#20967)",
    ])
    .next([
        format!("etcdctl --endpoints={} member list --write-out=table", agreed.0.said.endpoint),
        format!("stop etcd at {endpoint}, and take the endpoint out of your clients' configuration"),
        "wipe its data directory before it joins again: etcdctl member add NAME --peer-urls=URL"
            .to_owned(),
    ]);
    Some(condition)
}

/// A member of the cluster has one in its own list that the quorum's does not have.
fn in_list(picture: &Picture, answer: &Answer<'_>, lists: &[Agreed<'_>]) -> Option<Condition> {
    // One that is cut off has not heard of the removal, however few entries it misses.
    if !answer.member.is_listed || answer.status.leader.is_none() {
        return None;
    }
    let call = answer.said.local_members.since(picture.sweep.started_at)?;
    let local = call.result.as_ref().ok()?;
    let own = answer.status.header.member_id;
    let mut agreed = None;
    let mut dead: BTreeSet<MemberId> = BTreeSet::new();
    for member in &local.members {
        // Its own list says nothing against itself.
        let others: Vec<Agreed<'_>> =
            lists.iter().filter(|(of, _)| of.status.header.member_id != own).copied().collect();
        if let Some(found) = without(&others, member.id)
            && found.0.status.raft_applied_index.abs_diff(answer.status.raft_applied_index)
                < COMPARABLE
        {
            dead.insert(member.id);
            agreed = Some(evidence_of(found));
        }
    }
    let agreed = agreed?;
    let ids: Vec<String> = dead.iter().map(ToString::to_string).collect();
    let ids = ids.join(", ");
    let name = &answer.member.name;
    let endpoint = &answer.said.endpoint;
    let condition = Condition::new(
        FindingKind::ZombieMember,
        Severity::Critical,
        format!("{name} still has {ids} in its member list, which the cluster has removed"),
    )
    .of(Some(answer.member.reference()))
    .about("list")
    .explained(
        "All members applied the removal, and this one keeps the removed member. It counts votes of \
         members that do not exist, so that it may see no quorum where there is one.",
    )
    .resting_on([
        Evidence {
            at: answer.at(),
            source: format!("{endpoint} MemberList (serializable)"),
            observed: format!("has {ids}"),
        },
        agreed,
    ])
    .caused_by([
        "an upgrade from 3.5 (before 3.5.26) to 3.6, whose stores hold different member lists \
         (etcd#20967)",
        "a data directory that was restored or copied by hand",
    ])
    .next([
        format!("etcdctl --endpoints={endpoint} member list --consistency=s --write-out=table"),
        format!(
            "save a snapshot from another member, then remove {name}, wipe its data directory and add \
             it anew"
        ),
    ]);
    Some(condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, listed, of_kind, open};

    /// m3 was removed: the lists of the others no longer have it.
    fn removed() -> Scene {
        let mut scene = Scene::new(3);
        scene.sweeps(2);
        scene.members.pop();
        for id in 1..=2 {
            scene.member(id).local_members.pop();
        }
        scene.member(3).reads = false;
        scene
    }

    #[test]
    fn a_removed_member_that_goes_on_answering_is_named_until_it_stops() {
        let mut scene = removed();
        let verdict = scene.sweeps(2);
        assert_eq!(open(&verdict), [""; 0], "it is given the time to end by itself");
        let verdict = scene.sweeps(4);
        assert_eq!(open(&verdict), ["zombie_member m3:2379"]);
        let finding = &of_kind(&verdict, FindingKind::ZombieMember)[0];
        assert!(finding.summary.contains("member 3"), "{}", finding.summary);
        assert_eq!(finding.evidence[1].observed, "members 1, 2");
        scene.member(3).answers = false;
        assert!(of_kind(&scene.sweeps(4), FindingKind::ZombieMember).is_empty());
    }

    #[test]
    fn a_member_that_stops_when_it_was_removed_is_none() {
        let mut scene = removed();
        scene.sweep();
        scene.member(3).answers = false;
        assert!(of_kind(&scene.sweeps(4), FindingKind::ZombieMember).is_empty());
    }

    #[test]
    fn a_dead_member_in_one_list_is_found_there() {
        let mut scene = Scene::new(3);
        scene.member(2).local_members.push(listed(9));
        let verdict = scene.sweeps(5);
        assert_eq!(open(&verdict), ["zombie_member m2/list"]);
        scene.member(2).local_members.pop();
        assert!(of_kind(&scene.sweeps(3), FindingKind::ZombieMember).is_empty());
        scene.member(2).local_members.push(listed(9));
        scene.member(2).status.leader = None;
        assert!(of_kind(&scene.sweeps(9), FindingKind::ZombieMember).is_empty());
    }

    #[test]
    fn a_member_that_was_just_added_and_an_endpoint_of_another_cluster_are_none() {
        let mut scene = Scene::new(3);
        let other = scene.also_says(1, "m9:2379");
        other.status.header.cluster_id = model::id::ClusterId(0xc2);
        other.status.header.member_id = MemberId(9);
        scene.members.push(listed(4));
        for id in 1..=2 {
            scene.member(id).local_members.push(listed(4));
        }
        assert!(of_kind(&scene.sweeps(9), FindingKind::ZombieMember).is_empty());
    }
}
