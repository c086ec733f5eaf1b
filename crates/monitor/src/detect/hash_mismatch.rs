//! Hash mismatch: the members' data differ, by a comparison of their hashes that was repeated. Specs
//! call it D11, layer B.

use model::finding::{Evidence, FindingKind};
use model::id::MemberId;
use model::severity::Severity;

use super::differing_data::{DEFECTS, save_each};
use super::{Condition, Window};
use crate::consistency::audit::Audit;
use crate::consistency::{Check, Outcome};

/// What the last conclusive check found stands until the next one.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let known = window.newest().sweep.consistency.as_deref();
    let Some(check) = known.and_then(|known| known.conclusive.as_deref()) else {
        return Vec::new();
    };
    let Outcome::Mismatch(culprits) = &check.outcome else { return Vec::new() };
    if culprits.is_empty() {
        return vec![condition(check, None)];
    }
    culprits.iter().map(|culprit| condition(check, Some(*culprit))).collect()
}

fn condition(check: &Check, culprit: Option<MemberId>) -> Condition {
    let wrong = check.hashes.iter().find(|of| culprit.is_some() && of.member.id == culprit);
    let endpoints: Vec<&str> = check.hashes.iter().map(|of| of.member.endpoint.as_str()).collect();
    let evidence = check.hashes.iter().map(|of| Evidence {
        at: of.at,
        source: format!("{} HashKV", of.member.endpoint),
        observed: format!(
            "hash = {}, revision = {}, compact revision = {}, etcd {}",
            of.hash, of.revision, of.compact_revision, of.version
        ),
    });
    let evidence = evidence.chain(check.audit.iter().flat_map(|audit| of_keys(check, audit)));
    let (summary, remedy) = if let Some(wrong) = wrong {
        let name = &wrong.member.name;
        let id = wrong.member.id.unwrap_or(MemberId(0));
        (
            format!("{name} holds other data than the majority: its hash differs"),
            format!(
                "take {name} out: etcdctl member remove {id}; then wipe its data directory and add it \
                 anew: etcdctl member add {name} --peer-urls=URL"
            ),
        )
    } else {
        let names: Vec<&str> = check.hashes.iter().map(|of| of.member.name.as_str()).collect();
        (
            format!("the data of {} differ, and no majority agrees", names.join(", ")),
            "decide by the data which member is right, before you replace any".to_owned(),
        )
    };
    Condition::new(FindingKind::HashMismatch, Severity::Critical, summary)
        .of(wrong.map(|of| of.member.clone()))
        .explained(
            "All members hashed their keys up to the same revision, three times at different \
             revisions, and the hashes differ. Clients get different data depending on the member \
             that they read from.",
        )
        .resting_on(evidence)
        .caused_by([
            DEFECTS,
            "a disk or a file system that lost or altered writes",
            "a data directory or a snapshot that was copied or restored by hand",
        ])
        .next([
            format!(
                "see it for yourself: etcdctl --endpoints={} endpoint hashkv --write-out=table",
                endpoints.join(",")
            ),
            save_each(&endpoints),
            remedy,
            "etcdctl alarm disarm, if etcd has raised CORRUPT itself, once the hashes agree"
                .to_owned(),
        ])
}

