//! Disks that become slow, by the histograms that etcd would show.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::scene::{Scene, of_kind, open};

const A_WHILE: Duration = Duration::from_mins(2);

/// The disk of each member: durations are observed and shown as etcd shows them.
#[derive(Default)]
struct Disk(BTreeMap<(u64, &'static str), Vec<f64>>);

impl Disk {
    fn observe(&mut self, scene: &mut Scene, id: u64, metric: &'static str, took: f64, count: f64) {
        let counts = self.0.entry((id, metric)).or_insert_with(|| vec![0.0; 15]);
        let bounds = (0..14).map(|power| 0.001 * f64::from(1 << power)).chain([f64::INFINITY]);
        for (bound, total) in bounds.zip(counts) {
            if took <= bound {
                *total += count;
            }
            let le = if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() };
            scene.metric(id, &format!("{metric}_bucket{{le=\"{le}\"}}"), *total);
        }
    }

    fn fsync(&mut self, scene: &mut Scene, id: u64, took: f64, count: f64) {
        self.observe(scene, id, FSYNC.metric, took, count);
    }
}

/// A busy cluster on good disks, of which `m2` then has another; after how long that is told, and as
/// what.
fn told(took: f64, per_scrape: f64) -> Option<(Duration, Severity, String)> {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    scene.run(A_WHILE, |scene, _| {
        (1..=3).for_each(|id| disk.fsync(scene, id, 0.001, 15_000.0));
    });
    let start = scene.now;
    for _ in 0..12 {
        let verdict = scene.run(Duration::from_secs(15), |scene, _| {
            disk.fsync(scene, 1, 0.001, 15_000.0);
            disk.fsync(scene, 2, took, per_scrape);
            disk.fsync(scene, 3, 0.001, 15_000.0);
        });
        let open = open(&verdict);
        if !open.is_empty() {
            assert_eq!(open, ["slow_fsync m2"]);
            let finding = &of_kind(&verdict, FindingKind::SlowFsync)[0];
            let after = scene.now.duration_since(start).unsigned_abs();
            return Some((after, finding.severity, finding.summary.clone()));
        }
    }
    None
}

#[test]
fn a_disk_that_becomes_slow_is_told_with_its_grade_within_75_seconds() {
    for (took, severity, words) in [
        (0.05, Severity::Info, "between 32 ms and 64 ms"),
        (0.2, Severity::Warning, "between 128 ms and 256 ms"),
        (1.2, Severity::Critical, "between 1.0 s and 2.0 s"),
        (9.0, Severity::Critical, "above 8.2 s"),
    ] {
        // A writer that waits for its disk, so that the slower it is the fewer there are; the fault
        // may begin right after a scrape.
        let per_scrape = f64::floor(15.0 / took).max(10.0);
        let (after, told, summary) = told(took, per_scrape).unwrap_or_else(|| panic!("{took}"));
        assert_eq!(told, severity, "{took}: {summary}");
        assert!(summary.contains(words), "{summary}");
        assert!(after + Duration::from_secs(15) <= Duration::from_secs(76), "{took}: {after:?}");
    }
}

#[test]
fn a_good_disk_and_a_few_outliers_are_no_findings() {
    assert_eq!(told(0.006, 2_000.0), None);
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    let verdict = scene.run(A_WHILE, |scene, scrapes| {
        disk.fsync(scene, 1, 0.002, 20.0);
        // Two long ones in each minute, of eighty.
        disk.fsync(scene, 1, 1.5, if scrapes % 2 == 0 { 1.0 } else { 0.0 });
    });
    assert!(verdict.view.findings.is_empty(), "{:?}", verdict.view.findings);
}

#[test]
fn few_observations_say_nothing() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    let verdict = scene.run(A_WHILE, |scene, _| disk.fsync(scene, 1, 2.0, 3.0));
    assert!(verdict.view.findings.is_empty(), "{:?}", verdict.view.findings);
}

#[test]
fn a_repaired_disk_ends_the_finding() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    let verdict = scene.run(A_WHILE, |scene, _| disk.fsync(scene, 3, 0.3, 50.0));
    assert_eq!(open(&verdict), ["slow_fsync m3"]);
    let verdict = scene.run(A_WHILE, |scene, _| disk.fsync(scene, 3, 0.001, 150.0));
    assert!(verdict.view.findings.is_empty(), "{:?}", verdict.view.findings);
}

