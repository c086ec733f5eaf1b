//! NOSPACE: the alarm that etcd raises when a database reaches its quota.

use etcd::{Alarm, AlarmKind};
use model::finding::{Evidence, FindingKind};
use model::id::MemberId;
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture::Picture;
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// One finding per alarm.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    raised(picture, AlarmKind::Nospace).map(|id| condition(picture, id)).collect()
}

fn condition(picture: &Picture, id: MemberId) -> Condition {
    let member = picture.member(id);
    let name = member.map_or_else(|| id.to_string(), |member| member.name.clone());
    let endpoint = member.and_then(|member| member.endpoint.as_deref()).unwrap_or("ENDPOINT");
    let status = member.and_then(|member| member.status.as_ref());
    let revision = status.map_or("REVISION".to_owned(), |status| status.revision.to_string());
    let mut evidence = alarm_evidence(picture, id, AlarmKind::Nospace);
    if let Some(status) = status {
        let quota = status.db_size_quota_bytes.map_or("unknown".to_owned(), |q| q.to_string());
        evidence.push(Evidence {
            at: picture.at(),
            source: format!("{endpoint} Status"),
            observed: format!("database {} bytes, quota {quota} bytes", status.db_size_bytes),
        });
    }
    let summary = format!("{name} has reached its database quota (NOSPACE)");
    Condition::new(FindingKind::Nospace, Severity::Critical, summary)
        .of(member.map(MemberView::reference))
        .explained(
            "Every write to the cluster is refused until space is freed and the alarm is disarmed; \
             reads and deletes still work.",
        )
        .resting_on(evidence)
        .caused_by([
            "old revisions were not compacted, or the file was never defragmented",
            "some client writes more, or larger values, than before",
            "the quota is too small for what is stored; etcd's default is 2 GiB",
        ])
        .next([
            format!("free space: etcdctl --endpoints={endpoint} compact {revision}"),
            "then defragment one member after the other, the leader last: etcdctl \
             --endpoints=MEMBER defrag"
                .to_owned(),
            format!("then: etcdctl --endpoints={endpoint} alarm disarm"),
            "find what grew before you raise --quota-backend-bytes (8 GiB at most)".to_owned(),
        ])
}

/// The members on which `kind` is raised.
pub(super) fn raised(picture: &Picture, kind: AlarmKind) -> impl Iterator<Item = MemberId> {
    picture.alarms.iter().filter(move |alarm| alarm.kind == kind).map(|alarm| alarm.member)
}

/// Who reports the alarm.
pub(super) fn alarm_evidence(picture: &Picture, id: MemberId, kind: AlarmKind) -> Vec<Evidence> {
    let alarm = Alarm { member: id, kind };
    let reports = |said: &&MemberSweep| said.alarms.answer().is_some_and(|a| a.contains(&alarm));
    picture
        .sweep
        .members
        .iter()
        .filter(reports)
        .map(|said| Evidence {
            at: picture.at(),
            source: format!("{} AlarmList", said.endpoint),
            observed: format!("memberID:{id} alarm:{kind}"),
        })
        .collect()
}
