//! What holds for all detectors together.

use std::time::Duration;

use etcd::{Alarm, AlarmKind, DowngradeInfo, MemberInfo};
use model::finding::FindingKind;
use model::id::{ClusterId, MemberId};

use super::{basis, hysteresis};
use crate::consistency::{Check, Consistency, Outcome};
use crate::scene::{SCRAPES, Scene};

/// Numbers that look random and are the same in each run (splitmix64), with many extremes.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        match z % 8 {
            0 => 0,
            1 => u64::MAX,
            2 => i64::MAX as u64,
            3 => i64::MIN as u64,
            4 => z % 200,
            _ => z,
        }
    }

    fn is_so(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}

/// Has `m2` tell nonsense; also of who it is, if `of_itself`.
fn tell_nonsense(scene: &mut Scene, numbers: &mut Numbers, of_itself: bool) {
    let now = scene.now;
    let says = scene.member(2);
    let status = &mut says.status;
    if of_itself {
        status.header.cluster_id = ClusterId(numbers.next());
        status.header.member_id = MemberId(numbers.next());
        says.reads = numbers.is_so();
        says.local_members = (0..numbers.next() % 5)
            .map(|index| MemberInfo {
                id: MemberId(numbers.next()),
                name: "\u{202e}".repeat(index as usize),
                peer_urls: vec![String::new(), "::".into()],
                client_urls: vec!["http://[".into()],
                is_learner: numbers.is_so(),
            })
            .collect();
        says.alarms = vec![Alarm { member: MemberId(numbers.next()), kind: AlarmKind::Other(7) }];
        says.certificate_expires_at =
            Some(if numbers.is_so() { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX });
    }
    let status = &mut says.status;
    status.header.revision = numbers.next() as i64;
    status.header.raft_term = numbers.next();
    status.raft_term = numbers.next();
    status.raft_index = numbers.next();
    status.raft_applied_index = numbers.next();
    status.db_size_bytes = numbers.next();
    status.db_size_in_use_bytes = Some(numbers.next());
    status.db_size_quota_bytes = Some(numbers.next());
    status.leader = numbers.is_so().then(|| MemberId(numbers.next()));
    status.version = ["", "3.5.1", "4294967295.4294967295.4294967295", "\u{0}.\u{0}.\u{0}"]
        [(numbers.next() % 4) as usize]
        .into();
    status.errors = vec!["\u{1b}[2J".into(); (numbers.next() % 3) as usize];
    status.downgrade =
        numbers.is_so().then(|| DowngradeInfo { enabled: true, target_version: "9".repeat(1_000) });
    scene.metric(2, "process_start_time_seconds", numbers.next() as f64 - 9e18);
    scene.metric(2, "etcd_server_has_leader", f64::NAN);
    scene.consistency = Some(Consistency::new(now).after(Check {
        outcome: Outcome::Mismatch(vec![MemberId(numbers.next())]),
        ..Check::not_begun(now, "")
    }));
}

#[test]
fn a_member_that_tells_nonsense_brings_nothing_down() {
    for seed in 0..20 {
        let mut numbers = Numbers(seed);
        let mut scene = Scene::new(3 + seed % 3);
        scene.also_says(2, "203.0.113.1:2379");
        scene.run(Duration::from_secs(100), |scene, _| {
            tell_nonsense(scene, &mut numbers, true);
        });
    }
}

#[test]
fn a_member_that_tells_nonsense_puts_no_other_in_the_wrong() {
    for seed in 0..20 {
        let mut numbers = Numbers(seed);
        let mut scene = Scene::new(3);
        for _ in 0..60 {
            tell_nonsense(&mut scene, &mut numbers, false);
            scene.consistency = None;
            let verdict = scene.sweep();
            for finding in &verdict.view.findings {
                let is_of_another = finding.member.as_ref().is_some_and(|of| of.name != "m2");
                assert!(!is_of_another, "{}: {}", finding.kind, finding.summary);
            }
        }
    }
}

#[test]
fn every_kind_has_a_basis_and_is_believed_within_an_hour() {
    for kind in FindingKind::ALL {
        let needed = hysteresis(kind, SCRAPES);
        assert!(needed.raise >= 1 && needed.clear >= 1, "{kind}");
        assert!(needed.raise_after <= Duration::from_hours(1), "{kind} {:?}", basis(kind));
    }
}

#[test]
fn each_kind_has_a_runbook_and_stands_in_the_manual() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let manual = std::fs::read_to_string(docs.join("detection.md")).unwrap();
    for kind in FindingKind::ALL {
        let runbook = docs.join(format!("runbooks/{kind}.md"));
        let text = std::fs::read_to_string(&runbook).unwrap_or_default();
        assert!(text.starts_with(&format!("# {kind}: ")), "{} has no title", runbook.display());
        for part in
            ["What it means", "How it is detected", "What to do", "false alarm", "How to tune"]
        {
            assert!(text.contains(part), "{}: nothing about {part:?}", runbook.display());
        }
        assert!(
            manual.contains(&format!("[{kind}](runbooks/{kind}.md)")),
            "{kind} in detection.md"
        );
    }
}
