//! The life of findings, sweep by sweep.

use jiff::SignedDuration;

use super::*;

fn condition(kind: FindingKind) -> Condition {
    let member = MemberRef { id: Some(MemberId(1)), name: "m1".into(), endpoint: "m1:2379".into() };
    Condition::new(kind, Severity::Warning, kind.to_string()).of(Some(member))
}

/// Feeds one sweep per second; `Some(kind)` is seen, `None` is a clean sweep. Returns the turns
/// in words.
fn turns(sweeps: &[Option<FindingKind>]) -> (Vec<String>, FindingBook) {
    let mut book = FindingBook::default();
    let mut words = Vec::new();
    for (second, seen) in (0..).zip(sweeps) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let conditions = seen.iter().map(|kind| condition(*kind)).collect();
        words.extend(book.observe(conditions, &Round::plain(now)).iter().map(|t| word(second, t)));
    }
    (words, book)
}

fn word(second: i64, turn: &Turn) -> String {
    match turn {
        Turn::Opened(finding) => format!("{second}s opened {}", finding.kind),
        Turn::Changed(finding) => format!("{second}s changed {}", finding.kind),
        Turn::Closed(finding) => format!("{second}s closed {}", finding.kind),
        Turn::Gone(finding) => format!("{second}s gone {}", finding.kind),
    }
}

const DOWN: Option<FindingKind> = Some(FindingKind::MemberDown);
const UNREACHABLE: Option<FindingKind> = Some(FindingKind::MemberUnreachable);

#[test]
fn a_finding_is_believed_after_k_sweeps_and_over_after_m() {
    let (words, book) = turns(&[DOWN, DOWN, DOWN, None, DOWN, None, None, None]);
    assert_eq!(words, ["2s opened member_down", "7s closed member_down"]);
    let closed = book.closed().next().unwrap();
    assert_eq!(closed.since, Timestamp::UNIX_EPOCH);
    assert!(book.active().is_empty() && book.is_calm());
}

#[test]
fn the_root_of_a_finding_is_told_with_it_and_when_it_goes() {
    let mut book = FindingBook::default();
    let kinds = [FindingKind::MemberDown, FindingKind::NoLeader];
    let mut observe = |second: i64, kinds: &[FindingKind]| {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let conditions = kinds.iter().map(|kind| condition(*kind)).collect();
        let turns = book.observe(conditions, &Round::plain(now));
        let told = turns.iter().map(|turn| word(second, turn)).zip(turns.iter().cloned());
        told.map(|(word, turn)| (word, turn.into_finding().hidden_by)).collect::<Vec<_>>()
    };
    observe(0, &kinds);
    observe(1, &kinds);
    let down = Some(FindingKind::MemberDown);
    let opened = [("2s opened no_leader".into(), down), ("2s opened member_down".into(), None)];
    let mut told = observe(2, &kinds);
    told.sort_by_key(|(_, hidden_by)| hidden_by.is_none());
    assert_eq!(told, opened);
    for second in 3..5 {
        assert_eq!(observe(second, &kinds[1..]), []);
    }
    let told = observe(5, &kinds[1..]);
    assert_eq!(told[1], ("5s changed no_leader".into(), None), "{told:?}");
}

#[test]
fn what_is_seen_once_is_never_told() {
    let (words, book) = turns(&[DOWN, None, DOWN, DOWN, None]);
    assert!(words.is_empty());
    assert!(book.active().is_empty());
}

