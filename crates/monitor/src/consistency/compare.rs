//! What the hashes of all members amount to.

use std::collections::{BTreeMap, BTreeSet};

use model::id::MemberId;

use super::MemberHash;

/// What hashes amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// All are equal.
    Equal,
    /// Members were compacted differently meanwhile: their hashes don't compare.
    CompactedDifferently,
    /// They differ, but only between members of different versions, which hash deleted keys
    /// differently: kept at the compacted revision since 3.4.34 and 3.5.16, and skipped in the hash by
    /// newer ones.
    OnlyBetweenVersions,
    /// They differ; these from the majority, or none if there is none.
    Mismatch(Vec<MemberId>),
}

/// Compares hashes that were taken at one revision; `voters` is how many vote.
pub fn compare(hashes: &[MemberHash], voters: usize) -> Comparison {
    let revisions: BTreeSet<(i64, i64)> =
        hashes.iter().map(|of| (of.revision, of.compact_revision)).collect();
    if revisions.len() > 1 {
        return Comparison::CompactedDifferently;
    }
    let distinct: BTreeSet<u32> = hashes.iter().map(|of| of.hash).collect();
    if distinct.len() < 2 {
        return Comparison::Equal;
    }
    let mut by_version: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for of in hashes {
        by_version.entry(of.version.as_str()).or_default().insert(of.hash);
    }
    if by_version.values().all(|hashes| hashes.len() == 1) {
        return Comparison::OnlyBetweenVersions;
    }
    Comparison::Mismatch(culprits(hashes, voters))
}

/// The members whose hash differs from that of a majority of the voters and which run a version that
/// is in that majority, so that their hash would be the same.
fn culprits(hashes: &[MemberHash], voters: usize) -> Vec<MemberId> {
    let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
    for of in hashes.iter().filter(|of| of.is_voter) {
        *votes.entry(of.hash).or_default() += 1;
    }
    let Some((agreed, _)) = votes.into_iter().find(|(_, votes)| *votes > voters / 2) else {
        return Vec::new();
    };
    let (right, wrong): (Vec<&MemberHash>, Vec<&MemberHash>) =
        hashes.iter().partition(|of| of.hash == agreed);
    let compares = |of: &&&MemberHash| right.iter().any(|other| other.version == of.version);
    wrong.iter().filter(compares).filter_map(|of| of.member.id).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;
    use model::finding::MemberRef;

    use super::*;

    /// The hash of a voter `id` of this version.
    pub(in crate::consistency) fn hash(id: u64, version: &str, hash: u32) -> MemberHash {
        MemberHash {
            member: MemberRef {
                id: Some(MemberId(id)),
                name: format!("m{id}"),
                endpoint: format!("m{id}:2379"),
            },
            version: version.to_owned(),
            is_voter: true,
            at: Timestamp::UNIX_EPOCH,
            revision: 50,
            compact_revision: 7,
            hash,
        }
    }

    fn check(versions: [&str; 3], hashes: [u32; 3], expected: &Comparison) {
        let hashes: Vec<MemberHash> =
            (1..).zip(versions).zip(hashes).map(|((id, v), h)| hash(id, v, h)).collect();
        assert_eq!(compare(&hashes, 3), *expected, "{versions:?} {hashes:?}");
    }

    #[test]
    fn the_one_that_differs_from_the_majority_is_the_culprit() {
        let culprit = |id| Comparison::Mismatch(vec![MemberId(id)]);
        check(["3.5.30"; 3], [1, 1, 1], &Comparison::Equal);
        check(["3.5.30"; 3], [1, 1, 2], &culprit(3));
        check(["3.5.30"; 3], [2, 1, 1], &culprit(1));
        check(["3.5.30"; 3], [1, 2, 3], &Comparison::Mismatch(Vec::new()));
    }

    #[test]
    fn two_voters_have_no_majority_and_a_learner_no_vote() {
        let mut hashes = vec![hash(1, "3.6.16", 1), hash(2, "3.6.16", 2)];
        assert_eq!(compare(&hashes, 2), Comparison::Mismatch(Vec::new()));
        hashes.push(MemberHash { is_voter: false, ..hash(3, "3.6.16", 2) });
        assert_eq!(compare(&hashes, 2), Comparison::Mismatch(Vec::new()));
        // The only voter is a majority of its own.
        let alone = [hash(1, "3.6.16", 1), MemberHash { is_voter: false, ..hash(2, "3.6.16", 2) }];
        assert_eq!(compare(&alone, 1), Comparison::Mismatch(vec![MemberId(2)]));
    }

    #[test]
    fn versions_are_compared_with_their_like() {
        check(["3.5.15", "3.5.16", "3.5.16"], [1, 2, 2], &Comparison::OnlyBetweenVersions);
        check(["3.5.15", "3.5.16", "3.5.16"], [1, 1, 1], &Comparison::Equal);
        check(["3.5.15", "3.5.16", "3.5.16"], [1, 2, 3], &Comparison::Mismatch(Vec::new()));
        // The majority agrees across versions, so the third is wrong.
        let third = Comparison::Mismatch(vec![MemberId(3)]);
        check(["3.5.15", "3.5.16", "3.5.16"], [1, 1, 3], &third);
        check(["3.4.1", "3.5.16", "3.6.1"], [1, 2, 3], &Comparison::OnlyBetweenVersions);
    }

    #[test]
    fn hashes_after_different_compactions_are_not_compared() {
        let other = MemberHash { compact_revision: 8, ..hash(2, "3.5.30", 2) };
        let hashes = [hash(1, "3.5.30", 1), other];
        assert_eq!(compare(&hashes, 2), Comparison::CompactedDifferently);
    }
}
