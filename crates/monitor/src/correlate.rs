//! Which finding is the root of which: what is a symptom stays visible beneath its cause.

use std::sync::Arc;

use model::finding::{Finding, FindingKind};

/// How far a root reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// All of the cluster.
    Cluster,
    /// The same member, and what others say about it.
    Member,
}

/// A root and what it explains.
struct Rule {
    root: FindingKind,
    reach: Reach,
    symptoms: &'static [FindingKind],
}

/// Of two roots of a finding, the one that stands first is named.
const RULES: &[Rule] = {
    use FindingKind as Kind;
    use Reach::{Cluster, Member};
    const OF_A_LOST_MEMBER: &[FindingKind] = &[
        Kind::NoLeader,
        Kind::LinkDown,
        Kind::SlowPeer,
        Kind::RaftLag,
        Kind::ApplyLag,
        Kind::StaleLeader,
        Kind::MetricsUnreadable,
        Kind::ClockSkew,
        Kind::GrpcErrors,
        Kind::SlowRequests,
    ];
    const OF_A_LOST_MAJORITY: &[FindingKind] =
        &[Kind::QuorumAtRisk, Kind::LeaderFlapping, Kind::ConsistencyCheckStale];
    const OF_SLOWNESS: &[FindingKind] =
        &[Kind::LeaderFlapping, Kind::SlowRequests, Kind::GrpcErrors, Kind::WatchSlow];
    &[
        rule(
            Kind::ClusterUnreachable,
            Cluster,
            &[
                Kind::QuorumLost,
                Kind::MemberDown,
                Kind::MemberUnreachable,
                Kind::NoLeader,
                Kind::MemberIsolated,
                Kind::LinkDown,
                Kind::MetricsUnreadable,
                Kind::ConsistencyCheckStale,
            ],
        ),
        rule(
            Kind::DividedCluster,
            Cluster,
            &[
                Kind::QuorumLost,
                Kind::StaleLeader,
                Kind::LeaderUniquenessViolated,
                Kind::MembershipDisagree,
                Kind::ZombieMember,
                Kind::RevisionDiverged,
                Kind::HashMismatch,
                Kind::ConsistencyCheckStale,
                Kind::RaftLag,
                Kind::FlagsDiffer,
            ],
        ),
        rule(
            Kind::DuplicateMember,
            Cluster,
            &[Kind::IndexWentBack, Kind::StaleLeader, Kind::RevisionDiverged],
        ),
        rule(
            Kind::QuorumLost,
            Cluster,
            &[
                Kind::MemberDown,
                Kind::MemberUnreachable,
                Kind::MemberIsolated,
                Kind::QuorumAtRisk,
                Kind::NoLeader,
                Kind::StaleLeader,
                Kind::LeaderFlapping,
                Kind::LinkDown,
                Kind::SlowPeer,
                Kind::RaftLag,
                Kind::ApplyLag,
                Kind::GrpcErrors,
                Kind::SlowRequests,
                Kind::ConsistencyCheckStale,
            ],
        ),
        rule(Kind::ZombieMember, Cluster, &[Kind::MembershipDisagree]),
        rule(Kind::CorruptAlarm, Cluster, &[Kind::GrpcErrors, Kind::ConsistencyCheckStale]),
        rule(Kind::HashMismatch, Cluster, &[Kind::RevisionDiverged]),
        rule(Kind::Nospace, Cluster, &[Kind::GrpcErrors]),
        rule(Kind::Nospace, Member, &[Kind::QuotaHigh, Kind::QuotaEta]),
        rule(Kind::MemberDown, Member, OF_A_LOST_MEMBER),
        rule(Kind::MemberDown, Cluster, OF_A_LOST_MAJORITY),
        rule(Kind::MemberIsolated, Member, OF_A_LOST_MEMBER),
        rule(Kind::MemberIsolated, Cluster, OF_A_LOST_MAJORITY),
        rule(Kind::MemberUnreachable, Member, OF_A_LOST_MEMBER),
        rule(Kind::MemberUnreachable, Cluster, OF_A_LOST_MAJORITY),
        rule(Kind::NoLeader, Member, &[Kind::GrpcErrors, Kind::SlowRequests]),
        rule(Kind::SlowFsync, Member, &[Kind::SlowCommit, Kind::ApplyLag, Kind::RaftLag]),
        rule(Kind::SlowFsync, Cluster, OF_SLOWNESS),
        rule(Kind::LinkDown, Cluster, &[Kind::SlowPeer, Kind::LeaderFlapping]),
        rule(Kind::SlowPeer, Cluster, OF_SLOWNESS),
        rule(Kind::QuotaHigh, Member, &[Kind::QuotaEta]),
    ]
};

