//! Cluster unreachable: no member of it answers us. From here, a cluster that is down and one that we
//! are cut off from look the same.

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::{Condition, Window};
use crate::sweep::Outcome;

/// One condition when every endpoint was asked and none answers.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let asked = || picture.members.iter().filter(|member| member.endpoint.is_some());
    if asked().next().is_none() || asked().any(|member| member.is_reachable != Some(false)) {
        return Vec::new();
    }
    let evidence = picture.sweep.members.iter().map(|said| Evidence {
        at: picture.at(),
        source: format!("{} Status", said.endpoint),
        observed: match said.status.outcome() {
            Outcome::Failed(error) => error.message().to_owned(),
            Outcome::Late(waiting) => format!("no answer for {:.1} s", waiting.as_secs_f64()),
            Outcome::Answered(_) | Outcome::NotYet => "no answer yet".to_owned(),
        },
    });
    let endpoint = asked().next().and_then(|member| member.endpoint.as_deref()).unwrap_or_default();
    let summary = format!("no member of {} answers", window.cluster);
    let condition = Condition::new(FindingKind::ClusterUnreachable, Severity::Critical, summary)
        .explained(
            "Either the whole cluster is down or the monitor is cut off from it; from here the two \
             look the same. Nothing else can be told of it until a member answers.",
        )
        .resting_on(evidence)
        .caused_by([
            "the network between the monitor and the cluster: a route, a firewall, DNS",
            "all members are down: power, a common host, a bad configuration on every one",
            "a certificate or a CA that was changed on all members",
        ])
        .next([
            format!("from a host of the cluster: etcdctl --endpoints={endpoint} endpoint health"),
            format!("from the monitor's host: try to connect to {endpoint}"),
            "if the members are up, look at the path between: ip route, firewall rules, DNS"
                .to_owned(),
            "if they are down, start them; do not wipe data directories".to_owned(),
        ]);
    vec![condition]
}

#[cfg(test)]
mod tests {
    use crate::scene::{Scene, open};

    #[test]
    fn a_cluster_of_which_nobody_answers_is_one_finding_above_its_members() {
        let mut scene = Scene::new(3);
        scene.sweep();
        for id in 1..=2 {
            scene.member(id).answers = false;
        }
        assert!(!open(&scene.sweeps(4)).contains(&"cluster_unreachable".to_owned()));
        scene.member(3).answers = false;
        let verdict = scene.sweeps(4);
        assert_eq!(open(&verdict)[0], "cluster_unreachable");
        let others = verdict.view.findings.iter().skip(1);
        assert!(others.clone().count() == 3 && others.clone().all(|f| f.hidden_by.is_some()));
        scene.member(2).answers = true;
        assert!(!open(&scene.sweeps(4)).contains(&"cluster_unreachable".to_owned()));
    }
}
