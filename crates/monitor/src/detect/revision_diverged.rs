//! Revision diverged: members that applied the same entries are at different revisions, and stay so.
//! What users saw of every corruption so far (etcd#13766, #13654, #10594). Specs call it D11, layer A.

use std::collections::BTreeMap;

use model::finding::FindingKind;
use model::id::MemberId;
use model::severity::Severity;

use super::answers::{Answer, allowance, answers, commit_rate};
use super::differing_data::{DEFECTS, save_each};
use super::{Condition, Window};
use crate::picture::Picture;

/// A difference counts when the picture before has it too and it did not shrink; that it goes on for
/// five sweeps is for the hysteresis to say.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let [.., before, now] = window.pictures else { return Vec::new() };
    let Some(rate) = commit_rate(window.pictures) else { return Vec::new() };
    let (earlier, differences) = (differences(before, rate), differences(now, rate));
    let lasting: Vec<(MemberId, MemberId)> = differences
        .into_iter()
        .filter(|(pair, now)| earlier.get(pair).is_some_and(|was| now.lasts_since(was)))
        .map(|(pair, _)| pair)
        .collect();
    if lasting.is_empty() {
        return Vec::new();
    }
    let involved: Vec<Answer<'_>> = answers(now)
        .into_iter()
        .filter(|answer| {
            let id = answer.status.header.member_id;
            lasting.iter().any(|(a, b)| *a == id || *b == id)
        })
        .collect();
    vec![condition(now, &involved, &lasting)]
}

/// By how much two revisions differ.
struct Difference {
    /// Beyond what is explained; never 0.
    excess: i128,
    /// Within how much anything is explained, which is more when answers take longer.
    explained: i128,
}

impl Difference {
    /// In the same direction, and smaller by no more than what is explained by and by.
    fn lasts_since(&self, was: &Self) -> bool {
        let least = was.excess.abs() - was.explained - self.explained;
        was.excess.signum() == self.excess.signum() && self.excess.abs() >= least
    }
}

/// By how much the revisions of each pair of members differ beyond what entries that only one of them
/// has applied, and writes in flight, explain. Pairs that agree are left out.
fn differences(picture: &Picture, rate: f64) -> BTreeMap<(MemberId, MemberId), Difference> {
    let answers = answers(picture);
    let comparable = i128::from(allowance(&answers, rate));
    let mut differences = BTreeMap::new();
    for (index, a) in answers.iter().enumerate() {
        for b in &answers[index + 1..] {
            let applied =
                i128::from(a.status.raft_applied_index) - i128::from(b.status.raft_applied_index);
            if applied.abs() > comparable {
                continue;
            }
            let revision =
                i128::from(a.status.header.revision) - i128::from(b.status.header.revision);
            // An entry raises the revision by one or, like an election or a lease, not at all. A
            // member reads its applied index and its revision one after the other.
            let flight = i128::from((rate * (a.took() + b.took()).as_secs_f64()).ceil() as u64);
            let (low, high) = (applied.min(0) - flight, applied.max(0) + flight);
            let excess = revision - revision.clamp(low, high);
            if excess != 0 {
                let pair = (a.status.header.member_id, b.status.header.member_id);
                differences.insert(pair, Difference { excess, explained: high - low });
            }
        }
    }
    differences
}

