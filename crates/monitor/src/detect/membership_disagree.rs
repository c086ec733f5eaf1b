//! Membership disagree: members have different lists of who belongs to the cluster. Specs call it D2.

use std::collections::{BTreeMap, BTreeSet};

use etcd::MemberList;
use model::finding::{Evidence, FindingKind};
use model::id::MemberId;
use model::severity::Severity;

use super::answers::{Answer, answers};
use super::{Condition, Window};

/// A member that is further behind than this may not have applied the change that the others have.
const COMPARABLE: u64 = 100;

/// What of a member list all must agree on: names and client URLs lag behind when a member starts.
pub(super) type Roster = BTreeSet<(MemberId, Vec<String>, bool)>;

/// The list as the set that is compared.
pub(super) fn roster(list: &MemberList) -> Roster {
    let entry = |member: &etcd::MemberInfo| {
        let mut urls = member.peer_urls.clone();
        urls.sort_unstable();
        (member.id, urls, member.is_learner)
    };
    list.members.iter().map(entry).collect()
}

/// A member, and the list that it has itself.
type Holder<'a> = (Answer<'a>, Roster);

/// One condition per member whose list is not that of the majority; one for the cluster where there
/// is no majority.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let holders: Vec<Holder<'_>> = answers(picture)
        .into_iter()
        // One that is cut off has not heard of the last change, however few entries it misses.
        .filter(|answer| answer.member.is_listed && answer.status.leader.is_some())
        .filter_map(|answer| {
            let call = answer.said.local_members.since(picture.sweep.started_at)?;
            let list = call.result.as_ref().ok()?;
            (picture.cluster_id == Some(list.header.cluster_id)).then(|| (answer, roster(list)))
        })
        .collect();
    let mut groups: BTreeMap<&Roster, Vec<&Holder<'_>>> = BTreeMap::new();
    for holder in &holders {
        groups.entry(&holder.1).or_default().push(holder);
    }
    if groups.len() < 2 {
        return Vec::new();
    }
    let majority = groups.iter().find(|(_, group)| group.len() > holders.len() / 2);
    let Some((agreed, group)) = majority else {
        let is_close = holders.iter().all(|(answer, _)| is_comparable(answer, &holders));
        let leaders: BTreeSet<Option<MemberId>> =
            holders.iter().map(|(answer, _)| answer.status.leader).collect();
        return (is_close || leaders.len() > 1).then(|| divided(&groups)).into_iter().collect();
    };
    holders
        .iter()
        .filter(|(answer, roster)| {
            let is_close = group.iter().any(|(other, _)| gap(answer, other) < COMPARABLE);
            roster != *agreed && (is_close || follows_another(answer, group))
        })
        .map(|holder| deviating(holder, agreed, group[0]))
        .collect()
}

/// One that follows a leader whom none of the group follows is not behind: it goes its own way, and
/// the further the longer that lasts.
fn follows_another(answer: &Answer<'_>, group: &[&Holder<'_>]) -> bool {
    group.iter().all(|(other, _)| other.status.leader != answer.status.leader)
}

fn gap(a: &Answer<'_>, b: &Answer<'_>) -> u64 {
    a.status.raft_applied_index.abs_diff(b.status.raft_applied_index)
}

fn is_comparable(answer: &Answer<'_>, holders: &[Holder<'_>]) -> bool {
    holders.iter().all(|(other, _)| gap(answer, other) < COMPARABLE)
}

fn condition(summary: String, evidence: Vec<Evidence>) -> Condition {
    Condition::new(FindingKind::MembershipDisagree, Severity::Warning, summary)
        .explained(
            "Each member counts votes by the list that it has, and clients find the members through \
             it. All apply the same changes in the same order, so lists that stay different come from \
             a defect or from data that were altered.",
        )
        .resting_on(evidence)
        .caused_by([
            "an upgrade from 3.5 (before 3.5.26) to 3.6, whose stores hold different member lists \
             (etcd#20967)",
            "a data directory that was restored or copied by hand",
            "--force-new-cluster was run on one of the members",
        ])
}

fn deviating(holder: &Holder<'_>, agreed: &Roster, other: &Holder<'_>) -> Condition {
    let (answer, own) = holder;
    let endpoint = &answer.said.endpoint;
    let extra: Vec<String> = own.difference(agreed).map(|(id, ..)| id.to_string()).collect();
    let missing: Vec<String> = agreed.difference(own).map(|(id, ..)| id.to_string()).collect();
    let mut words = Vec::new();
    if !extra.is_empty() {
        words.push(format!("only there, or other: {}", extra.join(", ")));
    }
    if !missing.is_empty() {
        words.push(format!("missing there, or other: {}", missing.join(", ")));
    }
    let summary = format!("{} has another member list than the majority", answer.member.name);
    condition(summary, vec![
        evidence(holder, &format!("; {}", words.join("; "))),
        evidence(other, ""),
    ])
    .of(Some(answer.member.reference()))
    .next([
        format!("etcdctl --endpoints={endpoint} member list --consistency=s --write-out=table"),
        format!(
            "compare it with: etcdctl --endpoints={} member list --write-out=table",
            other.0.said.endpoint
        ),
        format!(
            "if it stays, save a snapshot from another member, remove {}, wipe its data directory and \
             add it anew",
            answer.member.name
        ),
    ])
}

