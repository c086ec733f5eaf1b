//! Comparing the members' data by their hashes (HashKV): what came of it, and when it is not tried.
//!
//! The check reads and never writes. It runs every `consistency.interval`, half a minute after a
//! member was seen to be started again, and on request; never while a member is not well or the
//! cluster is under pressure. It hashes one member at a time, the leader last: a hash reads the
//! whole of one database (0.8 s for each GB measured), and the leader is the one that everybody waits
//! for. It is hashed all the same, since a check that leaves a member out cannot find it wrong.
//!
//! When hashes differ, [`audit`] reads the keys of all members side by side and names those that do.
//!
//! [`compare`] says what hashes amount to, [`protocol`] which step comes next; both are pure.
//! `run` does the steps, `schedule` says when.

pub mod audit;
pub mod compare;
pub mod protocol;
pub(crate) mod run;
pub(crate) mod schedule;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{FindingKind, MemberRef};
use model::health::{Health, Role};
use model::id::MemberId;

use self::audit::Audit;
use crate::record::MemberMetrics;
use crate::view::{ClusterView, MemberView};

/// A check is called stale after this time, or an hour after the next one was due, if that is later:
/// a day and one hour for one that fails.
pub const STALE_AFTER: Duration = Duration::from_hours(25);

/// Proposals that wait to be committed above which the cluster has enough to do. Some always wait
/// while clients write.
const MAX_PENDING: f64 = 100.0;

/// What is known of the equality of the members' data.
#[derive(Debug, Clone)]
pub struct Consistency {
    /// Since when checks are made.
    pub since: Timestamp,
    /// Whether they are made without being asked for.
    pub is_scheduled: bool,
    /// How old the last conclusive check may be.
    pub stale_after: Duration,
    /// Checks that ended, also those that could not begin.
    pub attempts: u64,
    /// The last check.
    pub last: Option<Arc<Check>>,
    /// The last one that told whether the data are equal.
    pub conclusive: Option<Arc<Check>>,
}

/// One check.
#[derive(Debug, Clone)]
pub struct Check {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The hashes of its last round.
    pub hashes: Vec<MemberHash>,
    /// What came of it.
    pub outcome: Outcome,
    /// Which keys differ, where data do.
    pub audit: Option<Audit>,
}

/// The hash of one member's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberHash {
    /// Whose.
    pub member: MemberRef,
    /// Its version: some hash deleted keys in another way.
    pub version: String,
    /// Whether it votes.
    pub is_voter: bool,
    /// When it was told.
    pub at: Timestamp,
    /// Up to which revision.
    pub revision: i64,
    /// Which revisions were compacted away.
    pub compact_revision: i64,
    /// The hash.
    pub hash: u32,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All members have the same data.
    Equal,
    /// They don't, three times in a row; these differ from the majority, or none if there is none.
    Mismatch(Vec<MemberId>),
    /// It could not be told.
    Unknown(String),
    /// We may not ask.
    Forbidden(String),
}

impl Outcome {
    /// Whether it tells anything about the data.
    pub fn is_conclusive(&self) -> bool {
        matches!(self, Self::Equal | Self::Mismatch(_))
    }
}

impl Check {
    /// A check that did not begin.
    pub fn not_begun(now: Timestamp, why: impl Into<String>) -> Self {
        let outcome = Outcome::Unknown(why.into());
        Self { started_at: now, ended_at: now, hashes: Vec::new(), outcome, audit: None }
    }
}

impl Consistency {
    /// Nothing is known yet.
    pub fn new(since: Timestamp) -> Self {
        Self {
            since,
            is_scheduled: false,
            stale_after: STALE_AFTER,
            attempts: 0,
            last: None,
            conclusive: None,
        }
    }

    /// After one more check.
    #[must_use]
    pub fn after(&self, check: Check) -> Self {
        let check = Arc::new(check);
        let is_conclusive = check.outcome.is_conclusive();
        let conclusive =
            if is_conclusive { Some(Arc::clone(&check)) } else { self.conclusive.clone() };
        Self {
            attempts: self.attempts.saturating_add(1),
            last: Some(check),
            conclusive,
            ..self.clone()
        }
    }
}

