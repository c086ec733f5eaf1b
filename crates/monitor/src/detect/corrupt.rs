//! CORRUPT: the alarm that etcd raises when it finds that members hold different data.

use etcd::AlarmKind;
use model::finding::FindingKind;
use model::id::MemberId;
use model::severity::Severity;

use super::nospace::{alarm_evidence, raised};
use super::{Condition, Window};
use crate::picture::Picture;
use crate::view::MemberView;

/// One finding per alarm.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    raised(picture, AlarmKind::Corrupt).map(|id| condition(picture, id)).collect()
}

fn condition(picture: &Picture, id: MemberId) -> Condition {
    let member = picture.member(id);
    // etcd raises the alarm for member 0 when it cannot tell which member is wrong.
    let (summary, remedy) = match member {
        Some(member) => (
            format!("{} is marked CORRUPT: its data differs from its peers'", member.name),
            format!(
                "save a snapshot from a member that agrees with the majority, then remove {}, wipe \
                 its data directory and add it anew",
                member.name
            ),
        ),
        None => (
            "the members hold different data (CORRUPT), and etcd can't tell which one is wrong"
                .to_owned(),
            "compare the members' data before you trust any of them; a snapshot of each keeps the \
             choice open"
                .to_owned(),
        ),
    };
    Condition::new(FindingKind::CorruptAlarm, Severity::Critical, summary)
        .of(member.map(MemberView::reference))
        .explained(
            "etcd compared the members' data and found a difference. Reads and writes are refused \
             while the alarm stands.",
        )
        .resting_on(alarm_evidence(picture, id, AlarmKind::Corrupt))
        .caused_by([
            "a defect of the etcd version: see version_cve, if that is open too",
            "a disk or a file system that lost or altered writes",
            "a data directory that was restored or copied by hand",
        ])
        .next([
            "etcdctl endpoint hashkv --cluster: find the member whose hash differs".to_owned(),
            remedy,
            "etcdctl alarm disarm, once all hashes agree".to_owned(),
        ])
}
