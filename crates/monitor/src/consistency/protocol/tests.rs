//! The steps of a check, by what members answer.

use etcd::Header;
use model::id::{ClusterId, MemberId};

use super::super::compare::tests::hash;
use super::*;

fn protocol(size: u64) -> Protocol {
    let subject = |id| Subject { hash: hash(id, "3.5.30", 0), revision: 500 };
    Protocol::new((1..=size).map(subject).collect())
}

fn answer(id: u64, hash: u32, compact_revision: i64) -> HashKv {
    let header =
        Header { cluster_id: ClusterId(1), member_id: MemberId(id), revision: 500, raft_term: 2 };
    HashKv { header, hash, compact_revision, hash_revision: None }
}

/// Does a round in which the members answer these hashes, from its Status on; the step after it.
fn round(protocol: &mut Protocol, hashes: [u32; 3]) -> Step {
    let mut step = protocol.statuses(Ok(vec![500; 3]));
    for (id, hash) in (1..).zip(hashes) {
        assert_eq!(step, Step::Hash(id as usize - 1, 500));
        step = protocol.hashed(Ok(answer(id, hash, 7)), Timestamp::UNIX_EPOCH);
    }
    step
}

#[test]
fn equal_hashes_end_the_check() {
    let mut protocol = protocol(3);
    assert_eq!(protocol.begin(), Step::Status);
    assert_eq!(round(&mut protocol, [1, 1, 1]), Step::Done(Outcome::Equal));
    let hashes = protocol.into_hashes();
    assert_eq!((hashes.len(), hashes[2].hash, hashes[2].compact_revision), (3, 1, 7));
}

#[test]
fn a_mismatch_is_believed_when_it_was_seen_three_times() {
    let mut protocol = protocol(3);
    for _ in 0..2 {
        assert_eq!(round(&mut protocol, [1, 2, 1]), Step::Wait(PAUSE));
        assert_eq!(protocol.resume(), Step::Status);
    }
    let expected = Outcome::Mismatch(vec![MemberId(2)]);
    assert_eq!(round(&mut protocol, [1, 2, 1]), Step::Done(expected));
}

#[test]
fn a_mismatch_that_does_not_come_again_is_none() {
    let mut protocol = protocol(3);
    assert_eq!(round(&mut protocol, [1, 2, 1]), Step::Wait(PAUSE));
    assert_eq!(round(&mut protocol, [3, 3, 3]), Step::Done(Outcome::Equal));
}

#[test]
fn under_load_a_revision_is_hashed_that_all_members_have() {
    let mut protocol = protocol(3);
    assert_eq!(protocol.statuses(Ok(vec![9_000, 8_700, 8_800])), Step::Hash(0, 8_600));
    // They have moved since they were looked at last, and are at the same now.
    assert_eq!(protocol.statuses(Ok(vec![9_000; 3])), Step::Hash(0, 8_900));
    // Idle: none has moved.
    assert_eq!(protocol.statuses(Ok(vec![9_000; 3])), Step::Hash(0, 9_000));
    // There is little to compare: all of it but a tenth.
    assert_eq!(protocol.statuses(Ok(vec![50; 3])), Step::Hash(0, 45));
}

#[test]
fn a_member_far_behind_or_one_that_tells_nonsense_makes_no_hollow_check() {
    let mut protocol = protocol(3);
    for revisions in [[90_000, 17, 90_000], [i64::MAX, i64::MIN, 90_000]] {
        let step = protocol.statuses(Ok(revisions.to_vec()));
        let Step::Done(Outcome::Unknown(why)) = step else { panic!("{step:?}") };
        assert!(why.starts_with("m2 is at revision "), "{why}");
    }
    assert_eq!(protocol.statuses(Ok(vec![i64::MAX, 900, 900])), Step::Hash(0, 810));
}

#[test]
fn compactions_in_the_middle_end_a_round_and_after_five_the_check() {
    let mut protocol = protocol(2);
    for _ in 0..5 {
        assert_eq!(protocol.statuses(Ok(vec![500; 2])), Step::Hash(0, 500));
        assert_eq!(protocol.hashed(Ok(answer(1, 1, 7)), Timestamp::UNIX_EPOCH), Step::Hash(1, 500));
        let step = protocol.hashed(Ok(answer(2, 2, 8)), Timestamp::UNIX_EPOCH);
        assert_eq!(step, Step::Wait(PAUSE));
        assert_eq!(protocol.resume(), Step::Status);
    }
    protocol.statuses(Ok(vec![500; 2]));
    protocol.hashed(Ok(answer(1, 1, 7)), Timestamp::UNIX_EPOCH);
    let Step::Done(Outcome::Unknown(why)) =
        protocol.hashed(Ok(answer(2, 2, 8)), Timestamp::UNIX_EPOCH)
    else {
        panic!("it goes on for ever")
    };
    assert!(why.contains("compacted"), "{why}");
}

#[test]
fn another_member_than_the_one_that_was_asked_tells_nothing() {
    let mut protocol = protocol(2);
    protocol.statuses(Ok(vec![500; 2]));
    let step = protocol.hashed(Ok(answer(2, 1, 7)), Timestamp::UNIX_EPOCH);
    assert!(matches!(step, Step::Done(Outcome::Unknown(why)) if why.contains("several members")));
}
