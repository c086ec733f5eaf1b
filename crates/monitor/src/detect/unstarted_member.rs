//! Unstarted member: one was added and has not started since. Specs call it D2.

use model::finding::FindingKind;
use model::health::Role;
use model::severity::Severity;

use super::{Condition, Window};
use crate::view::MemberView;

/// A listed member without a name or without client URLs: it tells both when it starts.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let is_unstarted = |member: &&MemberView| {
        member.is_listed && (member.role == Role::Unstarted || member.client_urls.is_empty())
    };
    let condition = |member: &MemberView| {
        let id = member.id.map_or_else(String::new, |id| id.to_string());
        let urls = member.peer_urls.join(",");
        Condition::new(
            FindingKind::UnstartedMember,
            Severity::Warning,
            format!("{} was added and has never started", member.name),
        )
        .of(Some(member.reference()))
        .explained(
            "A member that was added as a voter counts from that moment on, whether it runs or not: \
             the majority may be larger than before, and one more failure may cost the quorum.",
        )
        .seen(
            picture.at(),
            "MemberList",
            format!("member {id}: name {:?}, client URLs {:?}", listed_name(member), member.client_urls),
        )
        .caused_by([
            "etcd was not started on the new host, or does not come up: see its log",
            "it was started with other --initial-cluster or --initial-advertise-peer-urls than it was \
             added with",
            "it was added by mistake, or by an automation that gave up",
        ])
        .next([
            format!(
                "start etcd there with --initial-cluster-state=existing and \
                 --initial-advertise-peer-urls={urls}"
            ),
            format!("or take it out again: etcdctl member remove {id}"),
            "etcdctl member list --write-out=table".to_owned(),
        ])
    };
    picture.members.iter().filter(is_unstarted).map(condition).collect()
}

/// The name in the list: where there is none, a member is shown by its peer URL.
fn listed_name(member: &MemberView) -> &str {
    if member.role == Role::Unstarted { "" } else { &member.name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, listed, of_kind, open};

    #[test]
    fn a_member_that_does_not_start_within_five_minutes_is_named_until_it_does() {
        let mut scene = Scene::new(3);
        let mut added = listed(4);
        added.name.clear();
        added.client_urls.clear();
        scene.members.push(added);
        let is_open =
            |words: Vec<String>| words.contains(&"unstarted_member http://m4:2380".into());
        assert!(!is_open(open(&scene.sweeps(140))));
        assert!(is_open(open(&scene.sweeps(20))));
        scene.members[3] = listed(4);
        assert!(of_kind(&scene.sweeps(2), FindingKind::UnstartedMember).is_empty());
    }
}
