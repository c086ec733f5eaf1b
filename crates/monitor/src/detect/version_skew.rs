//! Version skew: members run different minor versions, or a downgrade was left enabled. Specs call it
//! D16.

use std::collections::BTreeMap;
use std::time::Duration;

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::answers::{Answer, answers};
use super::known_versions::Version;
use super::{Condition, Window};

/// That an upgrade takes its time is for the hysteresis; what etcd does not support is told at once.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let answers = answers(window.newest());
    let listed: Vec<&Answer<'_>> =
        answers.iter().filter(|answer| answer.member.is_listed).collect();
    skew(&listed).into_iter().chain(downgrade(&listed)).collect()
}

fn skew(answers: &[&Answer<'_>]) -> Option<Condition> {
    let mut minors: BTreeMap<(u32, u32), Vec<&str>> = BTreeMap::new();
    for answer in answers {
        if let Some(version) = Version::parse(&answer.status.version) {
            let minor = minors.entry((version.major, version.minor)).or_default();
            minor.push(&answer.member.name);
        }
    }
    let ((low, _), (high, _)) = (minors.first_key_value()?, minors.last_key_value()?);
    if low == high {
        return None;
    }
    let is_unsupported = low.0 != high.0 || high.1.saturating_sub(low.1) > 1;
    let groups: Vec<String> = minors
        .iter()
        .map(|((major, minor), names)| format!("{major}.{minor} on {}", names.join(", ")))
        .collect();
    let evidence: Vec<Evidence> = answers
        .iter()
        .map(|answer| {
            let version: String = answer.status.version.chars().take(40).collect();
            answer.evidence(format!("version = {version}"))
        })
        .collect();
    let old = minors.first_key_value().map(|(_, names)| names.join(", ")).unwrap_or_default();
    let condition = Condition::new(
        FindingKind::VersionSkew,
        Severity::Warning,
        if is_unsupported {
            format!("members are more than one minor version apart: {}", groups.join("; "))
        } else {
            format!("members run different minor versions: {}", groups.join("; "))
        },
    )
    .explained(if is_unsupported {
        "etcd supports members that are one minor version apart, and only during an upgrade. Further \
         apart, a member may not understand what the others write."
    } else {
        "That is as it should be during an upgrade, and not for longer: the cluster works as the \
         oldest version does, and the hashes of the members' data can't always be compared."
    })
    .resting_on(evidence)
    .caused_by([
        "an upgrade is under way, or was not finished",
        "a host was set up anew with another version",
    ])
    .next([
        format!("finish the upgrade: {old} next, one member at a time"),
        "etcdctl endpoint status --cluster --write-out=table".to_owned(),
    ]);
    Some(if is_unsupported { condition.believed_after(1, Duration::ZERO) } else { condition })
}

fn downgrade(answers: &[&Answer<'_>]) -> Option<Condition> {
    let enabled = answers.iter().find_map(|answer| {
        let info = answer.status.downgrade.as_ref().filter(|info| info.enabled)?;
        Some((answer, info))
    });
    let (answer, info) = enabled?;
    let target: String = info.target_version.chars().take(40).collect();
    let condition = Condition::new(
        FindingKind::VersionSkew,
        Severity::Warning,
        format!("a downgrade to {target} is enabled and not finished"),
    )
    .about("downgrade")
    .explained(
        "While a downgrade is enabled the cluster behaves as the older version, and members refuse to \
         be upgraded. It ends when all members run the older version, or when it is cancelled.",
    )
    .resting_on([answer.evidence(format!("downgradeInfo.enabled, targetVersion = {target}"))])
    .caused_by([
        "the downgrade is under way: some members still run the newer version",
        "it was enabled and given up",
    ])
    .next([
        format!("to give it up: etcdctl --endpoints={} downgrade cancel", answer.said.endpoint),
        format!("to go on: put {target} on one member after the other"),
    ]);
    Some(condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind, open};

    #[test]
    fn an_upgrade_may_take_an_hour() {
        let mut scene = Scene::new(3);
        scene.member(1).status.version = "3.5.35".into();
        let verdict = scene.run(Duration::from_mins(59), |_, _| {});
        assert_eq!(open(&verdict), [""; 0]);
        let verdict = scene.run(Duration::from_mins(2), |_, _| {});
        assert_eq!(open(&verdict), ["version_skew"]);
        let finding = &of_kind(&verdict, FindingKind::VersionSkew)[0];
        assert_eq!(
            finding.summary,
            "members run different minor versions: 3.5 on m1; 3.6 on m2, m3"
        );
        scene.member(1).status.version = "3.6.14".into();
        assert!(of_kind(&scene.sweeps(3), FindingKind::VersionSkew).is_empty());
    }

    #[test]
    fn two_minors_apart_is_told_at_once_and_patches_are_no_skew() {
        let mut scene = Scene::new(3);
        scene.member(1).status.version = "3.6.16".into();
        assert!(of_kind(&scene.sweeps(3), FindingKind::VersionSkew).is_empty());
        scene.member(1).status.version = "3.4.45".into();
        assert!(open(&scene.sweep()).contains(&"version_skew".to_owned()));
    }

    #[test]
    fn a_downgrade_that_stays_enabled_is_told() {
        let mut scene = Scene::new(3);
        scene.member(2).status.downgrade =
            Some(etcd::DowngradeInfo { enabled: true, target_version: "3.5.0".into() });
        let verdict = scene.run(Duration::from_mins(61), |_, _| {});
        assert_eq!(open(&verdict), ["version_skew /downgrade"]);
    }
}
