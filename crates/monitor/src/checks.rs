//! What was looked at: of each kind of trouble, whether it is there, is not, or could not be seen.

use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::health::Role;

use crate::detect::{Basis, basis, hysteresis};
use crate::record::MemberMetrics;
use crate::view::{ClusterView, MemberView};

/// One kind of trouble, and what looking for it brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked for.
    pub kind: FindingKind,
    /// What came of it.
    pub outcome: Outcome,
    /// The members on which it could not be looked for, by name, each with the reason.
    pub not_on: Vec<(String, String)>,
}

/// What looking for a kind of trouble brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is not there.
    Well,
    /// It is there.
    Found,
    /// It was seen, and not yet for long enough to be believed.
    Noticed,
    /// It could not be told, and why.
    Unknown(String),
}

/// Why nothing is known of a member that is not there.
pub const ABSENT: &str = "it does not answer";

/// Troubles that show only over this time.
const SLOW: [(FindingKind, Duration); 3] = [
    (FindingKind::CompactionOff, Duration::from_hours(24)),
    (FindingKind::QuotaEta, Duration::from_hours(1)),
    (FindingKind::LeaderFlapping, Duration::from_mins(15)),
];

/// All kinds but those about the monitor itself, after a cluster was watched for `watched`.
pub fn checks(
    view: &ClusterView,
    metrics: &[MemberMetrics],
    watched: Duration,
    scrape_interval: Duration,
) -> Vec<Check> {
    let circumstances = Circumstances { view, metrics, watched, scrape_interval };
    FindingKind::ALL
        .into_iter()
        .filter(|kind| basis(*kind) != Basis::Own)
        .map(|kind| circumstances.check(kind))
        .collect()
}

struct Circumstances<'a> {
    view: &'a ClusterView,
    metrics: &'a [MemberMetrics],
    watched: Duration,
    scrape_interval: Duration,
}

impl Circumstances<'_> {
    fn check(&self, kind: FindingKind) -> Check {
        let of_kind = || self.view.findings.iter().filter(move |finding| finding.kind == kind);
        let asked = || self.view.members.iter().filter(|member| member.role != Role::Unstarted);
        let not_on: Vec<(String, String)> = asked()
            .filter_map(|member| Some((member.name.clone(), self.unseen(kind, member)?)))
            .collect();
        let needed = self.needed(kind);
        let outcome = if of_kind().any(|finding| finding.state != FindingState::Pending) {
            Outcome::Found
        } else if of_kind().next().is_some() {
            Outcome::Noticed
        } else if not_on.len() == asked().count() {
            let reason = not_on.first().map_or("no member is known", |(_, reason)| reason);
            Outcome::Unknown(reason.to_owned())
        } else if needed > self.watched {
            Outcome::Unknown(format!(
                "takes {} to show, and this look lasted {}",
                words(needed),
                words(self.watched)
            ))
        } else {
            Outcome::Well
        };
        let not_on = if outcome == Outcome::Well { not_on } else { Vec::new() };
        Check { kind, outcome, not_on }
    }

    fn needed(&self, kind: FindingKind) -> Duration {
        let slow = SLOW.iter().find(|(slow, _)| *slow == kind).map(|(_, time)| *time);
        slow.unwrap_or_default().max(hysteresis(kind, self.scrape_interval).raise_after)
    }

    /// Why this kind of trouble could not be seen on a member.
    fn unseen(&self, kind: FindingKind, member: &MemberView) -> Option<String> {
        let is_absence = matches!(
            kind,
            FindingKind::ClusterUnreachable
                | FindingKind::MemberDown
                | FindingKind::MemberUnreachable
        );
        if is_absence {
            return None;
        }
        if member.is_reachable != Some(true) {
            return Some(ABSENT.to_owned());
        }
        if basis(kind) != Basis::Metrics || kind == FindingKind::MetricsUnreadable {
            return None;
        }
        let metrics = self.metrics.iter().find(|metrics| metrics.member.id == member.id);
        let Some(metrics) = metrics else { return Some("its metrics were not read".to_owned()) };
        if let Some(error) = &metrics.error {
            return Some(format!("its metrics cannot be read: {error}"));
        }
        match &metrics.figures {
            None => Some("its metrics were not read".to_owned()),
            Some(figures) if figures.window.is_zero() => {
                Some("its metrics were read only once".to_owned())
            }
            Some(_) => None,
        }
    }
}

/// A time as people say it: in its largest whole unit.
pub fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        s if s >= 7_200 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s >= 120 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    fn outcome(checks: &[Check], kind: FindingKind) -> &Outcome {
        &checks.iter().find(|check| check.kind == kind).unwrap().outcome
    }

    #[test]
    fn what_was_not_seen_is_not_called_well() {
        let mut scene = Scene::new(3);
        let view = scene.sweeps(3).view;
        let checks = checks(&view, &[], Duration::from_mins(1), Duration::from_secs(5));
        assert_eq!(*outcome(&checks, FindingKind::NoLeader), Outcome::Well);
        assert_eq!(
            *outcome(&checks, FindingKind::SlowFsync),
            Outcome::Unknown("its metrics were not read".to_owned())
        );
        assert_eq!(
            *outcome(&checks, FindingKind::UnstartedMember),
            Outcome::Unknown("takes 5 min to show, and this look lasted 60 s".to_owned())
        );
        assert!(!checks.iter().any(|check| check.kind == FindingKind::StoragePaused));
    }

    #[test]
    fn a_member_that_is_down_leaves_the_others_to_look_at() {
        let mut scene = Scene::new(3);
        scene.member(3).answers = false;
        let view = scene.sweeps(4).view;
        let checks = checks(&view, &[], Duration::from_mins(1), Duration::from_secs(5));
        assert_eq!(*outcome(&checks, FindingKind::MemberUnreachable), Outcome::Found);
        let check = checks.iter().find(|check| check.kind == FindingKind::NoLeader).unwrap();
        assert_eq!(check.outcome, Outcome::Well);
        assert_eq!(check.not_on, [("m3".to_owned(), "it does not answer".to_owned())]);
    }
}
