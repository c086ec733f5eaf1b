//! Divided cluster: the endpoints belong to more than one cluster. Specs call it D2.

use std::collections::BTreeMap;

use model::finding::{Evidence, FindingKind};
use model::id::ClusterId;
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture::{self, Picture, QuorumRead};
use crate::sweep::MemberSweep;

/// Cluster IDs come from the members' logs and don't flap: one sweep is enough.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let mut clusters: BTreeMap<ClusterId, Vec<&MemberSweep>> = BTreeMap::new();
    for said in &picture.sweep.members {
        // An answer without a header tells no cluster.
        if let Some(status) = said.status.answer()
            && status.header.cluster_id != ClusterId(0)
        {
            clusters.entry(status.header.cluster_id).or_default().push(said);
        }
    }
    if clusters.len() < 2 {
        return Vec::new();
    }
    vec![condition(window.cluster, picture, &clusters)]
}

fn condition(
    cluster: &str,
    picture: &Picture,
    clusters: &BTreeMap<ClusterId, Vec<&MemberSweep>>,
) -> Condition {
    let names = |members: &[&MemberSweep]| {
        let names: Vec<String> = members.iter().map(|said| name(picture, said)).collect();
        names.join(", ")
    };
    // The cluster of most endpoints first: it is the one that the rest of the view is about.
    let mut groups: Vec<_> = clusters.iter().collect();
    groups.sort_by_key(|(id, _)| (Some(**id) != picture.cluster_id, **id));
    let apart: Vec<String> = groups.iter().map(|(_, members)| names(members)).collect();
    let evidence = groups.iter().flat_map(|(id, members)| {
        members.iter().map(|said| Evidence {
            at: said.status.last.as_ref().map_or(picture.at(), |call| call.received_at()),
            source: format!("{} Status", said.endpoint),
            observed: observed(picture, **id, said),
        })
    });
    let serves = |members: &&Vec<&MemberSweep>| {
        members
            .iter()
            .any(|said| picture::quorum_read(&picture.sweep, said) == QuorumRead::Succeeded)
    };
    let explanation = if clusters.values().filter(serves).count() > 1 {
        "More than one of these clusters serves reads and writes, so what a client gets depends on \
         the endpoint that it is connected to. Nothing will bring their data together by itself."
    } else {
        "Clients that are given these endpoints get another cluster's data, or errors, from some of \
         them. Nothing will bring the clusters' data together by itself."
    };
    let mut next_steps: Vec<String> = groups
        .iter()
        .map(|(id, members)| {
            let endpoints: Vec<String> = members.iter().map(|m| m.endpoint.to_string()).collect();
            format!(
                "see what cluster {id} holds: etcdctl --endpoints={} endpoint status --write-out=table",
                endpoints.join(",")
            )
        })
        .collect();
    next_steps.push(
        "decide which cluster is the right one; save a snapshot of each before you change anything: \
         etcdctl --endpoints=ENDPOINT snapshot save FILE"
            .to_owned(),
    );
    next_steps.push(format!(
        "if the endpoints are two clusters on purpose, give each of them its own entry beside \
         {cluster} in the configuration"
    ));
    let summary = format!(
        "the endpoints belong to {} clusters: {}",
        clusters.len(),
        apart.join(" apart from ")
    );
    Condition::new(FindingKind::DividedCluster, Severity::Critical, summary)
        .explained(explanation)
        .resting_on(evidence)
        .caused_by([
            "a member was bootstrapped anew (--initial-cluster-state=new, an empty or old volume) \
             instead of joining",
            "a restore from a snapshot is under way, or reached only some of the members",
            "the list of endpoints, a DNS record or a load balancer mixes two clusters",
        ])
        .next(next_steps)
}

fn observed(picture: &Picture, id: ClusterId, said: &MemberSweep) -> String {
    let member = said.status.answer().map_or(0, |status| status.header.member_id.0);
    let read = match picture::quorum_read(&picture.sweep, said) {
        QuorumRead::Succeeded => "a linearizable read succeeds",
        QuorumRead::Failed => "a linearizable read fails",
        QuorumRead::Unknown => "no linearizable read was answered yet",
    };
    format!("cluster_id = {id}, member_id = {member:x}; {read}")
}

/// The member's name, or the endpoint where it is in no list.
fn name(picture: &Picture, said: &MemberSweep) -> String {
    let endpoint = said.endpoint.to_string();
    let member = picture.members.iter().find(|m| m.endpoint.as_ref() == Some(&endpoint));
    member.map_or(endpoint, |member| member.name.clone())
}

#[cfg(test)]
mod tests {
    use model::id::MemberId;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn divided() -> Scene {
        let mut scene = Scene::new(3);
        let other = scene.also_says(1, "m9:2379");
        other.status.header.cluster_id = ClusterId(0xc2);
        other.status.header.member_id = MemberId(9);
        other.status.leader = Some(MemberId(9));
        scene
    }

    #[test]
    fn an_endpoint_of_another_cluster_is_told_at_once_and_by_name() {
        let mut scene = divided();
        let verdict = scene.sweep();
        let findings = of_kind(&verdict, FindingKind::DividedCluster);
        assert_eq!(
            findings[0].summary,
            "the endpoints belong to 2 clusters: m1, m2, m3 apart from m9:2379"
        );
        assert!(findings[0].is_open());
        assert_eq!(findings[0].evidence.len(), 4);
        assert!(findings[0].evidence[3].observed.starts_with("cluster_id = c2, member_id = 9"));
        // The rest of the view stays that of the majority.
        assert_eq!(verdict.view.quorum.voters, 3);
        assert_eq!(open(&scene.sweeps(5)), ["divided_cluster"]);
    }

    #[test]
    fn it_is_over_when_the_endpoint_joins_or_goes_away() {
        let mut scene = divided();
        scene.sweeps(3);
        scene.says.pop();
        assert!(of_kind(&scene.sweeps(3), FindingKind::DividedCluster).is_empty());
    }

    #[test]
    fn one_cluster_is_not_divided_nor_is_one_that_tells_no_id() {
        let mut scene = Scene::new(3);
        scene.member(3).status.header.cluster_id = ClusterId(0);
        assert!(of_kind(&scene.sweeps(4), FindingKind::DividedCluster).is_empty());
    }
}