#[test]
fn a_disk_that_stalls_a_member_is_told_as_long_as_its_pages_come() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    scene.run(Duration::from_mins(1), |scene, _| disk.fsync(scene, 3, 0.001, 500.0));
    // Its Status is late from now on, but its pages are read: the scene reads those of members that
    // answer, so it answers for the moment of a scrape.
    let mut told = Vec::new();
    for scrape in 0..8 {
        scene.member(3).answers = true;
        disk.fsync(&mut scene, 3, 1.5, 12.0);
        scene.now += jiff::SignedDuration::from_secs(1);
        scene.scrape();
        scene.member(3).answers = false;
        let verdict = scene.sweeps(7);
        if scrape > 3 {
            told.extend(open(&verdict));
        }
    }
    assert!(told.contains(&"slow_fsync m3".to_owned()), "{told:?}");
    assert!(told.contains(&"member_unreachable m3".to_owned()), "{told:?}");
}

#[test]
fn a_stalled_member_is_judged_by_its_page_though_it_answered_once_after_it() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    scene.run(Duration::from_mins(1), |scene, _| disk.fsync(scene, 3, 0.001, 500.0));
    let start = scene.now;
    let mut opened = None;
    for _ in 0..8 {
        // A page comes, its member answers a last time, and then is late until the next one.
        scene.member(3).answers = true;
        disk.fsync(&mut scene, 3, 1.2, 10.0);
        scene.scrape();
        scene.now += jiff::SignedDuration::from_secs(1);
        scene.sweep();
        scene.member(3).answers = false;
        for _ in 0..7 {
            let is_told = open(&scene.sweep()).contains(&"slow_fsync m3".to_owned());
            if is_told && opened.is_none() {
                opened = Some(scene.now.duration_since(start).unsigned_abs());
            }
            assert!(is_told || opened.is_none(), "it is no longer told: {:?}", scene.now);
        }
    }
    assert!(opened.is_some_and(|after| after <= Duration::from_secs(46)), "{opened:?}");
}

#[test]
fn a_member_that_stays_silent_is_not_judged_by_its_last_page() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    scene.run(A_WHILE, |scene, _| disk.fsync(scene, 3, 1.2, 10.0));
    scene.member(3).answers = false;
    // The next page does not come.
    scene.member(3).page.clear();
    let verdict = scene.run(Duration::from_mins(2), |_, _| {});
    assert!(of_kind(&verdict, FindingKind::SlowFsync).is_empty(), "{:?}", open(&verdict));
}

#[test]
fn slow_everywhere_points_to_what_is_shared() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    let verdict = scene.run(A_WHILE, |scene, _| {
        (1..=3).for_each(|id| disk.fsync(scene, id, 0.2, 50.0));
    });
    let found = of_kind(&verdict, FindingKind::SlowFsync);
    assert_eq!(found.len(), 3);
    assert!(found[0].explanation.contains("All 3 members"), "{}", found[0].explanation);
    assert!(found[0].causes[0].contains("share"), "{:?}", found[0].causes);
}

#[test]
fn a_commit_that_is_slow_beside_a_fast_log_has_its_own_causes() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    let verdict = scene.run(A_WHILE, |scene, _| {
        (1..=3).for_each(|id| disk.fsync(scene, id, 0.001, 150.0));
        disk.observe(scene, 1, COMMIT.metric, 0.3, 50.0);
        scene.metric(1, "etcd_disk_defrag_inflight", 1.0);
    });
    assert_eq!(open(&verdict), ["slow_commit m1"]);
    let finding = &of_kind(&verdict, FindingKind::SlowCommit)[0];
    assert!(finding.causes[0].contains("defragmentation"), "{:?}", finding.causes);
    assert!(finding.causes[1].contains("large batches"), "{:?}", finding.causes);
}

#[test]
fn counts_that_are_no_counts_say_nothing() {
    let (mut scene, mut disk) = (Scene::new(3), Disk::default());
    let verdict = scene.run(A_WHILE, |scene, scrapes| {
        disk.fsync(scene, 2, 0.001, 150.0);
        for (le, value) in [
            ("0.001", f64::NAN),
            ("-1", f64::INFINITY),
            ("NaN", 5.0),
            ("8.192", -f64::from(scrapes) * 1e300),
            ("+Inf", f64::INFINITY),
        ] {
            scene.metric(1, &format!("{}_bucket{{le=\"{le}\"}}", FSYNC.metric), value);
        }
    });
    assert!(open(&verdict).iter().all(|word| word == "slow_fsync m1"), "{:?}", open(&verdict));
}
