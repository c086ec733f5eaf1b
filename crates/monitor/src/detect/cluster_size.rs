//! Cluster size: a number of voters that costs more than it gives. Specs call it D2.

use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};

/// More voters than this make each write wait for more members without any need (etcd's own advice).
const MOST: usize = 7;

/// For clusters whose list of members is known.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let voters = picture.quorum.voters;
    let (summary, explanation, next) = match voters {
        0 => return Vec::new(),
        1 => (
            "the cluster has one voter: it survives no failure".to_owned(),
            "When this member fails the cluster is gone with it, and its data with its disk. That is \
             fine for a test, and for nothing that matters.",
            "add two members, one after the other: etcdctl member add NAME --learner --peer-urls=URL, \
             then etcdctl member promote ID",
        ),
        _ if voters > MOST => (
            format!("the cluster has {voters} voters, more than {MOST}"),
            "Each write waits for a majority of the voters, so more of them make it slower. Five \
             survive two failures, seven three.",
            "take members out, one after the other: etcdctl member remove ID",
        ),
        _ if voters.is_multiple_of(2) => (
            format!("the cluster has an even number of voters: {voters}"),
            "It survives no more failures than with one voter less, and there is one more that may \
             fail. A network that splits in the middle leaves no side a majority.",
            "add a member (etcdctl member add NAME --learner --peer-urls=URL, then etcdctl member \
             promote ID) or take one out (etcdctl member remove ID)",
        ),
        _ => return Vec::new(),
    };
    let names: Vec<&str> = picture.voters().map(|member| member.name.as_str()).collect();
    let condition = Condition::new(FindingKind::ClusterSize, Severity::Info, summary)
        .explained(explanation)
        .seen(
            picture.at(),
            "MemberList",
            format!(
                "voters {}; a majority is {}, so {} may fail",
                names.join(", "),
                picture.quorum.needed,
                voters.saturating_sub(picture.quorum.needed)
            ),
        )
        .caused_by(["it was set up like this", "a member was added or removed, and not its pair"])
        .next([next.to_owned(), "etcdctl member list --write-out=table".to_owned()]);
    vec![condition]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::scene::{Scene, open};

    fn check(size: u64, expected: &[&str]) {
        let mut scene = Scene::new(size);
        let verdict = scene.run(Duration::from_mins(9), |_, _| {});
        assert_eq!(open(&verdict), [""; 0], "members come and go one at a time");
        let verdict = scene.run(Duration::from_mins(2), |_, _| {});
        assert_eq!(open(&verdict), expected, "{size}");
        assert!(verdict.is_calm);
    }

    #[test]
    fn even_numbers_many_and_one_are_told_and_good_ones_are_not() {
        for size in [1, 2, 4, 6, 8, 9] {
            check(size, &["cluster_size"]);
        }
        for size in [3, 5, 7] {
            check(size, &[]);
        }
    }
}
