//! What fresh pages of metrics would help to decide, so that they are read before their time.

use std::collections::BTreeSet;

use model::health::{Health, Role};

use crate::chronicle::Chronicle;
use crate::leader::LeaderSighting;
use crate::picture::Picture;

/// A word for each thing that is in doubt: a member that does not do its work (it does not answer,
/// knows no leader, its linearizable read is late), nobody who leads, a link that a page has down.
pub(crate) fn undecided(picture: &Picture, chronicle: &Chronicle) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    if picture.leader == LeaderSighting::Nobody {
        words.insert("leader".to_owned());
    }
    for member in picture.members.iter().filter(|member| member.role != Role::Unstarted) {
        // A member that is gone for good must not hide what comes after: each trouble has its word.
        if member.is_reachable == Some(false) {
            words.insert(format!("{} absent", member.name));
        } else if member.health == Health::Unhealthy {
            words.insert(format!("{} unhealthy", member.name));
        }
        let track = member.id.and_then(|id| chronicle.member(id));
        for (remote, link) in track.into_iter().flat_map(|track| &track.links) {
            let is_listed = picture.member(*remote).is_some_and(|remote| remote.is_listed);
            if is_listed && !link.is_up {
                words.insert(format!("{} to {remote}", member.name));
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    #[test]
    fn a_lost_leader_a_late_read_and_a_link_that_is_down_want_pages() {
        let mut scene = Scene::new(3);
        assert!(scene.sweep().undecided.is_empty());
        scene.member(3).reads = false;
        assert_eq!(Vec::from_iter(scene.sweep().undecided), ["m3 unhealthy"]);
        scene.member(3).reads = true;
        scene.member(2).answers = false;
        assert_eq!(Vec::from_iter(scene.sweep().undecided), ["m2 absent"]);
        scene.member(2).answers = true;
        scene.metric(1, "etcd_network_active_peers{Local=\"1\",Remote=\"2\"}", 0.0);
        scene.scrape();
        assert_eq!(Vec::from_iter(scene.sweep().undecided), ["m1 to 2"]);
    }
}
