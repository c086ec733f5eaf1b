//! Fragmented: much of a member's database file is free pages.

use model::finding::FindingKind;
use model::severity::Severity;

use super::quota_high::evidence;
use super::reading::{bytes, percent};
use super::{Condition, Window};
use crate::quota::Quota;
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// Less than this part of the file in use, and more than so many bytes free.
const MAX_USED: f64 = 0.5;
const MIN_FREE_BYTES: f64 = 100.0 * 1024.0 * 1024.0;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.answering().filter_map(|(member, said)| condition(member, said)).collect()
}

fn condition(member: &MemberView, said: &MemberSweep) -> Option<Condition> {
    let status = said.status.answer()?;
    let size = status.db_size_bytes as f64;
    let in_use = status.db_size_in_use_bytes? as f64;
    let free = size - in_use;
    if in_use / size >= MAX_USED || free <= MIN_FREE_BYTES {
        return None;
    }
    let name = &member.name;
    let summary = format!(
        "{name}: {} of its database file is free pages ({} of {})",
        percent(free / size),
        bytes(free),
        bytes(size)
    );
    let quota = Quota::of(said).bytes();
    Some(
        Condition::new(FindingKind::Fragmented, Severity::Info, summary)
            .of(Some(member.reference()))
            .explained(
                "etcd reuses free pages, but the file counts in full against the quota, and \
                 snapshots and backups carry it along. Only a defragmentation makes it smaller.",
            )
            .resting_on(match quota {
                Some(quota) => evidence(said, size, Some(in_use), quota as f64),
                None => evidence(said, size, Some(in_use), 0.0).into_iter().take(1).collect(),
            })
            .caused_by([
                "many keys were deleted, or many revisions compacted at once",
                "a burst of writes made the file grow once",
            ])
            .next([
                format!("in a quiet hour: etcdctl --endpoints={} defrag", said.endpoint),
                "one member at a time, the leader last: a member serves nothing meanwhile"
                    .to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::judge::Verdict;
    use crate::scene::{Scene, of_kind, open};

    fn with(scene: &mut Scene, size: u64, in_use: u64) -> Verdict {
        let status = &mut scene.member(2).status;
        (status.db_size_bytes, status.db_size_in_use_bytes) = (size << 20, Some(in_use << 20));
        scene.run(Duration::from_mins(1), |_, _| {})
    }

    #[test]
    fn a_file_that_is_mostly_free_is_told_until_it_was_defragmented() {
        let mut scene = Scene::new(3);
        let verdict = with(&mut scene, 500, 200);
        assert_eq!(open(&verdict), ["fragmented m2"]);
        let finding = &of_kind(&verdict, FindingKind::Fragmented)[0];
        assert!(finding.summary.contains("60 %"), "{}", finding.summary);
        assert_eq!(finding.evidence.len(), 1);
        assert_eq!(open(&with(&mut scene, 210, 200)), [""; 0]);
    }

    #[test]
    fn small_files_full_ones_and_nonsense_are_none() {
        let mut scene = Scene::new(3);
        for (size, in_use) in [(90, 1), (500, 300), (0, 0), (100, 1 << 40)] {
            assert_eq!(open(&with(&mut scene, size, in_use)), [""; 0], "{size} {in_use}");
        }
    }
}