fn divided(groups: &BTreeMap<&Roster, Vec<&Holder<'_>>>) -> Condition {
    let names = |group: &Vec<&Holder<'_>>| {
        let names: Vec<&str> = group.iter().map(|(a, _)| a.member.name.as_str()).collect();
        names.join(", ")
    };
    let apart: Vec<String> = groups.values().map(names).collect();
    let summary =
        format!("the members have different member lists: {}", apart.join(" apart from "));
    let evidence = groups.values().flatten().map(|holder| evidence(holder, "")).collect();
    let endpoints: Vec<String> =
        groups.values().flatten().map(|(a, _)| a.said.endpoint.to_string()).collect();
    condition(summary, evidence).next([
        format!(
            "ask each by itself: etcdctl --endpoints={} member list --consistency=s",
            endpoints.join(" | ")
        ),
        "save a snapshot of each before you change anything: etcdctl --endpoints=ENDPOINT snapshot \
         save FILE"
            .to_owned(),
    ])
}

/// The list that a member has, as evidence.
fn evidence((answer, roster): &Holder<'_>, more: &str) -> Evidence {
    let members: Vec<String> = roster
        .iter()
        .map(|(id, urls, is_learner)| {
            format!("{id} {}{}", urls.join(","), if *is_learner { " learner" } else { "" })
        })
        .collect();
    Evidence {
        at: answer.at(),
        source: format!("{} MemberList (serializable)", answer.said.endpoint),
        observed: format!(
            "{}{more}; raft applied index = {}",
            members.join(" | "),
            answer.status.raft_applied_index
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, listed, of_kind, open};

    #[test]
    fn a_list_that_stays_different_is_told_after_half_a_minute_and_ends_when_it_agrees() {
        let mut scene = Scene::new(3);
        scene.member(3).local_members.pop();
        assert!(!open(&scene.sweeps(10)).iter().any(|f| f.starts_with("membership_disagree")));
        let verdict = scene.sweeps(10);
        assert_eq!(open(&verdict), ["membership_disagree m3"]);
        let finding = &of_kind(&verdict, FindingKind::MembershipDisagree)[0];
        assert!(finding.evidence[0].observed.contains("missing there, or other: 3"));
        scene.member(3).local_members.push(listed(3));
        assert!(of_kind(&scene.sweeps(3), FindingKind::MembershipDisagree).is_empty());
    }

    #[test]
    fn names_client_urls_and_the_order_of_entries_may_differ() {
        let mut scene = Scene::new(3);
        let list = &mut scene.member(2).local_members;
        list.reverse();
        list[0].name.clear();
        list[1].client_urls.clear();
        assert!(of_kind(&scene.sweeps(30), FindingKind::MembershipDisagree).is_empty());
    }

    #[test]
    fn a_member_that_lags_may_have_an_older_list() {
        let mut scene = Scene::new(3);
        for id in 1..=2 {
            scene.member(id).status.raft_applied_index = 500;
        }
        scene.member(3).local_members.pop();
        assert!(of_kind(&scene.sweeps(30), FindingKind::MembershipDisagree).is_empty());
    }

    #[test]
    fn a_member_that_became_a_cluster_of_its_own_does_not_lag() {
        let mut scene = Scene::new(3);
        for id in 1..=2 {
            scene.member(id).status.raft_applied_index = 500;
        }
        let says = scene.member(3);
        says.status.leader = Some(MemberId(3));
        says.local_members.retain(|member| member.id == MemberId(3));
        assert!(open(&scene.sweeps(20)).contains(&"membership_disagree m3".to_owned()));
    }

    #[test]
    fn a_member_that_is_cut_off_has_not_heard_of_the_change() {
        let mut scene = Scene::new(3);
        scene.member(3).status.leader = None;
        scene.member(3).local_members.pop();
        assert!(of_kind(&scene.sweeps(30), FindingKind::MembershipDisagree).is_empty());
    }

    #[test]
    fn where_no_majority_agrees_the_cluster_is_named() {
        let mut scene = Scene::new(2);
        scene.member(1).local_members[0].peer_urls = vec!["http://elsewhere:2380".into()];
        assert_eq!(open(&scene.sweeps(20)), ["membership_disagree"]);
    }
}
