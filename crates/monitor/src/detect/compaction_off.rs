//! Compaction off: old revisions are not compacted, while new ones come.
//!
//! The compact revision must have stood still for a day on every member that tells it. The finding is
//! about the cluster: a compaction is an entry in the log, the same for all.

use jiff::SignedDuration;
use model::finding::FindingKind;
use model::severity::Severity;

use super::reading::{Reading, bytes};
use super::{Condition, Window};
use crate::chronicle::Standstill;
use crate::metrics::catalogue::COMPACT_REVISION;
use crate::quota::Quota;

/// Kubernetes compacts every 5 min, etcd's own settings are hours.
const STANDS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Fewer new revisions than this are no load.
const MIN_REVISIONS: i64 = 1_000;

/// From this part of the quota on it is more than worth knowing.
const WARNS_AT: f64 = 0.5;

/// One condition at most.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let now = window.newest().at();
    let mut stands: Vec<(Reading<'_>, Standstill, i64)> = Vec::new();
    for reading in window.readings() {
        let track = window.chronicle.member(reading.id);
        let Some(still) = track.and_then(|track| track.compaction) else { continue };
        let Some(status) = reading.said.status.answer() else { continue };
        stands.push((reading, still, status.header.revision.saturating_sub(still.revision)));
    }
    let stands_still = |(_, still, new): &(Reading<'_>, Standstill, i64)| {
        now.duration_since(still.since) >= STANDS_FOR && *new >= MIN_REVISIONS
    };
    if stands.is_empty() || !stands.iter().all(stands_still) {
        return Vec::new();
    }
    let used = |(reading, ..): &(Reading<'_>, Standstill, i64)| {
        let size = reading.said.status.answer()?.db_size_bytes as f64;
        Some(size / Quota::of(reading.said).bytes()? as f64)
    };
    let is_filling = stands.iter().filter_map(used).any(|used| used >= WARNS_AT);
    let severity = if is_filling { Severity::Warning } else { Severity::Info };
    let new = stands.iter().map(|(_, _, new)| *new).min().unwrap_or_default();
    let summary = format!("nothing was compacted for a day, while {new} revisions were added");
    let evidence = stands.iter().flat_map(|(reading, still, new)| {
        let size = reading.said.status.answer().map_or(0, |status| status.db_size_bytes);
        [
            reading.evidence(format!(
                "{COMPACT_REVISION} = {}, unchanged since {}",
                still.compact_revision, still.since
            )),
            reading.status_evidence(format!(
                "{new} revisions more than at that time; the database file has {}",
                bytes(size as f64)
            )),
        ]
    });
    let endpoint = stands[0].0.endpoint();
    let condition = Condition::new(FindingKind::CompactionOff, severity, summary)
        .explained(
            "Each change of a key adds a revision, and all of them are kept until they are compacted. \
             The database grows until its quota is reached and writes are refused.",
        )
        .resting_on(evidence)
        .caused_by([
            "--auto-compaction-retention is 0, its default, and no client compacts",
            "the client that compacted (the Kubernetes API server, a cron job) no longer does",
        ])
        .next([
            "set --auto-compaction-mode=periodic --auto-compaction-retention=1h on every member"
                .to_owned(),
            format!(
                "for once by hand: etcdctl --endpoints={endpoint} compact REVISION, with the revision \
                 of some hours ago"
            ),
            "then defragment, one member after the other, the leader last: etcdctl defrag".to_owned(),
        ]);
    vec![condition]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind, open};

    /// A day and a bit, in hours; what is open then.
    fn day(
        scene: &mut Scene,
        revisions_per_hour: i64,
        compacted: impl Fn(u32) -> f64,
    ) -> Vec<String> {
        let mut words = Vec::new();
        for hour in 0..26 {
            for id in 1..=3 {
                scene.metric(id, COMPACT_REVISION, compacted(hour));
                scene.member(id).status.header.revision += revisions_per_hour;
            }
            scene.scrape();
            words = open(&scene.sweeps(15));
            scene.now += SignedDuration::from_mins(59);
        }
        words
    }

    #[test]
    fn a_day_without_a_compaction_is_told_until_the_next_one() {
        let mut scene = Scene::new(3);
        assert_eq!(day(&mut scene, 100, |_| -1.0), ["compaction_off"]);
        scene.scrape();
        let found = of_kind(&scene.sweep(), FindingKind::CompactionOff);
        assert_eq!(found[0].severity, Severity::Info);
        assert_eq!(day(&mut scene, 100, |hour| 1_000.0 + f64::from(hour / 20)), [""; 0]);
        scene.member(1).status.db_size_quota_bytes = Some(6 << 20);
        day(&mut scene, 100, |_| 2_000.0);
        scene.scrape();
        let found = of_kind(&scene.sweep(), FindingKind::CompactionOff);
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn an_idle_cluster_one_that_compacts_and_nonsense_are_no_findings() {
        assert_eq!(day(&mut Scene::new(3), 1, |_| 5.0), [""; 0]);
        assert_eq!(day(&mut Scene::new(3), 100, f64::from), [""; 0]);
        assert_eq!(day(&mut Scene::new(3), 100, |_| f64::NAN), [""; 0]);
        assert_eq!(day(&mut Scene::new(3), i64::MAX / 30, |_| f64::INFINITY), [""; 0]);
    }
}
