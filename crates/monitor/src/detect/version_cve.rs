//! Version with a known defect: a member runs one that is in the table. Specs call it D11, layer E.

use std::collections::BTreeMap;

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::known_versions::{Concerns, DEFECTS, Defect, Version};
use super::{Condition, Window};
use crate::picture::Picture;
use crate::view::MemberView;

/// One condition per version that has defects, so that a cluster of equal members makes one.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let mut members: BTreeMap<Version, Vec<&MemberView>> = BTreeMap::new();
    for member in &picture.members {
        let status = picture.sweep_of(member).and_then(|said| said.status.answer());
        if let Some(version) = status.and_then(|status| Version::parse(&status.version)) {
            members.entry(version).or_default().push(member);
        }
    }
    let voters = picture.quorum.voters;
    let of_version = |(version, members): (Version, Vec<&MemberView>)| {
        let defects: Vec<&Defect> = DEFECTS
            .iter()
            .filter(|defect| defect.affects(version))
            .filter(|defect| match defect.concerns {
                Concerns::Everybody => true,
                Concerns::SingleMember => voters == 1,
                Concerns::SeveralMembers => voters > 1,
            })
            .collect();
        let worst = defects.first()?.severity;
        Some(condition(picture, version, &members, worst, &defects))
    };
    members.into_iter().filter_map(of_version).collect()
}

fn condition(
    picture: &Picture,
    version: Version,
    members: &[&MemberView],
    worst: Severity,
    defects: &[&Defect],
) -> Condition {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let ids: Vec<&str> = defects.iter().map(|defect| defect.id).collect();
    // The first patch of the same minor that has none of them.
    let fixed = defects.iter().filter_map(|defect| defect.fixed_in(version)).max();
    let evidence = members.iter().map(|member| Evidence {
        at: picture.at(),
        source: format!("{} Status", member.endpoint.as_deref().unwrap_or_default()),
        observed: format!("version = {version}"),
    });
    let mut next_steps = Vec::new();
    if let Some(fixed) = fixed {
        next_steps.push(format!(
            "upgrade {} to {fixed} or a later {}.{}, one member after the other, the leader last",
            names.join(", "),
            fixed.major,
            fixed.minor
        ));
    }
    if worst == Severity::Critical {
        next_steps.push(
            "until then compare the data often: etcdctl endpoint hashkv --cluster --write-out=table"
                .to_owned(),
        );
    }
    next_steps
        .push("before you upgrade: etcdctl --endpoints=ENDPOINT snapshot save FILE".to_owned());
    Condition::new(
        FindingKind::VersionCve,
        worst,
        format!("etcd {version} ({}) has known defects: {}", names.join(", "), ids.join(", ")),
    )
    .about(version.to_string())
    .explained(match worst {
        Severity::Critical => {
            "Members of this version may come to hold different data in normal operation, without any \
             error. Upgrade before anything else."
        }
        Severity::Warning => {
            "Under conditions that do occur, data may be lost or members may fail. A later patch of \
             the same minor version has them repaired."
        }
        Severity::Info => {
            "Each needs a rare coincidence, or a reader whom you do not trust. A later patch of the \
             same minor version has them repaired."
        }
    })
    .resting_on(evidence)
    .caused_by(defects.iter().map(|defect| format!("{}: {}", defect.id, defect.what)))
    .next(next_steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind, open};

    #[test]
    fn a_version_that_corrupts_data_is_critical_and_over_after_the_upgrade() {
        let mut scene = Scene::new(3);
        scene.member(2).status.version = "3.5.1".into();
        let verdict = scene.sweeps(3);
        assert!(
            open(&verdict).contains(&"version_cve/3.5.1".replace('/', " /")),
            "{:?}",
            open(&verdict)
        );
        let finding = &of_kind(&verdict, FindingKind::VersionCve)[0];
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.summary.starts_with("etcd 3.5.1 (m2) has known defects: etcd#13766, "));
        assert_eq!(finding.evidence[0].observed, "version = 3.5.1");
        assert!(finding.next_steps[0].starts_with("upgrade m2 to 3.5.28 "));
        scene.member(2).status.version = "3.5.30".into();
        assert!(of_kind(&scene.sweeps(3), FindingKind::VersionCve).is_empty());
    }

    #[test]
    fn defects_that_need_a_coincidence_are_told_and_disturb_nothing() {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.member(id).status.version = "3.4.23".into();
        }
        let verdict = scene.sweeps(3);
        let findings = of_kind(&verdict, FindingKind::VersionCve);
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Info));
        assert!(verdict.is_calm);
    }

    #[test]
    fn a_defect_of_single_members_does_not_concern_three() {
        for (size, concerns) in [(1, true), (3, false)] {
            let mut scene = Scene::new(size);
            (1..=size).for_each(|id| scene.member(id).status.version = "3.4.19".into());
            let finding = &of_kind(&scene.sweeps(3), FindingKind::VersionCve)[0];
            assert_eq!(finding.summary.contains("etcd#14370"), concerns, "{}", finding.summary);
        }
    }

    #[test]
    fn versions_that_nobody_knows_are_not_judged() {
        let mut scene = Scene::new(3);
        for (id, version) in [(1, ""), (2, "9.9.9"), (3, "\u{1f980}.1.1")] {
            scene.member(id).status.version = version.into();
        }
        assert!(of_kind(&scene.sweeps(3), FindingKind::VersionCve).is_empty());
    }
}