#[test]
fn what_is_about_to_be_believed_outlives_a_page_that_did_not_come() {
    let opened_at = |is_told: bool, silence: i64| {
        let mut book = FindingBook::default();
        let slow = Some(FindingKind::SlowFsync);
        let sweeps = [(0, slow), (2, None), (silence, slow), (silence + 6, slow)];
        sweeps.into_iter().find_map(|(second, seen)| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
            let round = Round {
                scrape_interval: Duration::from_secs(15),
                tells_since: &|_, _| is_told,
                ..Round::plain(now)
            };
            let conditions = seen.map(condition).into_iter().collect();
            let turns = book.observe(conditions, &round);
            turns.first().map(|turn| word(second, turn))
        })
    };
    assert_eq!(opened_at(false, 14), Some("14s opened slow_fsync".to_owned()));
    assert_eq!(opened_at(true, 14), None, "a page that shows it no more ends it");
    assert_eq!(opened_at(true, 10), None);
}

#[test]
fn an_alarm_is_told_at_once() {
    let alarm = Some(FindingKind::Nospace);
    assert_eq!(turns(&[alarm, None]).0, ["0s opened nospace", "1s closed nospace"]);
}

#[test]
fn an_absent_member_keeps_its_start_when_its_peers_turn_out_to_have_lost_it() {
    let sweeps = [UNREACHABLE, UNREACHABLE, DOWN, DOWN];
    assert_eq!(turns(&sweeps).0, ["2s opened member_down"]);
    let (words, book) = turns(&[UNREACHABLE, UNREACHABLE, UNREACHABLE, DOWN]);
    assert_eq!(
        words,
        ["2s opened member_unreachable", "3s closed member_unreachable", "3s opened member_down"]
    );
    assert_eq!(book.active()[0].since, Timestamp::UNIX_EPOCH);
}

#[test]
fn another_name_for_an_open_finding_closes_it_only_when_it_is_believed() {
    let (words, book) = turns(&[DOWN, DOWN, DOWN, None, UNREACHABLE, DOWN]);
    assert_eq!(words, ["2s opened member_down"]);
    assert_eq!(book.active()[0].state, FindingState::Open);
    let (words, _) = turns(&[DOWN, DOWN, DOWN, None, UNREACHABLE, UNREACHABLE, UNREACHABLE]);
    let ends = ["6s closed member_down", "6s opened member_unreachable"];
    assert_eq!(words[1..], ends);
}

/// An open finding after a restart: what becomes of it in each sweep, complete or not.
fn remembered(sweeps: &[(Option<FindingKind>, bool)]) -> (Vec<String>, FindingBook) {
    let (_, before) = turns(&[DOWN, DOWN, DOWN]);
    let open = before.active().iter().map(|finding| (**finding).clone()).collect();
    let mut book = FindingBook::with_past(open);
    let mut words = Vec::new();
    for (second, (seen, is_complete)) in (100..).zip(sweeps) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let conditions = seen.iter().map(|kind| condition(*kind)).collect();
        let round = Round { would_show: &|_| *is_complete, ..Round::plain(now) };
        let turns = book.observe(conditions, &round);
        words.extend(turns.iter().map(|turn| word(second, turn)));
    }
    (words, book)
}

#[test]
fn a_finding_that_is_still_there_after_a_restart_keeps_its_start() {
    let (words, book) = remembered(&[(None, false), (UNREACHABLE, true), (DOWN, true)]);
    assert!(words.is_empty(), "{words:?}");
    let finding = &book.active()[0];
    assert_eq!((finding.state, finding.since), (FindingState::Open, Timestamp::UNIX_EPOCH));
    assert_eq!(remembered(&[(DOWN, true), (None, true)]).0, [""; 0]);
}

#[test]
fn a_finding_that_is_gone_after_a_restart_is_over_with_the_first_complete_sweep() {
    let (words, book) = remembered(&[(None, false), (None, false), (None, true)]);
    assert_eq!(words, ["102s gone member_down"]);
    let closed = book.closed().next().unwrap();
    assert_eq!(closed.closed_at.map(Timestamp::as_second), Some(102));
    assert!(closed.evidence.last().unwrap().observed.contains("nobody saw"));
    let (words, book) = remembered(&[(None, false)]);
    assert!(words.is_empty());
    assert_eq!(book.active()[0].state, FindingState::Clearing);
}