const fn rule(root: FindingKind, reach: Reach, symptoms: &'static [FindingKind]) -> Rule {
    Rule { root, reach, symptoms }
}

/// The kind of the finding among `present` of which `finding` is a symptom.
pub fn root(finding: &Finding, present: &[Arc<Finding>]) -> Option<FindingKind> {
    let explains = |rule: &&Rule| {
        rule.symptoms.contains(&finding.kind)
            && present.iter().any(|other| {
                other.kind == rule.root
                    && match rule.reach {
                        Reach::Cluster => true,
                        Reach::Member => is_of_same_member(other, finding),
                    }
            })
    };
    RULES.iter().find(explains).map(|rule| rule.root)
}

/// Whether `symptom` is about the member of `root`, or says of another one how it stands to it.
fn is_of_same_member(root: &Finding, symptom: &Finding) -> bool {
    let Some(of) = &root.member else { return false };
    let is_of = symptom.member.as_ref().is_some_and(|member| match (of.id, member.id) {
        (Some(a), Some(b)) => a == b,
        _ => of.endpoint == member.endpoint,
    });
    is_of || symptom.about == of.name
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::finding::{FindingState, MemberRef};
    use model::id::MemberId;
    use model::severity::Severity;

    use super::*;

    fn finding(kind: FindingKind, member: u64, about: &str) -> Arc<Finding> {
        let of = |id| MemberRef {
            id: Some(MemberId(id)),
            name: format!("m{id}"),
            endpoint: format!("m{id}:2379"),
        };
        Arc::new(Finding {
            kind,
            member: (member != 0).then(|| of(member)),
            about: about.to_owned(),
            severity: Severity::Warning,
            state: FindingState::Open,
            since: Timestamp::UNIX_EPOCH,
            opened_at: None,
            closed_at: None,
            summary: String::new(),
            explanation: String::new(),
            evidence: Vec::new(),
            causes: Vec::new(),
            next_steps: Vec::new(),
            hidden_by: None,
            expected: None,
        })
    }

    #[test]
    fn a_member_that_is_down_explains_the_links_to_it_and_no_others() {
        let down = finding(FindingKind::MemberDown, 3, "");
        let to_it = finding(FindingKind::LinkDown, 1, "m3");
        let other = finding(FindingKind::LinkDown, 1, "m2");
        let present = [down.clone(), to_it.clone(), other.clone()];
        assert_eq!(root(&to_it, &present), Some(FindingKind::MemberDown));
        assert_eq!(root(&other, &present), None);
        assert_eq!(root(&down, &present), None);
    }

    #[test]
    fn the_quorum_is_above_the_members_that_cost_it() {
        let lost = finding(FindingKind::QuorumLost, 0, "");
        let down = finding(FindingKind::MemberDown, 2, "");
        let link = finding(FindingKind::LinkDown, 1, "m2");
        let present = [lost, down.clone(), link.clone()];
        assert_eq!(root(&down, &present), Some(FindingKind::QuorumLost));
        assert_eq!(root(&link, &present), Some(FindingKind::QuorumLost));
    }

    #[test]
    fn nothing_explains_itself_in_a_circle() {
        for rule in RULES {
            let back = RULES.iter().filter(|other| rule.symptoms.contains(&other.root));
            for other in back {
                assert!(!other.symptoms.contains(&rule.root), "{} {}", rule.root, other.root);
            }
        }
    }
}
