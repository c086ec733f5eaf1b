//! Flags differ: members that should run alike do not. Of etcd's flags only the quota can be seen
//! from outside.

use std::collections::BTreeMap;

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::reading::{bytes, names};
use super::{Condition, Window};
use crate::quota::Quota;
use crate::view::MemberView;

const FLAG: &str = "quota-backend-bytes";

/// One condition at most.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let mut by_quota: BTreeMap<Option<u64>, Vec<&MemberView>> = BTreeMap::new();
    let mut evidence = Vec::new();
    for (member, said) in window.answering() {
        let quota = match Quota::of(said) {
            Quota::Unknown => continue,
            Quota::Off => None,
            Quota::Bytes(bytes) => Some(bytes),
        };
        by_quota.entry(quota).or_default().push(member);
        evidence.push(Evidence {
            at: window.newest().at(),
            source: match said.status.answer().and_then(|status| status.db_size_quota_bytes) {
                Some(_) => format!("{} Status", said.endpoint),
                None => format!("{} /metrics", said.endpoint),
            },
            observed: format!("quota of {} = {}", member.name, said_of(quota)),
        });
    }
    if by_quota.len() < 2 {
        return Vec::new();
    }
    // Where most have the same and one has not, it is that one.
    let odd = match by_quota.values().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
        [[one], others] | [others, [one]] if others.len() > 1 => Some(*one),
        _ => None,
    };
    let values = by_quota.iter().map(|(quota, members)| {
        let members = names(members.iter().map(|member| member.name.as_str()));
        format!("{members}: {}", said_of(*quota))
    });
    let values = values.collect::<Vec<_>>().join("; ");
    let condition = Condition::new(
        FindingKind::FlagsDiffer,
        Severity::Warning,
        format!("--{FLAG} differs between the members ({values})"),
    )
    .of(odd.map(MemberView::reference))
    .about(FLAG)
    .explained(
        "The member with the smallest quota raises NOSPACE for the whole cluster, so that the larger \
         quota of the others is worth nothing.",
    )
    .resting_on(evidence)
    .caused_by([
        "a change of configuration that did not reach every member, or a restart that is still due",
        "a member that was added from another template",
    ])
    .next([
        format!("on each host: tr '\\0' ' ' < /proc/$(pgrep -x etcd)/cmdline | grep -o '{FLAG}[= ][^ ]*'"),
        format!("give every member the same --{FLAG} and restart them one by one"),
    ]);
    vec![condition]
}

fn said_of(quota: Option<u64>) -> String {
    quota.map_or("none (switched off)".to_owned(), |quota| bytes(quota as f64))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn with(scene: &mut Scene, quotas: &[f64]) -> Vec<String> {
        for (id, quota) in (1..).zip(quotas) {
            scene.metric(id, "etcd_server_quota_backend_bytes", *quota);
        }
        open(&scene.run(Duration::from_secs(90), |_, _| {}))
    }

    #[test]
    fn the_member_that_is_unlike_the_others_is_named_until_it_is_not() {
        let mut scene = Scene::new(3);
        assert_eq!(with(&mut scene, &[8e9, 8e9, 2e9]), ["flags_differ m3/quota-backend-bytes"]);
        let found = of_kind(&scene.sweep(), FindingKind::FlagsDiffer);
        assert!(found[0].summary.contains("m1, m2: 7.5 GiB"), "{}", found[0].summary);
        assert_eq!(with(&mut scene, &[8e9, 8e9, 8e9]), [""; 0]);
        assert_eq!(with(&mut scene, &[-1.0, 8e9, 8e9]), ["flags_differ m1/quota-backend-bytes"]);
    }

    #[test]
    fn without_a_majority_it_is_about_the_cluster() {
        assert_eq!(with(&mut Scene::new(2), &[8e9, 2e9]), ["flags_differ /quota-backend-bytes"]);
    }

    #[test]
    fn the_default_is_two_gibibytes_and_what_is_unknown_differs_from_nothing() {
        let default = f64::from(1_u32 << 31);
        assert_eq!(with(&mut Scene::new(3), &[0.0, default, f64::NAN]), [""; 0]);
    }
}
