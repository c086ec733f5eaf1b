//! Raft lag and apply lag: a member is behind in what is committed, or in applying it. Specs call it
//! D10.

use std::time::Duration;

use model::finding::FindingKind;
use model::health::Role;
use model::severity::Severity;

use super::answers::{Answer, agreed_index, allowance, answers, commit_rate};
use super::{Condition, Window};
use crate::view::MemberView;

/// Entries behind, beyond what the time between the answers explains, from which it is told.
const MUCH: u64 = 1_000;

/// Entries behind from which it is critical. etcd refuses writes ("too many requests") when it has
/// more than 5,000 committed entries to apply (`maxGapBetweenApplyAndCommitIndex`), and a member that
/// is 5,000 entries behind needs a whole snapshot from the leader (`--experimental-snapshot-catchup-entries`).
const TOO_MUCH: u64 = 5_000;

/// What is refused now is told sooner than what may pass.
const TOO_MUCH_FOR: Duration = Duration::from_secs(5);

/// Both kinds, for every member that answers.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    // Without a rate it is not known by how much honest answers differ.
    let Some(rate) = commit_rate(window.pictures) else { return Vec::new() };
    let answers = answers(picture);
    let allowed = allowance(&answers, rate);
    let listed = || answers.iter().filter(|answer| answer.member.is_listed);
    let mut conditions = Vec::new();
    if let Some(agreed) = agreed_index(picture, &answers) {
        let leader = picture.members.iter().find(|member| member.role == Role::Leader);
        conditions.extend(listed().filter_map(|answer| raft_lag(answer, agreed, allowed, leader)));
    }
    conditions.extend(listed().filter_map(|answer| apply_lag(answer, allowed)));
    conditions
}

/// The severity of a lag; `None` if it is none.
fn severity(lag: u64, allowed: u64) -> Option<Severity> {
    let unexplained = lag.saturating_sub(allowed);
    if unexplained > TOO_MUCH {
        Some(Severity::Critical)
    } else if unexplained > MUCH {
        Some(Severity::Warning)
    } else {
        None
    }
}

fn raft_lag(
    answer: &Answer<'_>,
    agreed: u64,
    allowed: u64,
    leader: Option<&MemberView>,
) -> Option<Condition> {
    let member = answer.member;
    let lag = agreed.saturating_sub(answer.status.raft_index);
    // A learner is there to catch up, and costs nobody a vote meanwhile.
    let severity = match severity(lag, allowed)? {
        _ if member.role == Role::Learner => Severity::Info,
        severity => severity,
    };
    let condition = Condition::new(
        FindingKind::RaftLag,
        severity,
        format!("{} is far behind in what the others have committed", member.name),
    )
    .of(Some(member.reference()))
    .explained(if lag > TOO_MUCH {
        "It is so far behind that it may need a whole snapshot of the database from the leader. Until \
         it has caught up, the loss of another member may cost the quorum, and reads from this one \
         are old."
    } else {
        "Until it has caught up, the loss of another member may cost the quorum, and serializable \
         reads from this one are old."
    })
    .resting_on([answer.evidence(format!(
        "raft index = {}; a majority has committed {agreed}: {lag} entries behind, {allowed} are \
         explained by the load and the time between the answers",
        answer.status.raft_index
    ))])
    .caused_by([
        "it was started again, or was cut off, and catches up",
        "its disk is slow: it makes entries durable more slowly than they come",
        "its link to the leader is slow or loses packets",
    ])
    .next([
        format!("etcdctl --endpoints={} endpoint status --write-out=table", answer.said.endpoint),
        format!(
            "etcdctl --endpoints={} endpoint status: repeat it; the raft index has to come near the \
             leader's",
            leader.and_then(|leader| leader.endpoint.as_deref()).unwrap_or("LEADER")
        ),
        format!(
            "look at the disk of {} (fsync of the write-ahead log) and at its link to the leader",
            member.name
        ),
    ]);
    Some(sooner(condition))
}