fn condition(
    picture: &Picture,
    involved: &[Answer<'_>],
    lasting: &[(MemberId, MemberId)],
) -> Condition {
    let differs_from = |answer: &Answer<'_>| {
        let id = answer.status.header.member_id;
        lasting.iter().filter(|(a, b)| *a == id || *b == id).count()
    };
    // The one that differs from a majority which agrees with itself is the one that is wrong.
    let most = involved.iter().map(differs_from).max().unwrap_or_default();
    let mut suspects = involved.iter().filter(|answer| differs_from(answer) == most);
    let suspect = suspects.next().filter(|_| suspects.next().is_none());
    let suspect = suspect.filter(|answer| {
        let id = answer.status.header.member_id;
        most >= picture.quorum.needed && lasting.iter().all(|(a, b)| *a == id || *b == id)
    });
    let names: Vec<&str> = involved.iter().map(|answer| answer.member.name.as_str()).collect();
    let (summary, remedy) = match suspect {
        Some(answer) => (
            format!(
                "the data of {} has diverged: same entries applied, another revision",
                answer.member.name
            ),
            format!(
                "if the hashes confirm it, remove {}, wipe its data directory and add it anew",
                answer.member.name
            ),
        ),
        None => (
            format!(
                "the data of {} have diverged: same entries applied, different revisions",
                names.join(", ")
            ),
            "keep a snapshot of every member before you replace any: no majority tells which is right"
                .to_owned(),
        ),
    };
    let endpoints: Vec<String> =
        answers(picture).iter().map(|answer| answer.said.endpoint.to_string()).collect();
    let evidence = answers(picture);
    let evidence = evidence.iter().map(|answer| {
        answer.evidence(format!(
            "raft applied index = {}, revision = {}",
            answer.status.raft_applied_index, answer.status.header.revision
        ))
    });
    Condition::new(FindingKind::RevisionDiverged, Severity::Critical, summary)
        .of(suspect.map(|answer| answer.member.reference()))
        .explained(
            "Members apply the same entries in the same order and must then be at the same revision. \
             Clients get different data depending on the member that they read from, and no member \
             notices by itself.",
        )
        .resting_on(evidence)
        .caused_by([
            DEFECTS,
            "a data directory or a snapshot that was copied or restored by hand",
            "a disk or a file system that lost writes",
        ])
        .next([
            format!(
                "compare the data: etcdctl --endpoints={} endpoint hashkv --write-out=table",
                endpoints.join(",")
            ),
            save_each(&endpoints),
            remedy,
        ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    /// So many entries, of which each is a write.
    fn write(scene: &mut Scene, id: u64, entries: u64) {
        let status = &mut scene.member(id).status;
        status.raft_index += entries;
        status.raft_applied_index += entries;
        status.header.revision += entries as i64;
    }

    #[test]
    fn a_member_whose_revision_stays_apart_is_named_and_it_ends_when_it_is_replaced() {
        let mut scene = Scene::new(3);
        scene.sweeps(3);
        scene.member(3).status.header.revision += 1;
        assert_eq!(open(&scene.sweeps(4)), [""; 0]);
        let verdict = scene.sweeps(3);
        assert_eq!(open(&verdict), ["revision_diverged m3"]);
        let finding = &of_kind(&verdict, FindingKind::RevisionDiverged)[0];
        assert_eq!(finding.evidence[2].observed, "raft applied index = 90, revision = 71");
        scene.member(3).status.header.revision -= 1;
        assert!(of_kind(&scene.sweeps(5), FindingKind::RevisionDiverged).is_empty());
    }

    #[test]
    fn it_goes_on_while_it_is_now_more_now_less_plain_who_it_is() {
        let mut scene = Scene::new(3);
        scene.sweeps(3);
        scene.member(3).status.header.revision += 1;
        let mut told = Vec::new();
        for round in 0..21 {
            // In every third sweep m2 seems to be where m3 is, so that two sweeps name nobody.
            let apart = i64::from(round % 3 == 0);
            scene.member(2).status.header.revision += apart;
            told.push(open(&scene.sweep()).concat());
            scene.member(2).status.header.revision -= apart;
        }
        told.dedup();
        let last = "revision_diverged m3";
        assert!(told == ["", last] || told == ["", "revision_diverged", last], "{told:?}");
    }

    #[test]
    fn a_start_of_the_monitor_tells_nothing_anew() {
        let mut scene = Scene::new(3);
        scene.member(3).status.header.revision += 1;
        let open = of_kind(&scene.sweeps(9), FindingKind::RevisionDiverged);
        scene.restart_monitor(open.iter().map(|finding| (**finding).clone()).collect());
        assert_eq!(of_kind(&scene.sweep(), FindingKind::RevisionDiverged).len(), 1);
        let again = of_kind(&scene.sweeps(3), FindingKind::RevisionDiverged);
        assert_eq!(again[0].since, open[0].since);
    }

    #[test]
    fn two_members_that_differ_are_told_without_a_culprit() {
        let mut scene = Scene::new(2);
        scene.sweeps(3);
        scene.member(2).status.header.revision = i64::MIN;
        scene.member(1).status.header.revision = i64::MAX;
        assert_eq!(open(&scene.sweeps(8)), ["revision_diverged"]);
    }

    #[test]
    fn a_divergence_under_load_is_seen_too() {
        let mut scene = Scene::new(3);
        scene.member(2).status.header.revision += 700;
        for _ in 0..9 {
            (1..=3).for_each(|id| write(&mut scene, id, 2_000));
            scene.sweep();
        }
        assert_eq!(open(&scene.sweep()), ["revision_diverged m2"]);
    }

    /// A question for the alarms is an entry too.
    #[test]
    fn a_small_divergence_is_seen_whether_answers_come_fast_or_slowly() {
        let mut scene = Scene::new(3);
        scene.member(3).status.header.revision += 5;
        for sweep in 0..9 {
            for id in 1..=3 {
                let says = scene.member(id);
                says.status.raft_index += 12;
                says.status.raft_applied_index += 12;
                says.took = Duration::from_millis(if sweep % 2 == 0 { 2 } else { 150 });
            }
            scene.sweep();
        }
        assert_eq!(open(&scene.sweep()), ["revision_diverged m3"]);
    }

    #[test]
    fn writes_in_flight_are_no_divergence() {
        let mut scene = Scene::new(3);
        for sweep in 0..40_u64 {
            for id in 1..=3 {
                // 1,000 a second; answers that are up to 100 ms apart, differently each time.
                let drift = (sweep * 37 + id * 61) % 100;
                let entries = 2_000 * (sweep + 1) + drift;
                let status = &mut scene.member(id).status;
                status.raft_index = 90 + entries;
                status.raft_applied_index = 90 + entries;
                // Read a little later than the index.
                status.header.revision = 70 + (entries + (sweep + id) % 4) as i64;
            }
            let verdict = scene.sweep();
            assert!(of_kind(&verdict, FindingKind::RevisionDiverged).is_empty(), "{sweep}");
        }
    }

    #[test]
    fn a_member_that_lags_is_not_compared() {
        let mut scene = Scene::new(3);
        for _ in 0..12 {
            (1..=2).for_each(|id| write(&mut scene, id, 50));
            let verdict = scene.sweep();
            assert!(of_kind(&verdict, FindingKind::RevisionDiverged).is_empty());
        }
    }
}