/// The members to compare: those that were ever started.
pub fn subjects(view: &ClusterView) -> impl Iterator<Item = &MemberView> {
    view.members.iter().filter(|member| member.is_listed && member.role != Role::Unstarted)
}

/// Why no check may be made now; `None` if it may.
pub fn obstacle(
    view: &ClusterView,
    metrics: &[MemberMetrics],
    max_db_size_bytes: u64,
) -> Option<String> {
    if subjects(view).count() < 2 {
        return Some("there is one member: nothing to compare it with".to_owned());
    }
    if let Some(why) = unwell(view) {
        return Some(why);
    }
    for member in subjects(view) {
        let size = member.status.as_ref().map_or(0, |status| status.db_size_bytes);
        if size > max_db_size_bytes {
            return Some(format!(
                "the database of {} has {} MiB, more than consistency.max_db_size_mb = {}",
                member.name,
                size >> 20,
                max_db_size_bytes >> 20
            ));
        }
    }
    pressure(view, metrics)
}

/// Which member is not well, and why.
pub(crate) fn unwell(view: &ClusterView) -> Option<String> {
    let sick = subjects(view).find(|member| member.health != Health::Healthy)?;
    let why = sick.reasons.first().map_or("not asked yet", String::as_str);
    Some(format!("{} is not well: {why}", sick.name))
}

/// What else the cluster has to do or to suffer.
pub(crate) fn pressure(view: &ClusterView, metrics: &[MemberMetrics]) -> Option<String> {
    if view.quorum.has_quorum != Some(true) {
        return Some("the cluster has no quorum".to_owned());
    }
    const PRESSURE: [FindingKind; 5] = [
        FindingKind::DividedCluster,
        FindingKind::ApplyLag,
        FindingKind::RaftLag,
        FindingKind::Nospace,
        FindingKind::StaleLeader,
    ];
    if let Some(finding) = view.findings.iter().find(|f| PRESSURE.contains(&f.kind)) {
        return Some(format!("{}: {}", finding.kind, finding.summary));
    }
    metrics.iter().find_map(|of| {
        let figures = of.figures.as_deref()?;
        let pending = figures.get("proposals_pending").filter(|pending| *pending > MAX_PENDING);
        let defrags = figures.get("defrags_in_flight").filter(|defrags| *defrags > 0.0);
        let name = &of.member.name;
        match (pending, defrags) {
            (Some(pending), _) => Some(format!("{pending} proposals are pending on {name}")),
            (_, Some(_)) => Some(format!("{name} is being defragmented")),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    const LIMIT: u64 = 2048 << 20;

    #[test]
    fn a_cluster_that_is_well_may_be_checked() {
        assert_eq!(obstacle(&Scene::new(3).sweeps(3).view, &[], LIMIT), None);
    }

    #[test]
    fn a_cluster_under_pressure_is_left_alone_and_why_is_said() {
        let mut scene = Scene::new(3);
        scene.member(2).answers = false;
        let view = scene.sweeps(3).view;
        assert!(obstacle(&view, &[], LIMIT).unwrap().starts_with("m2 is not well: "));

        let mut scene = Scene::new(3);
        scene.member(3).status.db_size_bytes = 3 << 30;
        let expected =
            "the database of m3 has 3072 MiB, more than consistency.max_db_size_mb = 2048";
        assert_eq!(obstacle(&scene.sweeps(3).view, &[], LIMIT).unwrap(), expected);

        let alone = Scene::new(1).sweeps(3).view;
        assert!(obstacle(&alone, &[], LIMIT).unwrap().contains("one member"));
    }

    #[test]
    fn a_check_that_could_not_be_made_leaves_the_last_conclusive_one() {
        let now = Timestamp::UNIX_EPOCH;
        let equal = Check { outcome: Outcome::Equal, ..Check::not_begun(now, "") };
        let known = Consistency::new(now).after(equal).after(Check::not_begun(now, "busy"));
        assert_eq!(known.attempts, 2);
        assert_eq!(known.conclusive.unwrap().outcome, Outcome::Equal);
        assert_eq!(known.last.unwrap().outcome, Outcome::Unknown("busy".into()));
    }
}
