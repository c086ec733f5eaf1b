//! Quota ETA: at its present growth, the database of a member reaches its quota soon.
//!
//! What counts is what is in use: the file itself stands still while it has free pages, and shrinks
//! only by a defragmentation. Both the growth of up to a day and that of the last two hours must
//! leave no doubt that it grows, and bring it to the quota soon even if it grows as fast as they allow.

use std::time::Duration;

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::quota_high::evidence;
use super::reading::{bytes, percent};
use super::{Condition, Window};
use crate::quota::Quota;
use crate::sweep::MemberSweep;
use crate::trend::{Eta, Trend};
use crate::view::MemberView;

const WARNING: Duration = Duration::from_hours(24);
const CRITICAL: Duration = Duration::from_hours(4);

/// Below this part of the quota there is time to look again.
const MIN_USED: f64 = 0.5;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.answering().filter_map(|(member, said)| condition(window, member, said)).collect()
}

fn condition(window: &Window<'_>, member: &MemberView, said: &MemberSweep) -> Option<Condition> {
    let space = &window.chronicle.member(member.id?)?.space;
    let quota = Quota::of(said).bytes()? as f64;
    let status = said.status.answer()?;
    let size = status.db_size_bytes as f64;
    let in_use = status.db_size_in_use_bytes? as f64;
    if size / quota <= MIN_USED {
        return None;
    }
    let (day, recent) = (space.trend()?, space.recent_trend()?);
    let etas = [day.eta(quota)?, recent.eta(quota)?];
    // Both have to agree: the later one of the two.
    let [eta, other] = etas;
    let eta = if other.earliest > eta.earliest { other } else { eta };
    let severity = match eta.earliest {
        earliest if earliest < CRITICAL => Severity::Critical,
        earliest if earliest < WARNING => Severity::Warning,
        _ => return None,
    };
    let name = &member.name;
    let summary = format!(
        "{name} reaches its database quota in about {} (now {} of {})",
        hours(eta.likely),
        percent(size / quota),
        bytes(quota)
    );
    let mut rests_on = evidence(said, size, Some(in_use), quota);
    rests_on.extend([trend_evidence(said, day, etas[0]), trend_evidence(said, recent, etas[1])]);
    Some(
        Condition::new(FindingKind::QuotaEta, severity, summary)
            .of(Some(member.reference()))
            .explained(format!(
                "If what is in use goes on growing as it did, the quota is reached between {} and {} \
                 from now; then etcd refuses every write. A compaction that is still to come may \
                 free space before that.",
                hours(eta.earliest),
                hours(eta.latest)
            ))
            .resting_on(rests_on)
            .caused_by([
                "a client writes more, or larger, values than before",
                "keys are created and never deleted, or leases are not used where they should be",
                "old revisions are not compacted: see compaction_off, if that is open too",
            ])
            .next([
                "find what grows: etcdctl get \"\" --from-key --keys-only, counted by prefix, twice"
                    .to_owned(),
                format!(
                    "drop old revisions: etcdctl --endpoints={} compact {}",
                    said.endpoint, status.header.revision
                ),
                "if the growth is wanted, raise --quota-backend-bytes on every member in time (8 GiB \
                 at most)"
                    .to_owned(),
            ]),
    )
}

fn trend_evidence(said: &MemberSweep, trend: &Trend, eta: Eta) -> Evidence {
    Evidence {
        at: trend.at,
        source: format!("{} Status", said.endpoint),
        observed: format!(
            "dbSizeInUse grew by {} per hour (between {} and {}) over {}, {} samples: quota in {} to \
             {}",
            bytes(trend.slope.per_second * 3_600.0),
            bytes(trend.slope.low * 3_600.0),
            bytes(trend.slope.high * 3_600.0),
            hours(trend.span),
            trend.samples,
            hours(eta.earliest),
            hours(eta.latest)
        ),
    }
}

/// A time as people say it who have to plan.
fn hours(time: Duration) -> String {
    let hours = time.as_secs_f64() / 3_600.0;
    match hours {
        h if h < 2.0 => format!("{:.0} min", h * 60.0),
        h if h < 48.0 => format!("{h:.0} h"),
        h if h < 24.0 * 365.0 => format!("{:.0} days", h / 24.0),
        _ => "more than a year".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Verdict;
    use crate::scene::{Scene, of_kind, open};

    const MIB: f64 = 1_048_576.0;

    /// A member of 2 GiB quota, half an hour and more at so many MiB per hour.
    fn growing(scene: &mut Scene, from: f64, mib_per_hour: f64, time: Duration) -> Verdict {
        scene.member(1).status.db_size_quota_bytes = Some(2 << 30);
        let start = scene.now;
        scene.run(time, |scene, _| {
            let hours = scene.now.duration_since(start).as_secs_f64() / 3_600.0;
            let size = ((from + hours * mib_per_hour) * MIB) as u64;
            let status = &mut scene.member(1).status;
            status.db_size_bytes = status.db_size_bytes.max(size);
            status.db_size_in_use_bytes = Some(size);
        })
    }

    #[test]
    fn a_database_that_grows_fast_is_told_before_it_is_full() {
        let mut scene = Scene::new(3);
        let verdict = growing(&mut scene, 1_100.0, 80.0, Duration::from_mins(40));
        assert_eq!(open(&verdict), ["quota_eta m1"]);
        let finding = &of_kind(&verdict, FindingKind::QuotaEta)[0];
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.summary.contains("in about 11 h"), "{}", finding.summary);
        let verdict = growing(&mut Scene::new(3), 1_100.0, 400.0, Duration::from_mins(40));
        assert_eq!(of_kind(&verdict, FindingKind::QuotaEta)[0].severity, Severity::Critical);
    }

    #[test]
    fn it_ends_with_a_defragmentation() {
        let mut scene = Scene::new(3);
        growing(&mut scene, 1_100.0, 80.0, Duration::from_mins(40));
        scene.member(1).status.db_size_bytes = 0;
        let verdict = growing(&mut scene, 300.0, 0.0, Duration::from_mins(3));
        assert_eq!(open(&verdict), [""; 0]);
    }

    #[test]
    fn slow_growth_no_growth_and_much_room_are_no_findings() {
        for (from, speed) in [(1_100.0, 10.0), (1_200.0, 0.0), (200.0, 80.0)] {
            let verdict = growing(&mut Scene::new(3), from, speed, Duration::from_mins(40));
            assert_eq!(open(&verdict), [""; 0], "{from} {speed}");
        }
    }

    #[test]
    fn times_are_said_as_planners_say_them() {
        let said = [30, 5_400, 36_000, 400_000, u64::MAX].map(Duration::from_secs).map(hours);
        assert_eq!(said, ["0 min", "90 min", "10 h", "5 days", "more than a year"]);
    }
}
