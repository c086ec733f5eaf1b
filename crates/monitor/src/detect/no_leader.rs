//! No leader: a member that answers knows no leader.

use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture;

/// While the whole cluster is without a quorum, that is the finding, not this one.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    if picture::has_quorum(&picture.sweep) == Some(false) {
        return Vec::new();
    }
    let mut conditions = Vec::new();
    for member in &picture.members {
        let Some(status) = picture.sweep_of(member).and_then(|said| said.status.answer()) else {
            continue;
        };
        if status.leader.is_some() {
            continue;
        }
        let endpoint = member.endpoint.as_deref().unwrap_or_default();
        let summary = format!("{} knows no leader", member.name);
        let condition = Condition::new(FindingKind::NoLeader, Severity::Warning, summary)
            .of(Some(member.reference()))
            .explained(
                "The member answers but takes part in no quorum: it is cut off from its peers, or \
                 they elect no leader. Clients of this member get errors.",
            )
            .seen(
                picture.at(),
                format!("{endpoint} Status"),
                format!("leader = 0, raft term = {}", status.raft_term),
            )
            .caused_by([
                "its peer port (2380) is cut off, in one direction or both",
                "it was removed from the cluster and does not know",
                "its disk stalls, so that it takes part in no election",
            ])
            .next([
                format!("check the peer network of {} (port 2380)", member.name),
                format!("etcdctl --endpoints={endpoint} endpoint status --write-out=table"),
            ]);
        conditions.push(condition);
    }
    conditions
}
