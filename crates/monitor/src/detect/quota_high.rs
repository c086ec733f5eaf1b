//! Quota high: the database file of a member comes near the size at which it refuses writes.
//!
//! Info from 65 % of the quota on, warning from 75 %, critical from 85 %; each ends three points below
//! (the chronicle remembers which one was reached).

use model::finding::{Evidence, FindingKind};

use super::reading::{bytes, percent};
use super::{Condition, Window};
use crate::quota::Quota;
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// Below this part of the quota in use, a defragmentation is the remedy.
const MOSTLY_FREE: f64 = 0.5;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.answering().filter_map(|(member, said)| condition(window, member, said)).collect()
}

fn condition(window: &Window<'_>, member: &MemberView, said: &MemberSweep) -> Option<Condition> {
    let severity = window.chronicle.member(member.id?)?.space.grade()?;
    let quota = Quota::of(said).bytes()? as f64;
    let status = said.status.answer()?;
    let size = status.db_size_bytes as f64;
    let in_use = status.db_size_in_use_bytes.map(|in_use| in_use as f64);
    let (name, endpoint) = (&member.name, &said.endpoint);
    let summary = format!(
        "{name} uses {} of its database quota ({} of {})",
        percent(size / quota),
        bytes(size),
        bytes(quota)
    );
    let is_mostly_free = in_use.is_some_and(|in_use| in_use / quota < MOSTLY_FREE);
    let explanation = if is_mostly_free {
        "At 100 % etcd raises the NOSPACE alarm and refuses every write. Most of the file is free \
         pages, which a defragmentation gives back."
    } else {
        "At 100 % etcd raises the NOSPACE alarm and refuses every write. Most of the file is in use, \
         so that a defragmentation alone gives little back."
    };
    let mut steps =
        vec![format!("etcdctl --endpoints={endpoint} endpoint status --write-out=table")];
    let defragment = format!(
        "defragment one member after the other, the leader last: etcdctl --endpoints={endpoint} defrag"
    );
    if is_mostly_free {
        steps.push(defragment);
    } else {
        steps.push(
            "find what takes the space: etcdctl get \"\" --from-key --keys-only, counted by prefix"
                .to_owned(),
        );
        steps.push(format!(
            "drop old revisions: etcdctl --endpoints={endpoint} compact {}",
            status.header.revision
        ));
        steps.push(format!("then {defragment}"));
        steps.push(
            "if all of it is needed, raise --quota-backend-bytes on every member (8 GiB at most)"
                .to_owned(),
        );
    }
    Some(
        Condition::new(FindingKind::QuotaHigh, severity, summary)
            .of(Some(member.reference()))
            .explained(explanation)
            .resting_on(evidence(said, size, in_use, quota))
            .caused_by(if is_mostly_free {
                [
                    "a burst of writes, or a late compaction, made the file grow; it never shrinks by \
                     itself",
                    "it was not defragmented for long",
                ]
            } else {
                [
                    "more, or larger, values than before, or old revisions that are not compacted",
                    "the quota is too small for what is stored; etcd's default is 2 GiB",
                ]
            })
            .next(steps),
    )
}

/// The sizes, and where each was told.
pub(super) fn evidence(
    said: &MemberSweep,
    size: f64,
    in_use: Option<f64>,
    quota: f64,
) -> Vec<Evidence> {
    let Some(call) = &said.status.last else { return Vec::new() };
    let in_use = in_use.map_or("unknown".to_owned(), |in_use| format!("{in_use:.0}"));
    let mut evidence = vec![Evidence {
        at: call.sent_at,
        source: format!("{} Status", said.endpoint),
        observed: format!("dbSize = {size:.0} bytes, dbSizeInUse = {in_use} bytes"),
    }];
    let of_status = said.status.answer().and_then(|status| status.db_size_quota_bytes);
    let page = said.scrape.as_ref().and_then(|scrape| scrape.page.as_ref().ok());
    match (of_status, page) {
        (Some(_), _) => evidence.push(Evidence {
            at: call.sent_at,
            source: format!("{} Status", said.endpoint),
            observed: format!("dbSizeQuota = {quota:.0} bytes"),
        }),
        (None, Some(page)) => evidence.push(Evidence {
            at: page.at(),
            source: format!("{} /metrics", said.endpoint),
            observed: format!("etcd_server_quota_backend_bytes = {quota:.0}"),
        }),
        (None, None) => {}
    }
    evidence
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::severity::Severity;

    use super::*;
    use crate::judge::Verdict;
    use crate::scene::{Scene, of_kind, open};

    const GIB: u64 = 1 << 30;

    fn with(scene: &mut Scene, id: u64, part: f64, in_use: f64) -> Verdict {
        let status = &mut scene.member(id).status;
        status.db_size_bytes = (part * 2.0 * GIB as f64) as u64;
        status.db_size_in_use_bytes = Some((in_use * 2.0 * GIB as f64) as u64);
        scene.run(Duration::from_mins(1), |_, _| {})
    }

    fn told(verdict: &Verdict) -> Option<Severity> {
        of_kind(verdict, FindingKind::QuotaHigh).first().map(|finding| finding.severity)
    }

    #[test]
    fn grades_rise_with_the_file_and_end_three_points_below() {
        let mut scene = Scene::new(3);
        scene.member(2).status.db_size_quota_bytes = Some(2 * GIB);
        assert_eq!(told(&with(&mut scene, 2, 0.6, 0.6)), None);
        assert_eq!(told(&with(&mut scene, 2, 0.66, 0.6)), Some(Severity::Info));
        let verdict = with(&mut scene, 2, 0.86, 0.8);
        assert_eq!(open(&verdict), ["quota_high m2"]);
        assert_eq!(told(&verdict), Some(Severity::Critical));
        assert_eq!(told(&with(&mut scene, 2, 0.83, 0.8)), Some(Severity::Critical));
        assert_eq!(told(&with(&mut scene, 2, 0.81, 0.8)), Some(Severity::Warning));
        assert_eq!(told(&with(&mut scene, 2, 0.5, 0.5)), None);
    }

    #[test]
    fn the_remedy_follows_from_what_is_in_use() {
        let mut scene = Scene::new(1);
        scene.metric(1, "etcd_server_quota_backend_bytes", 0.0);
        let verdict = with(&mut scene, 1, 0.8, 0.2);
        let finding = &of_kind(&verdict, FindingKind::QuotaHigh)[0];
        assert!(finding.next_steps[1].contains("defrag"), "{:?}", finding.next_steps);
        assert!(finding.evidence[1].observed.contains("quota_backend_bytes = 2147483648"));
        let verdict = with(&mut scene, 1, 0.8, 0.79);
        let finding = &of_kind(&verdict, FindingKind::QuotaHigh)[0];
        assert!(finding.next_steps[2].contains("compact 70"), "{:?}", finding.next_steps);
    }

    #[test]
    fn without_a_quota_nothing_is_too_full() {
        let mut scene = Scene::new(1);
        assert_eq!(told(&with(&mut scene, 1, 50.0, 50.0)), None);
        scene.metric(1, "etcd_server_quota_backend_bytes", -1.0);
        assert_eq!(told(&with(&mut scene, 1, 50.0, 50.0)), None);
        scene.metric(1, "etcd_server_quota_backend_bytes", f64::NAN);
        assert_eq!(told(&with(&mut scene, 1, 50.0, 50.0)), None);
    }
}
