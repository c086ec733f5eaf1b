//! No leader: a member that answers knows no leader.

use model::finding::{Evidence, FindingKind};
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
        conditions.push(Condition {
            kind: FindingKind::NoLeader,
            member: Some(member.reference()),
            severity: Severity::Warning,
            summary: format!("{} knows no leader", member.name),
            explanation: "The member answers but takes part in no quorum: it is cut off from its \
                          peers, or they elect no leader. Clients of this member get errors."
                .to_owned(),
            evidence: vec![Evidence {
                at: picture.at(),
                source: format!("{} Status", member.endpoint.as_deref().unwrap_or("?")),
                observed: format!("leader = 0, raft term = {}", status.raft_term),
            }],
            next_steps: vec![
                format!("check the peer network of {} (port 2380)", member.name),
                format!(
                    "etcdctl --endpoints={} endpoint status --write-out=table",
                    member.endpoint.as_deref().unwrap_or_default()
                ),
            ],
        });
    }
    conditions
}
