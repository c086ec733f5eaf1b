//! Two members that claim to lead: a stale leader, or two that both lead. Specs call it D1.
//!
//! Two claims at once are normal for about one election timeout after a leader was cut off, and both
//! may report the same term meanwhile, since a member reports the term of the entry that it applied
//! last. So terms decide nothing here: who leads is who completes a linearizable read.

use std::collections::BTreeSet;

use model::finding::{Evidence, FindingKind};
use model::id::MemberId;
use model::severity::Severity;

use super::answers::{Answer, answers};
use super::differing_data::save_each;
use super::{Condition, Window};
use crate::picture::{self, Picture, QuorumRead};

/// Both kinds. That a stale claim lasts long enough to matter is for the hysteresis to say.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let claims: Vec<Answer<'_>> = claims(picture);
    if claims.len() < 2 {
        return Vec::new();
    }
    let (serving, others): (Vec<Answer<'_>>, Vec<Answer<'_>>) =
        claims.iter().copied().partition(|claim| serves(picture, claim));
    match serving.as_slice() {
        // No quorum: that is the finding.
        [] => Vec::new(),
        [leader] => others.iter().map(|claim| stale(picture, claim, leader)).collect(),
        several => violated(window, several).into_iter().collect(),
    }
}

/// The members that say in this sweep that they lead, each once, in the cluster of most endpoints.
fn claims(picture: &Picture) -> Vec<Answer<'_>> {
    let mut claims = answers(picture);
    claims.retain(|answer| answer.status.leader == Some(answer.status.header.member_id));
    claims
}

/// Whether the claimant itself completed a linearizable read that was asked in this sweep. Behind a
/// balancer another member may have answered, which says nothing about this one.
fn serves(picture: &Picture, claim: &Answer<'_>) -> bool {
    let call = claim.said.linearizable_read.since(picture.sweep.started_at);
    let is_its_own = call.is_some_and(|call| {
        call.result.as_ref().map_or(true, |header| Some(header.member_id) == claim.member.id)
    });
    is_its_own && picture::quorum_read(&picture.sweep, claim.said) == QuorumRead::Succeeded
}

fn stale(picture: &Picture, claim: &Answer<'_>, leader: &Answer<'_>) -> Condition {
    let name = &claim.member.name;
    let endpoint = &claim.said.endpoint;
    let summary = format!("{name} goes on claiming to lead although {} does", leader.member.name);
    Condition::new(FindingKind::StaleLeader, Severity::Warning, summary)
        .of(Some(claim.member.reference()))
        .explained(
            "A leader that lost its quorum steps down within about an election timeout; this one did \
             not. Its clients may read old data with serializable reads, and their writes wait.",
        )
        .resting_on(claim_evidence(picture, claim))
        .resting_on(claim_evidence(picture, leader))
        .caused_by([
            "its process or its machine was paused or is starved, so that it has not noticed yet",
            "its disk stalls: raft waits for an fsync (etcd#15247)",
            "it is cut off from its peers, and its election timeout is set long",
        ])
        .next([
            format!("etcdctl --endpoints={endpoint},{} endpoint status --write-out=table", leader.said.endpoint),
            format!("on the host of {name}: look for a paused machine, a full run queue, a disk that hangs"),
            format!("if it does not step down, restart etcd on {name}: it rejoins as a follower"),
        ])
}

/// Two claimants that both serve linearizable reads, asked after both claims were seen: the sweep
/// before saw them too.
fn violated(window: &Window<'_>, serving: &[Answer<'_>]) -> Option<Condition> {
    let picture = window.newest();
    let before = window.pictures.iter().rev().nth(1)?;
    let claimed: BTreeSet<MemberId> =
        claims(before).iter().map(|claim| claim.status.header.member_id).collect();
    let leaders: Vec<&Answer<'_>> =
        serving.iter().filter(|claim| claimed.contains(&claim.status.header.member_id)).collect();
    if leaders.len() < 2 {
        return None;
    }
    let names: Vec<&str> = leaders.iter().map(|claim| claim.member.name.as_str()).collect();
    let endpoints: Vec<String> =
        leaders.iter().map(|claim| claim.said.endpoint.to_string()).collect();
    let lists: BTreeSet<Vec<MemberId>> =
        leaders.iter().filter_map(|claim| listed_by(claim)).collect();
    let explanation = if lists.len() > 1 {
        "Raft allows one leader that completes linearizable reads, and here are several, with member \
         lists that differ: one of them was made a cluster of its own under the old ID. Each \
         acknowledges writes that the other does not have."
    } else {
        "Raft allows one leader that completes linearizable reads, and here are several. Each \
         acknowledges writes that the other does not have."
    };
    let summary = format!("{} lead at the same time, and all serve", names.join(" and "));
    let condition = Condition::new(
        FindingKind::LeaderUniquenessViolated,
        Severity::Critical,
        summary,
    )
    .explained(explanation)
    .resting_on(leaders.iter().flat_map(|claim| claim_evidence(picture, claim)))
    .caused_by([
        "a member's data was lost or rolled back: a snapshot of its machine, \
                 --unsafe-no-fsync",
        "--force-new-cluster was run on a member while the others went on",
        "a data directory was copied, so that one member runs twice",
    ])
    .next([
        "stop the clients that write: what they write may be lost".to_owned(),
        save_each(&endpoints),
        format!(
            "compare them: etcdctl --endpoints={} endpoint hashkv --write-out=table",
            endpoints.join(",")
        ),
        "decide by hand which one to keep; remove the other member, wipe it and add it anew"
            .to_owned(),
    ]);
    Some(condition)
}

