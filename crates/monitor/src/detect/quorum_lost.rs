//! Quorum lost: no member completes a linearizable read although at least one answers.

use model::finding::{Evidence, FindingKind};
use model::health::Health;
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture;
use crate::sweep::Outcome;

/// See the file header; specs call it D4.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    if picture::has_quorum(&picture.sweep) != Some(false) {
        return Vec::new();
    }
    let quorum = picture.quorum;
    let evidence: Vec<Evidence> = picture
        .sweep
        .members
        .iter()
        .map(|member| Evidence {
            at: picture.at(),
            source: format!("{} linearizable read", member.endpoint),
            observed: match (member.linearizable_read.outcome(), member.status.outcome()) {
                (Outcome::Late(waiting), _) => {
                    format!("no answer for {:.1} s", waiting.as_secs_f64())
                }
                (Outcome::Failed(error), _) | (_, Outcome::Failed(error)) => error.to_string(),
                (Outcome::Answered(_) | Outcome::NotYet, _) => "no answer yet".to_owned(),
            },
        })
        .collect();
    let missing: Vec<&str> = picture
        .voters()
        .filter(|member| member.health != Health::Healthy && member.is_reachable != Some(true))
        .map(|member| member.name.as_str())
        .collect();
    let mut next_steps = Vec::new();
    if !missing.is_empty() {
        next_steps.push(format!(
            "bring back {}: check the hosts and start etcd there; {} of {} voters are needed",
            missing.join(", "),
            quorum.needed,
            quorum.voters
        ));
    }
    next_steps.push("check the peer network between the members (port 2380)".to_owned());
    next_steps.push(
        "do not remove members or wipe data directories: if the missing members can't come back, \
         restore from a snapshot"
            .to_owned(),
    );
    let summary = format!(
        "quorum lost: no member serves linearizable reads, {} of {} voters answer",
        picture.voters().filter(|member| member.is_reachable == Some(true)).count(),
        quorum.voters
    );
    let condition = Condition::new(FindingKind::QuorumLost, Severity::Critical, summary)
        .explained(
            "Fewer voters than a majority work together, so every write and every linearizable \
             read fails. Serializable reads still work, with old data.",
        )
        .resting_on(evidence)
        .caused_by(if missing.is_empty() {
            ["the members do not reach each other (port 2380)", "the leader's disk stalls"]
        } else {
            ["too many members are down", "the members do not reach each other (port 2380)"]
        })
        .next(next_steps);
    vec![condition]
}