fn apply_lag(answer: &Answer<'_>, allowed: u64) -> Option<Condition> {
    let member = answer.member;
    let status = answer.status;
    let lag = status.raft_index.saturating_sub(status.raft_applied_index);
    let severity = severity(lag, allowed)?;
    let condition = Condition::new(
        FindingKind::ApplyLag,
        severity,
        format!("{} is far behind in applying what is committed", member.name),
    )
    .of(Some(member.reference()))
    .explained(if lag > TOO_MUCH {
        "With more than 5,000 entries to apply the member refuses new requests (\"too many \
         requests\"). Its linearizable reads wait until it has applied what they ask for."
    } else {
        "Its linearizable reads wait until it has applied what they ask for. From 5,000 entries on it \
         refuses new requests."
    })
    .resting_on([answer.evidence(format!(
        "raft index = {}, raft applied index = {}: {lag} entries to apply",
        status.raft_index, status.raft_applied_index
    ))])
    .caused_by([
        "expensive requests: large ranges, large transactions, many watchers of what is written",
        "its database is slow to commit, or it is being defragmented",
        "it was started again and applies its log",
    ])
    .next([
        format!("etcdctl --endpoints={} endpoint status --write-out=table", answer.said.endpoint),
        format!(
            "curl --silent http://{}/metrics | grep -E 'slow_apply|proposals|backend_commit'",
            answer.said.endpoint
        ),
        format!("look at the CPU and the disk of {}", member.name),
    ]);
    Some(sooner(condition))
}

fn sooner(condition: Condition) -> Condition {
    if condition.severity == Severity::Critical {
        condition.believed_after(6, TOO_MUCH_FOR)
    } else {
        condition
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn commit(scene: &mut Scene, ids: &[u64], entries: u64) {
        for id in ids {
            let status = &mut scene.member(*id).status;
            status.raft_index = status.raft_index.saturating_add(entries);
            status.raft_applied_index = status.raft_index;
            status.header.revision += entries as i64;
        }
    }

    #[test]
    fn a_member_that_stays_behind_is_named_and_it_is_over_when_it_caught_up() {
        let mut scene = Scene::new(3);
        scene.sweeps(3);
        commit(&mut scene, &[1, 2], 4_000);
        assert_eq!(open(&scene.sweeps(10)), [""; 0]);
        assert_eq!(open(&scene.sweeps(8)), ["raft_lag m3"]);
        let findings = of_kind(&scene.sweep(), FindingKind::RaftLag);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(findings[0].evidence[0].observed.starts_with("raft index = 90;"));
        commit(&mut scene, &[3], 4_000);
        assert!(of_kind(&scene.sweeps(3), FindingKind::RaftLag).is_empty());
    }

    #[test]
    fn a_gap_that_the_server_answers_with_refusals_is_critical_and_told_sooner() {
        let mut scene = Scene::new(3);
        scene.sweeps(3);
        scene.member(2).status.raft_applied_index = 0;
        for id in 1..=3 {
            scene.member(id).status.raft_index = 9_000;
        }
        scene.member(1).status.raft_applied_index = 9_000;
        scene.member(3).status.raft_applied_index = 9_000;
        // The jump of the index counts as load for as long as it is in the window.
        let verdict = scene.sweeps(12);
        let findings = of_kind(&verdict, FindingKind::ApplyLag);
        assert_eq!(open(&verdict), ["apply_lag m2"]);
        assert_eq!(findings[0].severity, Severity::Critical);
    }

    #[test]
    fn members_that_are_busy_are_not_behind() {
        let mut scene = Scene::new(3);
        for sweep in 0..20 {
            // 5,000 entries a second; the answers of one member are 0.2 s old.
            commit(&mut scene, &[1, 2], 10_000);
            commit(&mut scene, &[3], if sweep == 0 { 9_000 } else { 10_000 });
            assert!(of_kind(&scene.sweep(), FindingKind::RaftLag).is_empty());
        }
    }

    #[test]
    fn one_member_that_tells_nonsense_puts_no_other_behind() {
        let mut scene = Scene::new(3);
        scene.sweeps(2);
        for index in [u64::MAX, 0, u64::MAX / 2, 17] {
            scene.member(2).status.raft_index = index;
            scene.member(2).status.raft_applied_index = u64::MAX - index;
            let verdict = scene.sweeps(9);
            for finding in &verdict.view.findings {
                assert!(finding.member.as_ref().is_none_or(|m| m.name == "m2"), "{finding:?}");
            }
        }
    }
}