/// Whom a claimant lists as members.
fn listed_by(claim: &Answer<'_>) -> Option<Vec<MemberId>> {
    let list = claim.said.members.answer().or_else(|| claim.said.local_members.answer())?;
    let mut ids: Vec<MemberId> = list.members.iter().map(|member| member.id).collect();
    ids.sort_unstable();
    Some(ids)
}

fn claim_evidence(picture: &Picture, claim: &Answer<'_>) -> [Evidence; 2] {
    let status = claim.status;
    let read = if serves(picture, claim) {
        "succeeded".to_owned()
    } else {
        match claim.said.linearizable_read.outcome() {
            crate::sweep::Outcome::Failed(error) => error.to_string(),
            crate::sweep::Outcome::Late(waiting) => {
                format!("no answer for {:.1} s", waiting.as_secs_f64())
            }
            _ => "no answer in this sweep".to_owned(),
        }
    };
    [
        claim.evidence(format!(
            "leader = {} (itself), raft term = {}, raft index = {}",
            status.header.member_id, status.raft_term, status.raft_index
        )),
        Evidence {
            at: picture.at(),
            source: format!("{} linearizable read", claim.said.endpoint),
            observed: read,
        },
    ]
}

#[cfg(test)]
mod tests {
    use model::finding::FindingState;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    /// m1 goes on claiming, m2 was elected and m3 follows it.
    fn two_claims() -> Scene {
        let mut scene = Scene::new(3);
        scene.sweeps(3);
        for id in 2..=3 {
            scene.member(id).status.leader = Some(MemberId(2));
        }
        scene
    }

    #[test]
    fn a_claim_that_lasts_names_the_stale_leader_and_ends_when_it_steps_down() {
        let mut scene = two_claims();
        scene.member(1).reads = false;
        let verdict = scene.sweeps(2);
        let finding = &of_kind(&verdict, FindingKind::StaleLeader)[0];
        assert_eq!(finding.state, FindingState::Pending, "two claims are normal for a while");
        assert_eq!(open(&verdict), [""; 0]);
        let verdict = scene.sweeps(3);
        assert!(open(&verdict).contains(&"stale_leader m1".to_owned()), "{:?}", open(&verdict));
        assert!(of_kind(&verdict, FindingKind::LeaderUniquenessViolated).is_empty());
        scene.member(1).status.leader = Some(MemberId(2));
        scene.member(1).reads = true;
        assert!(of_kind(&scene.sweeps(3), FindingKind::StaleLeader).is_empty());
    }

    #[test]
    fn the_same_term_makes_nobody_a_second_leader() {
        let mut scene = two_claims();
        scene.member(1).reads = false;
        scene.member(2).status.header.raft_term = 2;
        let verdict = scene.sweeps(10);
        assert!(of_kind(&verdict, FindingKind::LeaderUniquenessViolated).is_empty());
    }

    #[test]
    fn two_that_serve_after_both_have_claimed_three_times_are_two_leaders() {
        let mut scene = two_claims();
        // The first sweep with both claims proves nothing: its reads may be older than the claims.
        assert!(of_kind(&scene.sweep(), FindingKind::LeaderUniquenessViolated).is_empty());
        let verdict = scene.sweeps(2);
        let finding = &of_kind(&verdict, FindingKind::LeaderUniquenessViolated)[0];
        assert_eq!(finding.state, FindingState::Pending);
        let verdict = scene.sweep();
        assert!(open(&verdict).contains(&"leader_uniqueness_violated".to_owned()));
        let finding = &of_kind(&verdict, FindingKind::LeaderUniquenessViolated)[0];
        assert_eq!(finding.summary, "m1 and m2 lead at the same time, and all serve");
        assert!(of_kind(&verdict, FindingKind::StaleLeader).is_empty());
    }

    #[test]
    fn a_claim_that_is_there_for_two_sweeps_only_is_never_told() {
        let mut scene = two_claims();
        scene.sweeps(3);
        scene.member(1).status.leader = Some(MemberId(2));
        let verdict = scene.sweeps(3);
        assert!(of_kind(&verdict, FindingKind::LeaderUniquenessViolated).is_empty());
    }

    #[test]
    fn two_endpoints_of_one_leader_are_no_two_claims_nor_are_leaders_of_two_clusters() {
        let mut scene = Scene::new(3);
        scene.also_says(1, "m8:2379");
        let other = scene.also_says(1, "m9:2379");
        other.status.header.cluster_id = model::id::ClusterId(0xc2);
        other.status.header.member_id = MemberId(9);
        other.status.leader = Some(MemberId(9));
        let verdict = scene.sweeps(10);
        assert!(of_kind(&verdict, FindingKind::StaleLeader).is_empty());
        assert!(of_kind(&verdict, FindingKind::LeaderUniquenessViolated).is_empty());
    }

    #[test]
    fn without_any_quorum_nobody_is_stale() {
        let mut scene = two_claims();
        for id in 1..=3 {
            scene.member(id).reads = false;
        }
        assert!(of_kind(&scene.sweeps(8), FindingKind::StaleLeader).is_empty());
    }
}