/// The keys that differ, and how many were compared.
fn of_keys(check: &Check, audit: &Audit) -> impl Iterator<Item = Evidence> {
    let evidence = |observed| Evidence {
        at: check.ended_at,
        source: format!("Range of each member at revision {}", audit.revision),
        observed,
    };
    let (named, compared) = (audit.differing.len(), audit.compared);
    let end = audit.cut_short.as_ref().map(|why| format!(", not all: {why}")).unwrap_or_default();
    let whole = format!("{compared} keys compared, {named} of them differ{end}");
    audit.differing.iter().map(ToString::to_string).chain([whole]).map(evidence)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::finding::MemberRef;

    use super::*;
    use crate::consistency::audit::DifferingKey;
    use crate::consistency::{Consistency, MemberHash};
    use crate::scene::{Scene, of_kind, open};

    fn check(scene: &Scene, hashes: [u32; 3], outcome: Outcome) -> Check {
        let hash = |(id, hash)| MemberHash {
            member: MemberRef {
                id: Some(MemberId(id)),
                name: format!("m{id}"),
                endpoint: format!("m{id}:2379"),
            },
            version: "3.6.14".into(),
            is_voter: true,
            at: scene.now,
            revision: 70,
            compact_revision: 3,
            hash,
        };
        let hashes = (1..).zip(hashes).map(hash).collect();
        Check { started_at: scene.now, ended_at: scene.now, hashes, outcome, audit: None }
    }

    #[test]
    fn the_member_that_differs_is_named_until_a_check_finds_it_equal() {
        let mut scene = Scene::new(3);
        let found = check(&scene, [1, 1, 2], Outcome::Mismatch(vec![MemberId(3)]));
        let known = Consistency::new(Timestamp::UNIX_EPOCH).after(found);
        scene.consistency = Some(known.clone());
        let verdict = scene.sweep();
        assert_eq!(open(&verdict), ["hash_mismatch m3"]);
        let finding = &of_kind(&verdict, FindingKind::HashMismatch)[0];
        assert_eq!(
            finding.evidence[2].observed,
            "hash = 2, revision = 70, compact revision = 3, etcd 3.6.14"
        );
        // A check that could not be made changes nothing.
        scene.consistency = Some(known.after(Check::not_begun(scene.now, "m2 is not well")));
        assert_eq!(open(&scene.sweeps(5)), ["hash_mismatch m3"]);
        let equal = check(&scene, [1, 1, 1], Outcome::Equal);
        scene.consistency = Some(known.after(equal));
        assert!(of_kind(&scene.sweep(), FindingKind::HashMismatch).is_empty());
    }

    #[test]
    fn the_keys_that_differ_are_named_and_how_many_were_compared() {
        let mut scene = Scene::new(3);
        let mut found = check(&scene, [1, 1, 2], Outcome::Mismatch(vec![MemberId(3)]));
        found.audit = Some(Audit {
            revision: 70,
            compared: 900,
            differing: vec![DifferingKey {
                name: "a/b".into(),
                groups: vec![(vec!["m1".into(), "m2".into()], Some(7)), (vec!["m3".into()], None)],
            }],
            cut_short: Some("it took more than 10 s".into()),
        });
        scene.consistency = Some(Consistency::new(Timestamp::UNIX_EPOCH).after(found));
        let verdict = scene.sweep();
        let evidence = &of_kind(&verdict, FindingKind::HashMismatch)[0].evidence;
        let told: Vec<&str> = evidence[3..].iter().map(|of| of.observed.as_str()).collect();
        assert_eq!(
            told,
            [
                r#"key "a/b": m1, m2: changed at revision 7; m3: not there"#,
                "900 keys compared, 1 of them differ, not all: it took more than 10 s",
            ]
        );
    }

    #[test]
    fn a_start_of_the_monitor_ends_nothing_before_the_next_comparison() {
        let mut scene = Scene::new(3);
        let found = check(&scene, [1, 1, 2], Outcome::Mismatch(vec![MemberId(3)]));
        let known = Consistency { is_scheduled: true, ..Consistency::new(scene.now) };
        scene.consistency = Some(known.after(found));
        let open = of_kind(&scene.sweep(), FindingKind::HashMismatch);
        scene.restart_monitor(open.iter().map(|finding| (**finding).clone()).collect());
        scene.consistency = Some(known.clone());
        assert_eq!(of_kind(&scene.sweeps(9), FindingKind::HashMismatch).len(), 1);
        let equal = check(&scene, [1, 1, 1], Outcome::Equal);
        scene.consistency = Some(known.after(equal));
        assert!(of_kind(&scene.sweep(), FindingKind::HashMismatch).is_empty());
    }

    #[test]
    fn without_a_majority_nobody_is_named() {
        let mut scene = Scene::new(3);
        let found = check(&scene, [1, 2, 3], Outcome::Mismatch(Vec::new()));
        scene.consistency = Some(Consistency::new(Timestamp::UNIX_EPOCH).after(found));
        assert_eq!(open(&scene.sweep()), ["hash_mismatch"]);
    }
}
